#include "tests/fuzz/fuzz_signed.h"

#include <string.h>

#include "certs/der.h"

#define POINT_SIZE 65

/* AlgorithmIdentifier ecdsa-with-SHA256 (RFC 5758, section 3.2). */
static const guint8 algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
/* How a BIT STRING with an uncompressed P-256 point begins. */
static const guint8 point_head[] = {0x03, 0x42, 0x00, 0x04};

EVP_PKEY *
fuzz_key_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    g_assert_nonnull(key);
    return key;
}

static void
put_own_point(EVP_PKEY *key, guint8 *data, gsize size)
{
    guint8 point[POINT_SIZE];
    gsize length = 0;
    guint8 *at = memmem(data, size, point_head, sizeof point_head);
    if (at == NULL || (gsize)(data + size - at) < sizeof point_head - 1 + POINT_SIZE)
        return;
    g_assert_true(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof point, &length) == 1);
    g_assert_cmpuint(length, ==, POINT_SIZE);
    memcpy(at + sizeof point_head - 1, point, POINT_SIZE);
}

static void
append_value(GByteArray *out, guint8 tag, const GByteArray *content)
{
    const guint8 short_head[] = {tag, (guint8)content->len};
    const guint8 middle_head[] = {tag, 0x81, (guint8)content->len};
    const guint8 long_head[] = {tag, 0x82, (guint8)(content->len >> 8), (guint8)content->len};
    g_assert_cmpuint(content->len, <=, G_MAXUINT16);
    if (content->len < 0x80)
        g_byte_array_append(out, short_head, sizeof short_head);
    else if (content->len < 0x100)
        g_byte_array_append(out, middle_head, sizeof middle_head);
    else
        g_byte_array_append(out, long_head, sizeof long_head);
    g_byte_array_append(out, content->data, content->len);
}

static void
append_signature(GByteArray *out, EVP_PKEY *key, const guint8 *data, gsize size)
{
    guint8 signature[80];
    gsize length = sizeof signature;
    g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
    g_assert_true(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    g_assert_true(EVP_DigestSign(context, signature, &length, data, size) == 1);
    g_autoptr(GByteArray) bits = g_byte_array_new();
    g_byte_array_append(bits, (const guint8 *)"", 1);
    g_byte_array_append(bits, signature, (guint)length);
    append_value(out, KL_DER_BIT_STRING, bits);
}

GBytes *
fuzz_signed(EVP_PKEY *key, const guint8 *data, gsize size, gboolean own_key)
{
    KlDer cursor = {data, size};
    KlDerItem outer, item;
    if (size > G_MAXUINT16 / 2)
        return NULL;
    if (kl_der_expect(&cursor, KL_DER_SEQUENCE, &outer))
        cursor = outer.content;
    if (!kl_der_next(&cursor, &item))
        return NULL;
    gsize length = item.whole.length;
    g_autofree guint8 *info = g_memdup2(item.whole.data, length);
    if (own_key)
        put_own_point(key, info, length);
    g_autoptr(GByteArray) content = g_byte_array_new();
    g_byte_array_append(content, info, (guint)length);
    g_byte_array_append(content, algorithm, sizeof algorithm);
    append_signature(content, key, info, length);
    g_autoptr(GByteArray) whole = g_byte_array_new();
    append_value(whole, KL_DER_SEQUENCE, content);
    return g_byte_array_free_to_bytes(g_steal_pointer(&whole));
}
