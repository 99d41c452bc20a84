#include "station/profile_reader.h"

#include <string.h>

#define LIST_MAX 64

char *
kl_reader_text(const KlReader *reader, const char *group, const char *key, const char *otherwise)
{
    char *text = kl_keyfile_text(reader->keys, group, key);
    return text != NULL ? text : g_strdup(otherwise);
}

gboolean
kl_reader_chars(const KlReader *reader, const char *group, const char *key, const char *otherwise, const char *set,
                gsize max, const char *allowed, char **text)
{
    *text = kl_reader_text(reader, group, key, otherwise);
    gsize length = strlen(*text);
    if (length <= max && strspn(*text, set) == length)
        return TRUE;
    return kl_keyfile_fail(KL_READER_AT(reader, group, key), "allowed: 1 to %u of %s", (guint)max, allowed);
}

gboolean
kl_reader_boolean(const KlReader *reader, const char *group, const char *key, gboolean otherwise, gboolean *value)
{
    g_autofree char *text = kl_reader_text(reader, group, key, otherwise ? "true" : "false");
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0 ||
           kl_keyfile_fail(KL_READER_AT(reader, group, key), "allowed: true, false");
}

gboolean
kl_reader_number(const KlReader *reader, const char *group, const char *key, guint otherwise, guint min, guint max,
                 guint *value)
{
    g_autofree char *text = kl_reader_text(reader, group, key, NULL);
    guint64 number = otherwise;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, min, max, &number, NULL))
        return kl_keyfile_fail(KL_READER_AT(reader, group, key), "allowed: a number from %u to %u", min, max);
    *value = (guint)number;
    return TRUE;
}

gboolean
kl_reader_choice(const KlReader *reader, const char *group, const char *key, const char *const *names,
                 const char *otherwise, guint *value)
{
    g_autofree char *text = kl_reader_text(reader, group, key, otherwise);
    for (*value = 0; names[*value] != NULL; ++*value) {
        if (strcmp(names[*value], text) == 0)
            return TRUE;
    }
    g_autofree char *allowed = g_strjoinv(", ", (char **)names);
    return kl_keyfile_fail(KL_READER_AT(reader, group, key), "allowed: %s", allowed);
}

gboolean
kl_reader_list(const KlReader *reader, const char *group, const char *key, const char *otherwise, char ***list)
{
    g_autofree char *text = kl_reader_text(reader, group, key, otherwise);
    gsize length = strlen(text);
    if (text[length - 1] == ';')
        text[length - 1] = '\0';
    *list = g_strsplit(text, ";", -1);
    guint count = g_strv_length(*list);
    gboolean ok = count > 0 && count <= LIST_MAX;
    for (guint i = 0; i < count; i++)
        ok = ok && *g_strstrip((*list)[i]) != '\0';
    return ok ||
           kl_keyfile_fail(KL_READER_AT(reader, group, key), "allowed: 1 to %d entries, separated by ;", LIST_MAX);
}
