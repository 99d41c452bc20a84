/* Base64 (RFC 4648, section 4), lower-case hex and small numbers, bounded and strict. Plain C: runs on the module. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters of the base64 of n bytes, without the final NUL. */
#define KL_BASE64_CHARS(n) (((n) + 2) / 3 * 4)

/* Writes the base64 of len bytes and a NUL: out needs KL_BASE64_CHARS(len) + 1. */
void kl_base64_encode(const uint8_t *bytes, size_t len, char *out);

/* Decodes strict base64: padded, no white space, no stray bits in the last character. FALSE when it is not that, or
 * when it would not fit into cap bytes. */
bool kl_base64_decode(const char *text, uint8_t *out, size_t cap, size_t *len);

/* The same for characters that no NUL ends. */
bool kl_base64_decode_chars(const char *text, size_t chars, uint8_t *out, size_t cap, size_t *len);

/* Writes 2 * len lower-case digits and a NUL. */
void kl_hex_encode(const uint8_t *bytes, size_t len, char *out);

/* Decodes exactly 2 * len digits, either case. */
bool kl_hex_decode(const char *text, uint8_t *out, size_t len);

/* Decodes 1 to 5 decimal digits without a sign or a leading zero. */
bool kl_decimal_decode(const char *text, size_t *number);
