#include "codec.h"

#include <string.h>

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
kl_base64_encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (n > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (n > 2)
            group |= bytes[i + 2];
        *out++ = base64_alphabet[group >> 18];
        *out++ = base64_alphabet[group >> 12 & 63];
        *out++ = n > 1 ? base64_alphabet[group >> 6 & 63] : '=';
        *out++ = n > 2 ? base64_alphabet[group & 63] : '=';
    }
    *out = '\0';
}

/* The 6 bits of a base64 character, or -1. */
static int
sextet(char c)
{
    const char *at = c != '\0' ? strchr(base64_alphabet, c) : NULL;
    return at != NULL ? (int)(at - base64_alphabet) : -1;
}

/* Decodes one group of 4 characters of which the last `pad` are '='. FALSE when it is not strict base64. */
static bool
decode_group(const char *text, size_t pad, uint8_t out[3])
{
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        int bits = i < 4 - pad ? sextet(text[i]) : 0;
        if (bits < 0)
            return false;
        group = group << 6 | (uint32_t)bits;
    }
    out[0] = (uint8_t)(group >> 16);
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)group;
    /* The bits that the padding cuts off must be zero, so that every byte string has one spelling only. */
    return (pad < 1 || out[2] == 0) && (pad < 2 || out[1] == 0);
}

bool
kl_base64_decode_chars(const char *text, size_t chars, uint8_t *out, size_t cap, size_t *len)
{
    if (chars % 4 != 0)
        return false;
    size_t pad = 0;
    while (pad < 2 && pad < chars && text[chars - 1 - pad] == '=')
        pad++;
    size_t total = chars / 4 * 3 - pad;
    if (total > cap)
        return false;
    size_t done = 0;
    for (size_t i = 0; i < chars; i += 4) {
        uint8_t group[3];
        size_t group_pad = i + 4 == chars ? pad : 0;
        if (!decode_group(text + i, group_pad, group))
            return false;
        memcpy(out + done, group, 3 - group_pad);
        done += 3 - group_pad;
    }
    *len = total;
    return true;
}

bool
kl_base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    return kl_base64_decode_chars(text, strlen(text), out, cap, len);
}

void
kl_hex_encode(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
kl_hex_decode(const char *text, uint8_t *out, size_t len)
{
    if (strlen(text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool
kl_decimal_decode(const char *text, size_t *number)
{
    size_t len = strlen(text);
    if (len == 0 || len > 5 || (len > 1 && text[0] == '0'))
        return false;
    *number = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *number = *number * 10 + (size_t)(text[i] - '0');
    }
    return true;
}
