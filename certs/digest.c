#include "certs/digest.h"

#include <pthread.h>

static EVP_MD *sha256;

static void
fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    /* A libcrypto without SHA-256 can't run this program at all. */
    g_assert(sha256 != NULL);
}

const EVP_MD *
kl_sha256_algorithm(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch);
    return sha256;
}

void
kl_sha256(const void *data, gsize length, guint8 digest[KL_SHA256_SIZE])
{
    int done = EVP_Digest(data, length, digest, NULL, kl_sha256_algorithm(), NULL);
    g_assert(done == 1);
}

char *
kl_sha256_hex(const void *data, gsize length)
{
    static const char hex[] = "0123456789abcdef";
    guint8 digest[KL_SHA256_SIZE];
    kl_sha256(data, length, digest);

    char *text = g_malloc(2 * KL_SHA256_SIZE + 1);
    for (gsize i = 0; i < KL_SHA256_SIZE; i++) {
        text[2 * i] = hex[digest[i] >> 4];
        text[2 * i + 1] = hex[digest[i] & 15];
    }
    text[2 * KL_SHA256_SIZE] = '\0';
    return text;
}
