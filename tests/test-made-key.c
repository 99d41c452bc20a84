/* Keys that are made for units: openssl reads them, the CSR policy takes their requests, and nothing of them is left in
 * memory that OpenSSL has freed. */
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "certs/csr.h"
#include "certs/made_key.h"
#include "certs/openssl_auto.h"
#include "tests/certs_oracle.h"

/* --- what was freed, as it was when it was --- */

#define FREED_MAX 65536

static struct {
    gboolean watching;
    guint n;
    void *blocks[FREED_MAX];
} freed;

static void *
take(size_t size, const char *file, int line)
{
    return malloc(size);
}

static void
give_back(void *block, const char *file, int line)
{
    if (freed.watching && block != NULL && freed.n < FREED_MAX)
        freed.blocks[freed.n++] = block;
    else
        free(block);
}

/* Never in its place, so that the old block is looked at as well. */
static void *
move(void *block, size_t size, const char *file, int line)
{
    void *moved = malloc(size);
    if (moved == NULL || block == NULL)
        return moved;
    memcpy(moved, block, MIN(size, malloc_usable_size(block)));
    give_back(block, file, line);
    return moved;
}

/* How many of the freed blocks have it. */
static guint
count_left(const void *what, gsize size)
{
    guint left = 0;
    for (guint i = 0; i < freed.n; i++)
        left += memmem(freed.blocks[i], malloc_usable_size(freed.blocks[i]), what, size) != NULL;
    return left;
}

static void
let_go(void)
{
    freed.watching = FALSE;
    for (guint i = 0; i < freed.n; i++)
        free(freed.blocks[i]);
    freed.n = 0;
}

/* --- keys --- */

#define NUMBER_AT 36
#define NUMBER_SIZE 32

static void
test_left_behind(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) csr = NULL;
    freed.watching = TRUE;
    GBytes *pem = kl_made_key("FX30-000001", &csr, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_strndup(g_bytes_get_data(pem, NULL), g_bytes_get_size(pem));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *base64 = g_strconcat(lines[1], lines[2], NULL);
    gsize length = 0;
    g_autofree guint8 *der = g_base64_decode(base64, &length);
    guint8 reversed[NUMBER_SIZE]; /* as large numbers are kept */
    for (guint i = 0; i < NUMBER_SIZE; i++)
        reversed[i] = der[NUMBER_AT + NUMBER_SIZE - 1 - i];
    g_assert_cmpuint(freed.n, >, 20);
    g_assert_cmpuint(count_left(der + NUMBER_AT, NUMBER_SIZE / 2), ==, 0);
    g_assert_cmpuint(count_left(der + NUMBER_AT + NUMBER_SIZE / 2, NUMBER_SIZE / 2), ==, 0);
    g_assert_cmpuint(count_left(reversed, NUMBER_SIZE / 2), ==, 0);
    g_assert_cmpuint(count_left(lines[2], 24), ==, 0);
    /* and nothing of what was handed out, once it is let go */
    guint before = freed.n;
    g_bytes_unref(pem);
    g_assert_cmpuint(freed.n, ==, before + 1);
    g_assert_cmpuint(count_left(lines[1], 24), ==, 0);
    g_assert_cmpuint(count_left(lines[2], 24), ==, 0);
    let_go();
}

/* What OpenSSL makes of the PEM is a whole key, and the request is for it. */
static void
assert_key_of(GBytes *pem, const KlCsr *csr)
{
    g_autoptr(BIO) bio = BIO_new_mem_buf(g_bytes_get_data(pem, NULL), (int)g_bytes_get_size(pem));
    g_autoptr(EVP_PKEY) key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    g_autoptr(EVP_PKEY_CTX) context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    g_assert_cmpint(EVP_PKEY_pairwise_check(context), ==, 1);
    guchar *spki = NULL;
    int length = i2d_PUBKEY(key, &spki);
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, spki, (gsize)length);
    OPENSSL_free(spki);
    g_assert_cmpstr(sha256, ==, csr->spki_sha256);
}

/* Also those whose number begins with zeros. */
static void
test_requests(void)
{
    const KlProfile profile = oracle_profile();
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < 400; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) der = NULL;
        g_autoptr(GBytes) pem = kl_made_key("FX30-000001", &der, &error);
        g_assert_no_error(error);
        g_autoptr(KlCsr) csr = kl_csr_check(der, &profile, "FX30-000001", &error);
        g_assert_no_error(error);
        g_assert_cmpuint(g_bytes_get_size(pem), ==, 241);
        assert_key_of(pem, csr);
        g_assert_true(g_hash_table_add(keys, g_strdup(csr->spki_sha256)));
    }
}

static void
test_openssl(void)
{
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) csr = NULL;
    g_autoptr(GBytes) pem = kl_made_key("FX30-000001", &csr, &error);
    g_assert_no_error(error);
    oracle_write(dir, "key.pem", g_bytes_get_data(pem, NULL), (gssize)g_bytes_get_size(pem));
    oracle_write(dir, "csr.der", g_bytes_get_data(csr, NULL), (gssize)g_bytes_get_size(csr));
    /* what openssl writes of the key that it has read is that key, byte by byte */
    ORACLE(dir, "openssl pkey -in key.pem -noout -check && openssl pkey -in key.pem | cmp - key.pem &&"
                "openssl req -inform DER -in csr.der -noout -verify -subject | grep 'CN = FX30-000001' &&"
                "openssl req -inform DER -in csr.der -noout -pubkey > a && openssl pkey -in key.pem -pubout | cmp - a");
}

static void
test_names(void)
{
    g_autofree char *longest = g_strnfill(64, 'A'), *longer = g_strnfill(65, 'A');
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) csr = NULL, none = NULL;
    g_autoptr(GBytes) pem = kl_made_key(longest, &csr, &error);
    g_assert_no_error(error);
    g_assert_nonnull(pem);
    g_assert_null(kl_made_key(longer, &none, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_INTERNAL);
    g_assert_null(none);
}

int
main(int argc, char **argv)
{
    g_assert_cmpint(CRYPTO_set_mem_functions(take, move, give_back), ==, 1);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/made-key/left-behind", test_left_behind);
    g_test_add_func("/made-key/requests", test_requests);
    g_test_add_func("/made-key/openssl", test_openssl);
    g_test_add_func("/made-key/names", test_names);
    return g_test_run();
}
