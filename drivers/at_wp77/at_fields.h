/* The parameters of an answer line: +KLCSR: 0,214,"MIHT..." has the fields 0, 214 and MIHT... . Pure; nothing is
 * copied. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    const char *text; /* into the line, not NUL-terminated; without the quotes */
    gsize length;
    gboolean quoted;
} KlAtField;

/* Cuts what follows the prefix (and blanks) into fields at its commas. A field is "..." (anything but quotes) or one or
 * more characters other than quotes and commas. Returns how many, or -1 when the line does not begin with the prefix,
 * has more than max fields, an empty unquoted field, or a quote in the wrong place. No fields at all is 0. */
int kl_at_fields(const char *line, const char *prefix, KlAtField *fields, gsize max);

/* The field as a decimal number, quoted or not: digits only, at most max. FALSE when it is none. */
gboolean kl_at_field_number(const KlAtField *field, guint max, guint *number);

/* TRUE when the field is exactly that text. */
gboolean kl_at_field_is(const KlAtField *field, const char *text);

/* TRUE when the field is a SHA-256 as 64 lower-case hex digits. */
gboolean kl_at_field_is_sha256(const KlAtField *field);

/* The field as a string of its own. Free with g_free. */
char *kl_at_field_dup(const KlAtField *field);

/* The bytes that the field is the base64 of, or NULL when it is not strict base64 (RFC 4648, 4: padded, no other
 * characters, no stray bits) of 1..max bytes. */
GBytes *kl_at_field_base64(const KlAtField *field, gsize max);

G_END_DECLS
