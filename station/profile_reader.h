/* Reading the keys of a product's file. What is wrong with one is told with file, line and what is allowed:
 * CONFIG_INVALID. */
#pragma once

#include "station/keyfile.h"

G_BEGIN_DECLS

/* The file that is being read. */
typedef struct {
    const char *path;
    GKeyFile *keys;
    GError **error;
} KlReader;

/* One key in it, for kl_keyfile_fail(). */
#define KL_READER_AT(reader, group, key) (reader)->error, (reader)->path, (group), (key)

/* The key's text or else its default (may be NULL). The caller frees. */
char *kl_reader_text(const KlReader *reader, const char *group, const char *key, const char *otherwise);

/* Text of 1..max characters out of a set. */
gboolean kl_reader_chars(const KlReader *reader, const char *group, const char *key, const char *otherwise,
                         const char *set, gsize max, const char *allowed, char **text);

/* "true" or "false". */
gboolean kl_reader_boolean(const KlReader *reader, const char *group, const char *key, gboolean otherwise,
                           gboolean *value);

gboolean kl_reader_number(const KlReader *reader, const char *group, const char *key, guint otherwise, guint min,
                          guint max, guint *value);

/* The place of the key's text in names, which ends with NULL. */
gboolean kl_reader_choice(const KlReader *reader, const char *group, const char *key, const char *const *names,
                          const char *otherwise, guint *value);

/* A list of 1..64 entries, separated by ';' (one at the end is fine). */
gboolean kl_reader_list(const KlReader *reader, const char *group, const char *key, const char *otherwise,
                        char ***list);

G_END_DECLS
