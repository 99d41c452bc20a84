#include "station/canonical.h"

#include <string.h>

#define NUMBER_MAX ((G_GINT64_CONSTANT(1) << 53) - 1)

/* An object or array that was begun and not ended. */
typedef struct {
    gboolean array;
    gboolean any;     /* it has a member or element */
    gsize name;       /* where the last member's name stands in the text */
    gsize name_bytes; /* 0: no member yet */
} Level;

struct KlCanonical {
    GString *text;
    GArray *levels;
};

KlCanonical *
kl_canonical_new(void)
{
    KlCanonical *writer = g_new(KlCanonical, 1);
    writer->text = g_string_sized_new(512);
    writer->levels = g_array_sized_new(FALSE, FALSE, sizeof(Level), 4);
    return writer;
}

void
kl_canonical_free(KlCanonical *writer)
{
    if (writer == NULL)
        return;
    g_string_free(writer->text, TRUE);
    g_array_unref(writer->levels);
    g_free(writer);
}

static void
open_level(KlCanonical *writer, gboolean array)
{
    const Level level = {.array = array};
    g_string_append_c(writer->text, array ? '[' : '{');
    g_array_append_val(writer->levels, level);
}

static Level *
top(KlCanonical *writer)
{
    return writer->levels->len > 0 ? &g_array_index(writer->levels, Level, writer->levels->len - 1) : NULL;
}

static void
check_name(const KlCanonical *writer, const Level *level, const char *name, gsize length)
{
    const char *before = writer->text->str + level->name;
    int order = memcmp(before, name, MIN(level->name_bytes, length));
    g_assert(length > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length);
    g_assert(order < 0 || (order == 0 && level->name_bytes < length));
}

/* Everything that goes before a value. A name where nothing was begun begins the text's object. */
static void
place(KlCanonical *writer, const char *name)
{
    if (writer->levels->len == 0 && name != NULL) {
        g_assert(writer->text->len == 0);
        open_level(writer, FALSE);
    }
    Level *level = top(writer);
    if (level == NULL) {
        g_assert(writer->text->len == 0);
        return;
    }
    g_assert(level->array == (name == NULL));
    if (level->any)
        g_string_append_c(writer->text, ',');
    level->any = TRUE;
    if (name == NULL)
        return;
    gsize length = strlen(name);
    check_name(writer, level, name, length);
    g_string_append_c(writer->text, '"');
    level->name = writer->text->len;
    level->name_bytes = length;
    g_string_append_len(writer->text, name, (gssize)length);
    g_string_append(writer->text, "\":");
}

void
kl_canonical_begin(KlCanonical *writer, const char *name)
{
    place(writer, name);
    open_level(writer, FALSE);
}

void
kl_canonical_begin_array(KlCanonical *writer, const char *name)
{
    place(writer, name);
    open_level(writer, TRUE);
}

void
kl_canonical_end(KlCanonical *writer)
{
    const Level *level = top(writer);
    g_assert(level != NULL);
    g_string_append_c(writer->text, level->array ? ']' : '}');
    g_array_set_size(writer->levels, writer->levels->len - 1);
}

static void
escape(GString *text, guchar c)
{
    static const char short_forms[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (const char *form = short_forms; *form != '\0'; form += 2) {
        if ((guchar)*form == c) {
            g_string_append_c(text, '\\');
            g_string_append_c(text, form[1]);
            return;
        }
    }
    g_string_append_printf(text, "\\u%04x", c);
}

static void
write_text(GString *text, const char *valid)
{
    const char *from = valid;
    g_string_append_c(text, '"');
    for (const char *p = valid; *p != '\0'; p++) {
        guchar c = (guchar)*p;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        g_string_append_len(text, from, p - from);
        escape(text, c);
        from = p + 1;
    }
    g_string_append(text, from);
    g_string_append_c(text, '"');
}

void
kl_canonical_text(KlCanonical *writer, const char *name, const char *text)
{
    if (text == NULL)
        return;
    g_autofree char *valid = g_utf8_validate(text, -1, NULL) ? NULL : g_utf8_make_valid(text, -1);
    place(writer, name);
    write_text(writer->text, valid != NULL ? valid : text);
}

void
kl_canonical_number(KlCanonical *writer, const char *name, gint64 number)
{
    g_assert(number >= -NUMBER_MAX && number <= NUMBER_MAX);
    place(writer, name);
    g_string_append_printf(writer->text, "%" G_GINT64_FORMAT, number);
}

void
kl_canonical_flag(KlCanonical *writer, const char *name, gboolean flag)
{
    place(writer, name);
    g_string_append(writer->text, flag ? "true" : "false");
}

void
kl_canonical_value(KlCanonical *writer, const char *name, const char *json)
{
    if (json == NULL)
        return;
    place(writer, name);
    g_string_append(writer->text, json);
}

char *
kl_canonical_finish(KlCanonical *writer)
{
    while (writer->levels->len > 0)
        kl_canonical_end(writer);
    if (writer->text->len == 0)
        g_string_append(writer->text, "{}");
    char *text = g_string_free(g_steal_pointer(&writer->text), FALSE);
    g_array_unref(writer->levels);
    g_free(writer);
    return text;
}
