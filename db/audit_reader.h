/* The journal as it was at one of its checkpoints, read on a connection of its own within one read transaction: the
 * line works on, and nobody waits. */
#pragma once

#include <sqlite3.h>

#include "db/audit_tree.h"
#include "station/audit.h"

G_BEGIN_DECLS

/* A checkpoint, taken apart. */
typedef struct {
    char *body, *signature;
    guint64 n;
    char *certificate_sha256;
    char *hash; /* h(n), hex */
    guint8 root[KL_HASH_SIZE];
} KlAuditCheckpoint;

/* line: as of checkpoints.jsonl. AUDIT_BROKEN when it is none. */
gboolean kl_audit_checkpoint_parse(const char *line, KlAuditCheckpoint *checkpoint, GError **error);
void kl_audit_checkpoint_clear(KlAuditCheckpoint *checkpoint);

typedef struct {
    sqlite3 *db; /* within a read transaction */
    char *journal;
    KlAuditCheckpoint checkpoint;
    KlAuditFrontier pruned; /* the tree at the end of the last closed period: what lies before may be gone; n 0: none */
    guint64 first;          /* n of the first event that is there */
    char *later;            /* jobs that went on behind the checkpoint, and what is still at work: an SQL condition on
                               jobs.id that leaves them out */
} KlAuditReader;

/* Opens the database. checkpoint: a line of checkpoints.jsonl, up to which it is read; NULL: the last one. SEAL_MISSING
 * when there is none; AUDIT_BROKEN, STORE_*. */
KlAuditReader *kl_audit_reader_open(const char *database, const char *checkpoint, GError **error);
/* The same up to the journal's last event, without a checkpoint's body: to look at. */
KlAuditReader *kl_audit_reader_open_head(const char *database, GError **error);
void kl_audit_reader_free(KlAuditReader *reader);

/* Two hex digits a byte; FALSE when text is not exactly that. */
gboolean kl_audit_unhex(const char *text, guint8 *bytes, gsize length);
/* The other way; writes 2 * length characters, and no end. */
void kl_audit_hex(const guint8 *bytes, gsize length, char *hex);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditCheckpoint, kl_audit_checkpoint_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditReader, kl_audit_reader_free)

G_END_DECLS
