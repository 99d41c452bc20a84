#include "certs/pca_note.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "certs/file.h"

gboolean
kl_pca_note_write(const char *folder, const char *spki_sha256, const char *job, const char *arn, GError **error)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    g_autofree char *text = g_strdup_printf("%s\n%s\n", job, arn);
    return kl_file_write(path, text, strlen(text), 0600, TRUE, error);
}

gboolean
kl_pca_note_read(const char *folder, const char *spki_sha256, const char *job, char **arn, GError **error)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    *arn = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure))
        return g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
               kl_fail(error, KL_ERROR_STORE_FAILED, "%s", failure->message);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    /* Files are replaced as a whole: one that is torn is none of ours. */
    if (g_strv_length(lines) != 3 || !g_str_has_prefix(lines[1], "arn:"))
        return kl_fail(error, KL_ERROR_STORE_FAILED, "%s: not a note", path);
    if (strcmp(lines[0], job) == 0)
        *arn = g_strdup(lines[1]);
    return TRUE;
}

void
kl_pca_note_remove(const char *folder, const char *spki_sha256)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    g_unlink(path);
}
