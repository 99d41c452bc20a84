/* Reading GKeyFile files strictly: whatever is not declared is an error that names file, line and what is allowed. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One allowed key. group may end with " *" ("slot *") to stand for every group with that first word. */
typedef struct {
    const char *group;
    const char *key;
    gboolean required;
} KlKeyRule;

/* Loads path and checks it against rules (ended by a NULL group). CONFIG_INVALID ("FILE:LINE: unknown key 'x' in [y];
 * allowed: a, b"): unknown, repeated and missing groups and keys, required keys without a value, files that are over
 * 1 MiB, not UTF-8 or hold control characters. */
GKeyFile *kl_keyfile_load(const char *path, const KlKeyRule *rules, GError **error);

/* The key's value as it is written (a backslash is no escape) without the blanks around it; NULL when the key is not
 * there or has no value. The caller frees it. */
char *kl_keyfile_text(GKeyFile *file, const char *group, const char *key);

/* Sets CONFIG_INVALID for a key's bad value: "FILE:LINE: [group] key: what". Returns FALSE. path is the loaded file. */
gboolean kl_keyfile_fail(GError **error, const char *path, const char *group, const char *key, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

G_END_DECLS
