/* The places that were taught: a [hub NAME] group in station.conf. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/station.h"
#include "station/station_private.h"

/* The header of a group, "[hub A]", or NULL when the line is none. The caller frees. */
static char *
group_of(const char *line)
{
    g_autofree char *bare = g_strstrip(g_strdup(line));
    return bare[0] == '[' ? g_steal_pointer(&bare) : NULL;
}

static gboolean
is_setting(const char *line)
{
    return line[strspn(line, " \t\r")] != '\0' && line[strspn(line, " \t\r")] != '#';
}

/* The header of text, which has to be one group, [hub NAME], or NULL. Whether its keys are right, loading it will tell.
 */
static char *
fixture_header(const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *header = lines[0] != NULL ? group_of(lines[0]) : NULL;
    gboolean ok = header != NULL && g_str_has_prefix(header, "[hub ") && g_str_has_suffix(header, "]");
    for (guint i = 1; ok && lines[i] != NULL; i++) {
        g_autofree char *further = group_of(lines[i]);
        ok = further == NULL;
    }
    if (ok)
        return g_steal_pointer(&header);
    kl_fail(error, KL_ERROR_CONFIG_INVALID, "a fixture is one group, [hub NAME]");
    return NULL;
}

/* The whole text with the group in place of the one with that header, or at the end. What is not a setting of that
 * group, comments in it too, stays as it is. */
static char *
put_group(const char *text, const char *header, const char *group)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean inside = FALSE, done = FALSE;
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *found = group_of(lines[i]);
        gboolean begins = found != NULL && strcmp(found, header) == 0;
        inside = found != NULL ? begins : inside;
        if (begins)
            g_string_append(out, group);
        done |= begins;
        if (!inside || !is_setting(lines[i]))
            g_string_append_printf(out, "%s%s", lines[i], lines[i + 1] != NULL ? "\n" : "");
    }
    if (!done)
        g_string_append_printf(out, "%s\n%s", g_str_has_suffix(out->str, "\n") || out->len == 0 ? "" : "\n", group);
    return g_strdup(out->str);
}

/* Whether a station would start with what stands in that file. The message names the file that it is to become. */
static gboolean
try_file(const char *dir, const char *new_path, const char *path, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlConfig) config = kl_config_load_file(dir, new_path, &failure);
    if (config != NULL)
        return TRUE;
    g_auto(GStrv) parts = g_strsplit(failure->message, new_path, -1);
    g_autofree char *message = g_strjoinv(path, parts);
    return kl_fail(error, kl_error_code(failure), "not written: %s", message);
}

/* A file's new name is durable only when its folder is. */
static gboolean
put_in_place(const char *new_path, const char *path, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat before;
    if (stat(path, &before) != 0 || g_chmod(new_path, before.st_mode & 07777) != 0 || g_rename(new_path, path) != 0)
        return kl_station_fail_errno(error, errno, path);
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean synced = folder >= 0 && fsync(folder) == 0;
    int number = errno;
    if (folder >= 0)
        close(folder);
    return synced || kl_station_fail_errno(error, number, dir);
}

static gboolean
replace(const char *dir, const char *path, const char *text, GError **error)
{
    g_autofree char *file = kl_station_follow(path, error);
    if (file == NULL)
        return FALSE;
    g_autofree char *new_path = g_strconcat(file, ".new", NULL);
    errno = 0;
    if (!g_file_set_contents_full(new_path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                  0600, NULL))
        return kl_station_fail_errno(error, errno, new_path);
    if (try_file(dir, new_path, path, error) && put_in_place(new_path, file, error))
        return TRUE;
    g_unlink(new_path);
    return FALSE;
}

gboolean
kl_station_set_fixture(const char *dir, const char *group, GError **error)
{
    g_autofree char *header = fixture_header(group, error);
    /* A configuration that can't be read must not be written either. */
    g_autoptr(KlConfig) config = header != NULL ? kl_station_load_config(dir, error) : NULL;
    if (config == NULL)
        return FALSE;
    g_autofree char *path = g_build_filename(config->dir, "station.conf", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s", failure->message);
    g_autofree char *changed = put_group(text, header, group);
    return replace(config->dir, path, changed, error);
}
