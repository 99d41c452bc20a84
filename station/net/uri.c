#include "station/net/uri.h"

#include <string.h>

static void
append_encoded(GString *out, const char *text, gboolean keep_slash)
{
    for (; *text != '\0'; text++) {
        gboolean plain = g_ascii_isalnum(*text) || strchr("-_.~", *text) != NULL || (keep_slash && *text == '/');
        if (plain)
            g_string_append_c(out, *text);
        else
            g_string_append_printf(out, "%%%02X", (guint)(guchar)*text);
    }
}

char *
kl_uri_encode(const char *text, gboolean keep_slash)
{
    GString *out = g_string_new(NULL);
    append_encoded(out, text, keep_slash);
    return g_string_free(out, FALSE);
}

char *
kl_uri_path(const char *segment, ...)
{
    GString *path = g_string_new(segment == NULL ? "/" : NULL);
    va_list args;
    va_start(args, segment);
    for (const char *next = segment; next != NULL; next = va_arg(args, const char *)) {
        g_string_append_c(path, '/');
        append_encoded(path, next, FALSE);
    }
    va_end(args);
    return g_string_free(path, FALSE);
}

typedef struct {
    char *name;
    char *value;
} Encoded;

static void
encoded_clear(gpointer data)
{
    Encoded *pair = data;
    g_free(pair->name);
    g_free(pair->value);
}

static int
compare_encoded(gconstpointer a, gconstpointer b)
{
    const Encoded *one = a;
    const Encoded *two = b;
    int order = strcmp(one->name, two->name);
    return order != 0 ? order : strcmp(one->value, two->value);
}

char *
kl_uri_query(const KlPair *query)
{
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Encoded));
    g_array_set_clear_func(pairs, encoded_clear);
    for (; query != NULL && query->name != NULL; query++) {
        Encoded pair = {kl_uri_encode(query->name, FALSE), kl_uri_encode(query->value, FALSE)};
        g_array_append_val(pairs, pair);
    }
    g_array_sort(pairs, compare_encoded);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < pairs->len; i++) {
        const Encoded *pair = &g_array_index(pairs, Encoded, i);
        g_string_append_printf(text, "%s%s=%s", i > 0 ? "&" : "", pair->name, pair->value);
    }
    return g_string_free(text, FALSE);
}
