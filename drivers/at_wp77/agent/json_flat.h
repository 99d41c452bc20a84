/* Reads single members out of a JSON object (RFC 8259), strictly and without making anything of it: what a unit gets
 * from its broker is a handful of members. Plain C: runs on the module. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_JSON_DEPTH_MAX 8                 /* nested objects and arrays, the outermost one counted */
#define KL_JSON_NUMBER_MAX 9007199254740991 /* 2^53 - 1: any reader of JSON has it right */

/* What became of asking for a member. */
typedef enum {
    KL_JSON_FOUND,
    KL_JSON_ABSENT,
    KL_JSON_WRONG, /* it is there, but not of that type, too long, or there twice */
} KlJsonMember;

/* Whether the bytes are one JSON object and nothing else but white space: valid UTF-8, no NUL, not too deep. */
bool kl_json_is_object(const char *text, size_t len);

/* A text member of an object that kl_json_is_object() has approved; out gets a NUL and needs cap bytes. A text with a
 * NUL in it (\u0000) is WRONG. */
KlJsonMember kl_json_text(const char *text, size_t len, const char *name, char *out, size_t cap);

/* A whole number from 0 to KL_JSON_NUMBER_MAX, written in digits only. */
KlJsonMember kl_json_number(const char *text, size_t len, const char *name, int64_t *number);
