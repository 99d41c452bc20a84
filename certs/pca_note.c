#include "certs/pca_note.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "certs/file.h"

#define FAILED "failed\n"

void
kl_pca_note_clear(KlPcaNote *note)
{
    g_clear_pointer(&note->text, g_free);
}

gboolean
kl_pca_note_write(const char *folder, const char *spki_sha256, const char *job, const KlPcaNote *note, GError **error)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    const char *end = note->state == KL_PCA_FAILED ? FAILED : "";
    g_autofree char *text = g_strdup_printf("%s\n%s\n%s", job, note->text, end);
    return kl_file_write(path, text, strlen(text), 0600, TRUE, error);
}

/* The state that the lines of a note tell: a job, JSON or an ARN, what has become of it. KL_PCA_NONE: it is no note.
 * Files are replaced as a whole: one that is torn is none of ours. */
static KlPcaState
state_of(char **lines)
{
    if (g_strv_length(lines) != 3)
        return KL_PCA_NONE;
    gboolean arn = g_str_has_prefix(lines[1], "arn:");
    if (strcmp(lines[2], FAILED) == 0)
        return arn ? KL_PCA_FAILED : KL_PCA_NONE;
    if (*lines[2] != '\0')
        return KL_PCA_NONE;
    return arn ? KL_PCA_MADE : *lines[1] == '{' ? KL_PCA_ASKED : KL_PCA_NONE;
}

gboolean
kl_pca_note_read(const char *folder, const char *spki_sha256, const char *job, KlPcaNote *note, GError **error)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    *note = (KlPcaNote){KL_PCA_NONE, NULL};
    if (!g_file_get_contents(path, &text, NULL, &failure))
        return g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
               kl_fail(error, KL_ERROR_STORE_FAILED, "%s", failure->message);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    KlPcaState state = state_of(lines);
    if (state == KL_PCA_NONE)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "%s: not a note", path);
    if (strcmp(lines[0], job) == 0)
        *note = (KlPcaNote){state, g_strdup(lines[1])};
    return TRUE;
}

void
kl_pca_note_remove(const char *folder, const char *spki_sha256)
{
    g_autofree char *path = g_build_filename(folder, spki_sha256, NULL);
    g_unlink(path);
}
