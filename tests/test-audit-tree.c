/* The journal's hashes, against RFC 6962's definition word for word (and GLib's SHA-256), and its published example. */
#include "db/audit_tree.h"

#include <string.h>

typedef struct {
    guint8 bytes[KL_HASH_SIZE];
} Hash;

static Hash
sha256(const char *first, gsize first_length, const void *second, gsize second_length, const void *third,
       gsize third_length)
{
    Hash hash;
    gsize size = sizeof hash.bytes;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)first, (gssize)first_length);
    g_checksum_update(checksum, second, (gssize)second_length);
    g_checksum_update(checksum, third, (gssize)third_length);
    g_checksum_get_digest(checksum, hash.bytes, &size);
    return hash;
}

/* MTH(D[n]) of RFC 6962, section 2.1. */
static Hash
tree_hash(char *const *leaves, guint n)
{
    if (n == 1)
        return sha256("\x00", 1, leaves[0], strlen(leaves[0]), "", 0);
    guint k = 1;
    while (2 * k < n)
        k *= 2;
    Hash left = tree_hash(leaves, k), right = tree_hash(leaves + k, n - k);
    return sha256("\x01", 1, left.bytes, KL_HASH_SIZE, right.bytes, KL_HASH_SIZE);
}

static char **
make_leaves(guint n)
{
    char **leaves = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++)
        leaves[i] = g_strdup_printf("%u%.*s", g_test_rand_int_range(0, 1000), (int)(i % 70),
                                    "0123456789012345678901234567890123456789012345678901234567890123456789");
    return leaves;
}

static void
test_every_size(void)
{
    enum { MOST = 300 };
    g_auto(GStrv) leaves = make_leaves(MOST);
    KlAuditFrontier frontier = {0};
    for (guint n = 1; n <= MOST; n++) {
        guint8 leaf[KL_HASH_SIZE], root[KL_HASH_SIZE];
        kl_audit_leaf(leaves[n - 1], strlen(leaves[n - 1]), leaf);
        kl_audit_frontier_add(&frontier, leaf);
        g_assert_cmpuint(frontier.n, ==, n);
        kl_audit_frontier_root(&frontier, root);
        Hash expected = tree_hash(leaves, n);
        g_assert_cmpmem(root, sizeof root, expected.bytes, KL_HASH_SIZE);
    }
}

/* Each hash of the frontier is the tree over a part as long as one bit of n, the highest bit's first. */
static void
test_frontier(void)
{
    enum { N = 0x5b };
    static const guint parts[] = {64, 16, 8, 2, 1};
    g_auto(GStrv) leaves = make_leaves(N);
    KlAuditFrontier frontier = {0};
    for (guint i = 0; i < N; i++) {
        guint8 leaf[KL_HASH_SIZE];
        kl_audit_leaf(leaves[i], strlen(leaves[i]), leaf);
        kl_audit_frontier_add(&frontier, leaf);
    }
    g_assert_cmpuint(kl_audit_frontier_length(N), ==, G_N_ELEMENTS(parts));
    guint from = 0;
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        Hash expected = tree_hash(leaves + from, parts[i]);
        g_assert_cmpmem(frontier.hashes[i], KL_HASH_SIZE, expected.bytes, KL_HASH_SIZE);
        from += parts[i];
    }
    g_assert_cmpuint(kl_audit_frontier_length(0), ==, 0);
    g_assert_cmpuint(kl_audit_frontier_length(G_MAXUINT64), ==, 64);
}

static void
test_chain(void)
{
    guint8 hash[KL_HASH_SIZE] = {0};
    Hash expected;
    memset(&expected, 0, sizeof expected);
    static const char *const bodies[] = {"{}", "", "{\"n\":3}", "\xf0\x9f\x98\x80"};
    for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
        expected = sha256("", 0, expected.bytes, KL_HASH_SIZE, bodies[i], strlen(bodies[i]));
        kl_audit_chain(hash, bodies[i], strlen(bodies[i]), hash);
        g_assert_cmpmem(hash, sizeof hash, expected.bytes, KL_HASH_SIZE);
    }
}

/* RFC 6962's test tree of certificate transparency: leaves "" and 00, 10, 2021, 3031. */
static void
test_published(void)
{
    static const struct {
        const char *data;
        gsize length;
        const char *root;
    } steps[] = {
        {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
        {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
        {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
        {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    };
    KlAuditFrontier frontier = {0};
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        guint8 leaf[KL_HASH_SIZE], root[KL_HASH_SIZE];
        g_autoptr(GString) hex = g_string_new(NULL);
        kl_audit_leaf(steps[i].data, steps[i].length, leaf);
        kl_audit_frontier_add(&frontier, leaf);
        kl_audit_frontier_root(&frontier, root);
        for (guint j = 0; j < KL_HASH_SIZE; j++)
            g_string_append_printf(hex, "%02x", root[j]);
        g_assert_cmpstr(hex->str, ==, steps[i].root);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit-tree/every-size", test_every_size);
    g_test_add_func("/audit-tree/frontier", test_frontier);
    g_test_add_func("/audit-tree/chain", test_chain);
    g_test_add_func("/audit-tree/published", test_published);
    return g_test_run();
}
