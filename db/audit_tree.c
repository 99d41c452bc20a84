#include "db/audit_tree.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

/* One context a thread, kept: a journal is millions of short hashes. */
static GPrivate own_context = G_PRIVATE_INIT((GDestroyNotify)EVP_MD_CTX_free);

static void
fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    g_assert(sha256 != NULL);
}

typedef struct {
    const void *data;
    gsize length;
} Piece;

static void
hash_pieces(const Piece *pieces, guint n_pieces, guint8 hash[KL_HASH_SIZE])
{
    EVP_MD_CTX *context = g_private_get(&own_context);
    if (context == NULL) {
        pthread_once(&sha256_once, fetch);
        context = EVP_MD_CTX_new();
        g_private_set(&own_context, context);
    }
    gboolean ok = EVP_DigestInit_ex2(context, sha256, NULL) == 1;
    for (guint i = 0; ok && i < n_pieces; i++)
        ok = EVP_DigestUpdate(context, pieces[i].data, pieces[i].length) == 1;
    ok = ok && EVP_DigestFinal_ex(context, hash, NULL) == 1;
    g_assert(ok);
}

void
kl_audit_digest(const char *bytes, gsize length, guint8 hash[KL_HASH_SIZE])
{
    const Piece piece = {bytes, length};
    hash_pieces(&piece, 1, hash);
}

void
kl_audit_chain(const guint8 before[KL_HASH_SIZE], const char *body, gsize length, guint8 hash[KL_HASH_SIZE])
{
    const Piece pieces[] = {{before, KL_HASH_SIZE}, {body, length}};
    hash_pieces(pieces, G_N_ELEMENTS(pieces), hash);
}

void
kl_audit_leaf(const char *body, gsize length, guint8 hash[KL_HASH_SIZE])
{
    const Piece pieces[] = {{"\x00", 1}, {body, length}};
    hash_pieces(pieces, G_N_ELEMENTS(pieces), hash);
}

void
kl_audit_node(const guint8 left[KL_HASH_SIZE], const guint8 right[KL_HASH_SIZE], guint8 hash[KL_HASH_SIZE])
{
    const Piece pieces[] = {{"\x01", 1}, {left, KL_HASH_SIZE}, {right, KL_HASH_SIZE}};
    hash_pieces(pieces, G_N_ELEMENTS(pieces), hash);
}

guint
kl_audit_frontier_length(guint64 n)
{
    return (guint)__builtin_popcountll(n);
}

/* As a binary counter takes one more: two subtrees of a size become one of the next. */
void
kl_audit_frontier_add(KlAuditFrontier *frontier, const guint8 leaf[KL_HASH_SIZE])
{
    guint length = kl_audit_frontier_length(frontier->n);
    guint8 carry[KL_HASH_SIZE];
    memcpy(carry, leaf, KL_HASH_SIZE);
    for (guint64 bits = frontier->n; (bits & 1) != 0; bits >>= 1)
        kl_audit_node(frontier->hashes[--length], carry, carry);
    memcpy(frontier->hashes[length], carry, KL_HASH_SIZE);
    frontier->n++;
}

void
kl_audit_frontier_root(const KlAuditFrontier *frontier, guint8 root[KL_HASH_SIZE])
{
    guint length = kl_audit_frontier_length(frontier->n);
    g_assert(length > 0);
    memcpy(root, frontier->hashes[--length], KL_HASH_SIZE);
    while (length > 0)
        kl_audit_node(frontier->hashes[--length], root, root);
}
