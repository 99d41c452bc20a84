/* The hashes of the journal: its chain, and its tree (RFC 6962, section 2.1). Pure. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_HASH_SIZE 32

/* SHA-256 of the bytes alone. */
void kl_audit_digest(const char *bytes, gsize length, guint8 hash[KL_HASH_SIZE]);
/* h(n) = SHA-256(before || body); hash may be before. */
void kl_audit_chain(const guint8 before[KL_HASH_SIZE], const char *body, gsize length, guint8 hash[KL_HASH_SIZE]);
/* leaf(n) = SHA-256(0x00 || body). */
void kl_audit_leaf(const char *body, gsize length, guint8 hash[KL_HASH_SIZE]);
/* SHA-256(0x01 || left || right); hash may be either. */
void kl_audit_node(const guint8 left[KL_HASH_SIZE], const guint8 right[KL_HASH_SIZE], guint8 hash[KL_HASH_SIZE]);

/* The perfect subtrees of a tree that grows, left to right: as many as n has bits set. Plain data. */
typedef struct {
    guint64 n;
    guint8 hashes[64][KL_HASH_SIZE];
} KlAuditFrontier;

/* How many hashes a frontier over n leaves has. */
guint kl_audit_frontier_length(guint64 n);
void kl_audit_frontier_add(KlAuditFrontier *frontier, const guint8 leaf[KL_HASH_SIZE]);
/* n > 0. */
void kl_audit_frontier_root(const KlAuditFrontier *frontier, guint8 root[KL_HASH_SIZE]);

G_END_DECLS
