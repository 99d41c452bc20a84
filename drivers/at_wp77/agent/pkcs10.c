#include "pkcs10.h"

#include <string.h>

/* DER is written backwards from the end of the buffer: a value's length is then known when its header is due. */
typedef struct {
    uint8_t *start;
    uint8_t *at; /* the first byte written so far */
    uint8_t *end;
    bool full;
} Der;

enum {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_UTF8_STRING = 0x0c,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_ATTRIBUTES = 0xa0
};

/* AlgorithmIdentifier values and the name type, each with its own header. */
static const uint8_t ec_p256_algorithm[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                            0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t ecdsa_sha256_algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t common_name_oid[] = {0x06, 0x03, 0x55, 0x04, 0x03};
static const uint8_t version_0[] = {0x02, 0x01, 0x00};

static Der
der_begin(uint8_t *buffer, size_t cap)
{
    return (Der){.start = buffer, .at = buffer + cap, .end = buffer + cap};
}

static void
der_put(Der *der, const void *bytes, size_t len)
{
    if (der->full || (size_t)(der->at - der->start) < len) {
        der->full = true;
        return;
    }
    der->at -= len;
    memcpy(der->at, bytes, len);
}

static void
der_put_byte(Der *der, uint8_t byte)
{
    der_put(der, &byte, 1);
}

/* Puts a header before everything that was written since `end` was the first byte. Contents stay under 64 KiB. */
static void
der_wrap(Der *der, uint8_t tag, const uint8_t *end)
{
    size_t len = (size_t)(end - der->at);
    der_put_byte(der, (uint8_t)len);
    if (len > 0xff)
        der_put_byte(der, (uint8_t)(len >> 8));
    if (len > 0x7f)
        der_put_byte(der, len > 0xff ? 0x82 : 0x81);
    der_put_byte(der, tag);
}

/* Moves what was written to the front of the buffer. */
static bool
der_finish(Der *der, size_t *len)
{
    if (der->full)
        return false;
    *len = (size_t)(der->end - der->at);
    memmove(der->start, der->at, *len);
    return true;
}

static void
der_put_bit_string(Der *der, const uint8_t *bytes, size_t len)
{
    const uint8_t *end = der->at;
    der_put(der, bytes, len);
    der_put_byte(der, 0); /* no unused bits */
    der_wrap(der, DER_BIT_STRING, end);
}

static void
der_put_unsigned(Der *der, const uint8_t *bytes, size_t len)
{
    while (len > 1 && bytes[0] == 0) {
        bytes++;
        len--;
    }
    const uint8_t *end = der->at;
    der_put(der, bytes, len);
    if (bytes[0] & 0x80)
        der_put_byte(der, 0);
    der_wrap(der, DER_INTEGER, end);
}

static bool
is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

bool
kl_p256_spki(const uint8_t point[KL_P256_POINT_SIZE], uint8_t out[KL_P256_SPKI_SIZE])
{
    if (point[0] != 0x04)
        return false;
    Der der = der_begin(out, KL_P256_SPKI_SIZE);
    der_put_bit_string(&der, point, KL_P256_POINT_SIZE);
    der_put(&der, ec_p256_algorithm, sizeof ec_p256_algorithm);
    der_wrap(&der, DER_SEQUENCE, der.end);
    return !der.full && der.at == der.start;
}

bool
kl_ecdsa_der(const uint8_t raw[KL_P256_SIGNATURE_SIZE], uint8_t out[KL_ECDSA_DER_MAX], size_t *len)
{
    const size_t half = KL_P256_SIGNATURE_SIZE / 2;
    if (is_zero(raw, half) || is_zero(raw + half, half))
        return false;
    Der der = der_begin(out, KL_ECDSA_DER_MAX);
    der_put_unsigned(&der, raw + half, half);
    der_put_unsigned(&der, raw, half);
    der_wrap(&der, DER_SEQUENCE, der.end);
    return der_finish(&der, len);
}

static void
der_put_name(Der *der, const char *cn)
{
    const uint8_t *end = der->at;
    der_put(der, cn, strlen(cn));
    der_wrap(der, DER_UTF8_STRING, end);
    der_put(der, common_name_oid, sizeof common_name_oid);
    der_wrap(der, DER_SEQUENCE, end);
    der_wrap(der, DER_SET, end);
    der_wrap(der, DER_SEQUENCE, end);
}

bool
kl_pkcs10_info(const char *cn, const uint8_t point[KL_P256_POINT_SIZE], uint8_t out[KL_PKCS10_MAX], size_t *len)
{
    uint8_t spki[KL_P256_SPKI_SIZE];
    size_t cn_len = strlen(cn);
    if (cn_len == 0 || cn_len > KL_PKCS10_CN_MAX || !kl_p256_spki(point, spki))
        return false;
    Der der = der_begin(out, KL_PKCS10_MAX);
    der_wrap(&der, DER_ATTRIBUTES, der.at);
    der_put(&der, spki, sizeof spki);
    der_put_name(&der, cn);
    der_put(&der, version_0, sizeof version_0);
    der_wrap(&der, DER_SEQUENCE, der.end);
    return der_finish(&der, len);
}

bool
kl_pkcs10_request(const uint8_t *info, size_t info_len, const uint8_t raw[KL_P256_SIGNATURE_SIZE],
                  uint8_t out[KL_PKCS10_MAX], size_t *len)
{
    uint8_t signature[KL_ECDSA_DER_MAX];
    size_t signature_len = 0;
    if (!kl_ecdsa_der(raw, signature, &signature_len))
        return false;
    Der der = der_begin(out, KL_PKCS10_MAX);
    der_put_bit_string(&der, signature, signature_len);
    der_put(&der, ecdsa_sha256_algorithm, sizeof ecdsa_sha256_algorithm);
    der_put(&der, info, info_len);
    der_wrap(&der, DER_SEQUENCE, der.end);
    return der_finish(&der, len);
}
