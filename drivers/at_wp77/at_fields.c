#include "drivers/at_wp77/at_fields.h"

#include <string.h>

/* Reads one field at *at and moves *at behind it. */
static gboolean
take_field(const char **at, KlAtField *field)
{
    const char *text = *at;
    field->quoted = *text == '"';
    if (field->quoted) {
        const char *end = strchr(++text, '"');
        if (end == NULL)
            return FALSE;
        field->length = (gsize)(end - text);
        *at = end + 1;
    } else {
        field->length = strcspn(text, ",\"");
        if (field->length == 0)
            return FALSE;
        *at = text + field->length;
    }
    field->text = text;
    return TRUE;
}

int
kl_at_fields(const char *line, const char *prefix, KlAtField *fields, gsize max)
{
    if (!g_str_has_prefix(line, prefix))
        return -1;
    const char *at = line + strlen(prefix);
    at += strspn(at, " \t");
    if (*at == '\0')
        return 0;
    for (gsize n = 0; n < max; n++) {
        if (!take_field(&at, &fields[n]))
            return -1;
        if (*at == '\0')
            return (int)n + 1;
        if (*at++ != ',')
            return -1;
    }
    return -1;
}

gboolean
kl_at_field_number(const KlAtField *field, guint max, guint *number)
{
    guint64 value = 0;
    if (field->length == 0)
        return FALSE;
    for (gsize i = 0; i < field->length; i++) {
        if (!g_ascii_isdigit(field->text[i]))
            return FALSE;
        value = value * 10 + (guint64)(field->text[i] - '0');
        if (value > max)
            return FALSE;
    }
    *number = (guint)value;
    return TRUE;
}

gboolean
kl_at_field_is(const KlAtField *field, const char *text)
{
    return field->length == strlen(text) && memcmp(field->text, text, field->length) == 0;
}

gboolean
kl_at_field_is_sha256(const KlAtField *field)
{
    if (field->length != 64)
        return FALSE;
    for (gsize i = 0; i < field->length; i++) {
        if (!g_ascii_isxdigit(field->text[i]) || g_ascii_isupper(field->text[i]))
            return FALSE;
    }
    return TRUE;
}

char *
kl_at_field_dup(const KlAtField *field)
{
    return g_strndup(field->text, field->length);
}

/* GLib's decoder skips what it does not know; encoding again shows whether it had to. */
GBytes *
kl_at_field_base64(const KlAtField *field, gsize max)
{
    if (field->length == 0 || field->length > (max + 2) / 3 * 4)
        return NULL;
    g_autofree char *text = kl_at_field_dup(field);
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(text, &length);
    g_autofree char *again = g_base64_encode(bytes, length);
    if (length == 0 || length > max || strcmp(text, again) != 0)
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), length);
}
