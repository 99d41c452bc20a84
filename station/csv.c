#include "station/csv.h"

#include <string.h>

/* Spreadsheets calculate a cell that begins so, also when the file's fields are quoted (OWASP, "CSV Injection"); some
 * take the full-width forms for the same. */
static gboolean
is_formula(const char *text)
{
    static const char *const starts[] = {"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"};
    while (*text == ' ')
        text++;
    for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
        if (g_str_has_prefix(text, starts[i]))
            return TRUE;
    }
    return FALSE;
}

/* How long the text is when it is made of what stands for itself anywhere, which most fields are; else 0. */
static gsize
plain_length(const char *text)
{
    static const guint8 inside[256] = {
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['_'] = 1, ['.'] = 1, [':'] = 1, ['-'] = 2, ['/'] = 1,
    };
    if (inside[(guint8)*text] != 1)
        return 0;
    gsize length = 1;
    while (inside[(guint8)text[length]] != 0)
        length++;
    return text[length] == '\0' ? length : 0;
}

void
kl_csv_field(GString *line, const char *text)
{
    if (text == NULL)
        return;
    gsize plain = plain_length(text);
    if (plain > 0) {
        g_string_append_len(line, text, (gssize)plain);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    gboolean formula = is_formula(valid);
    gboolean quoted =
        formula || strpbrk(valid, ",;\"\r\n\t") != NULL || g_str_has_prefix(valid, " ") || g_str_has_suffix(valid, " ");
    if (quoted)
        g_string_append_c(line, '"');
    if (formula)
        g_string_append_c(line, '\'');
    for (const char *p = valid; *p != '\0'; p++) {
        if (*p == '"')
            g_string_append_c(line, '"');
        g_string_append_c(line, *p);
    }
    if (quoted)
        g_string_append_c(line, '"');
}
