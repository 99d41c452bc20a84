#include "drivers/at_wp77/sim/sim_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int
io_failed(GError **error, const char *what, const char *path)
{
    int code = errno;
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s %s: %s", what, path, g_strerror(code));
    return -1;
}

/* Whether the folder's seed is this one; a new folder gets it. */
static gboolean
check_seed(int fd, const char *path, guint64 seed, GError **error)
{
    char text[32] = "";
    g_autofree char *wanted = g_strdup_printf("%" G_GUINT64_FORMAT "\n", seed);
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n == 0)
        n = pwrite(fd, wanted, strlen(wanted), 0);
    else if (n > 0 && strcmp(text, wanted) != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS, "the units in this folder were made with seed %s (%s)",
                    g_strchomp(text), path);
        return FALSE;
    }
    if (n < 0)
        io_failed(error, "can't use", path);
    return n >= 0;
}

static int
lock_folder(const char *path, guint64 seed, GError **error)
{
    g_autofree char *file = g_build_filename(path, "seed", NULL);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_failed(error, "can't open", file);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY, "another simulated line is running in %s", path);
    else if (check_seed(fd, file, seed, error))
        return fd;
    close(fd);
    return -1;
}

static void
remove_links(const char *path)
{
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    for (const char *name = entries != NULL ? g_dir_read_name(entries) : NULL; name != NULL;
         name = g_dir_read_name(entries)) {
        g_autofree char *link = g_build_filename(path, name, NULL);
        if (g_str_has_prefix(name, "slot-") && g_file_test(link, G_FILE_TEST_IS_SYMLINK))
            g_unlink(link);
    }
}

int
kl_sim_folder_open(const char *dir, guint64 seed, char **path, GError **error)
{
    g_autofree char *keys = g_build_filename(dir, "keys", NULL);
    if (g_mkdir_with_parents(keys, 0700) != 0)
        return io_failed(error, "can't make the folder", keys);
    g_autofree char *absolute = g_canonicalize_filename(dir, NULL);
    int lock = lock_folder(absolute, seed, error);
    if (lock < 0)
        return -1;
    remove_links(absolute);
    *path = g_steal_pointer(&absolute);
    return lock;
}

gboolean
kl_sim_folder_wipe(const char *unit_dir, GError **error)
{
    g_autoptr(GDir) entries = g_dir_open(unit_dir, 0, NULL);
    if (entries == NULL)
        return TRUE;
    for (const char *name = g_dir_read_name(entries); name != NULL; name = g_dir_read_name(entries)) {
        g_autofree char *file = g_build_filename(unit_dir, name, NULL);
        if (g_unlink(file) != 0) {
            io_failed(error, "can't remove", file);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
copy_file(const char *from, const char *to, const char *name, GError **error)
{
    g_autofree char *source = g_build_filename(from, name, NULL);
    g_autofree char *target = g_build_filename(to, name, NULL);
    g_autofree char *bytes = NULL;
    gsize len = 0;
    return g_file_get_contents(source, &bytes, &len, error) &&
           g_file_set_contents_full(target, bytes, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, error);
}

gboolean
kl_sim_folder_copy(const char *from, const char *to, GError **error)
{
    static const char *const prefixes[] = {"key-", "lock-", "item-"};
    if (g_mkdir_with_parents(to, 0700) != 0) {
        io_failed(error, "can't make the folder", to);
        return FALSE;
    }
    g_autoptr(GDir) entries = kl_sim_folder_wipe(to, error) ? g_dir_open(from, 0, error) : NULL;
    if (entries == NULL)
        return FALSE;
    for (const char *name = g_dir_read_name(entries); name != NULL; name = g_dir_read_name(entries)) {
        gboolean wanted = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
            wanted = wanted || g_str_has_prefix(name, prefixes[i]);
        if (wanted && !g_str_has_prefix(name, "item-boot") && !copy_file(from, to, name, error))
            return FALSE;
    }
    return TRUE;
}
