#include "station/pin.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "station/error.h"

#define PIN_MIN_CHARS 4
#define PIN_MAX_CHARS 64
#define SALT_SIZE 16
#define HASH_SIZE 32
#define MEMORY_MAX ((guint64)64 << 20) /* bytes that a hash may ask for */

/* What a hash is made with: RFC 7914's interactive parameters, 32 MiB and some 0.1 s a try. */
typedef struct {
    guint64 n, r, p;
    guint8 salt[SALT_SIZE];
    guint8 hash[HASH_SIZE];
} PinHash;

static gboolean
derive(const PinHash *from, const KlSecret *pin, guint8 hash[HASH_SIZE], GError **error)
{
    if (EVP_PBE_scrypt(kl_secret_peek(pin), kl_secret_length(pin), from->salt, SALT_SIZE, from->n, from->r, from->p,
                       MEMORY_MAX * 2, hash, HASH_SIZE) != 1)
        return kl_fail(error, KL_ERROR_INTERNAL, "scrypt failed");
    return TRUE;
}

char *
kl_pin_hash(const KlSecret *pin, GError **error)
{
    const char *text = kl_secret_peek(pin);
    glong length =
        g_utf8_validate(text, (gssize)kl_secret_length(pin), NULL) ? g_utf8_strlen(text, -1) : PIN_MAX_CHARS + 1;
    if (length < PIN_MIN_CHARS || length > PIN_MAX_CHARS) {
        kl_fail(error, KL_ERROR_USAGE, "a PIN has %d to %d characters", PIN_MIN_CHARS, PIN_MAX_CHARS);
        return NULL;
    }
    PinHash made = {.n = 1 << 15, .r = 8, .p = 1};
    if (RAND_bytes(made.salt, SALT_SIZE) != 1) {
        kl_fail(error, KL_ERROR_INTERNAL, "no random numbers");
        return NULL;
    }
    if (!derive(&made, pin, made.hash, error))
        return NULL;
    g_autofree char *salt = g_base64_encode(made.salt, SALT_SIZE);
    g_autofree char *hash = g_base64_encode(made.hash, HASH_SIZE);
    return g_strdup_printf("scrypt$%" G_GUINT64_FORMAT "$%" G_GUINT64_FORMAT "$%" G_GUINT64_FORMAT "$%s$%s", made.n,
                           made.r, made.p, salt, hash);
}

static gboolean
decode(const char *text, guint8 *bytes, gsize size)
{
    gsize length = 0;
    g_autofree guint8 *decoded = g_base64_decode(text, &length);
    if (length != size)
        return FALSE;
    memcpy(bytes, decoded, size);
    return TRUE;
}

/* Reads a hash. What it asks for is bounded: a damaged one must not take all memory, or minutes. */
static gboolean
parse(const char *text, PinHash *parsed)
{
    g_auto(GStrv) parts = g_strsplit(text, "$", 7);
    if (g_strv_length(parts) != 6 || strcmp(parts[0], "scrypt") != 0)
        return FALSE;
    return g_ascii_string_to_unsigned(parts[1], 10, 2, 1 << 20, &parsed->n, NULL) &&
           (parsed->n & (parsed->n - 1)) == 0 && g_ascii_string_to_unsigned(parts[2], 10, 1, 64, &parsed->r, NULL) &&
           g_ascii_string_to_unsigned(parts[3], 10, 1, 16, &parsed->p, NULL) &&
           128 * parsed->n * parsed->r <= MEMORY_MAX && decode(parts[4], parsed->salt, SALT_SIZE) &&
           decode(parts[5], parsed->hash, HASH_SIZE);
}

gboolean
kl_pin_verify(const char *hash, const KlSecret *pin, GError **error)
{
    PinHash kept = {0};
    if (!parse(hash, &kept))
        return kl_fail(error, KL_ERROR_STORE_CORRUPT, "the kept PIN is not a scrypt hash");
    guint8 tried[HASH_SIZE];
    if (!derive(&kept, pin, tried, error))
        return FALSE;
    gboolean same = CRYPTO_memcmp(tried, kept.hash, HASH_SIZE) == 0;
    OPENSSL_cleanse(tried, sizeof tried);
    return same || kl_fail(error, KL_ERROR_PIN_WRONG, "it is not the PIN that was set");
}
