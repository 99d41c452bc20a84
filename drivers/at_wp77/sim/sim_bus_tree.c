#include "drivers/at_wp77/sim/sim_bus_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_FDS 16

static void
failed(KlSimTree *tree, const char *path)
{
    int code = errno;
    g_set_error(&tree->error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s: %s", path, g_strerror(code));
}

void
kl_sim_tree_folder(KlSimTree *tree, const char *path)
{
    if (tree->error == NULL && g_mkdir_with_parents(path, 0755) != 0)
        failed(tree, path);
}

void
kl_sim_tree_write_bytes(KlSimTree *tree, const char *path, const guint8 *bytes, gsize len)
{
    if (tree->error != NULL)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        failed(tree, path);
    if (fd >= 0)
        close(fd);
}

void
kl_sim_tree_fifo(KlSimTree *tree, const char *path, mode_t mode)
{
    if (tree->error == NULL && (mkfifo(path, mode) != 0 || chmod(path, mode) != 0))
        failed(tree, path);
}

void
kl_sim_tree_write(KlSimTree *tree, const char *dir, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    kl_sim_tree_write_bytes(tree, path, (const guint8 *)line, strlen(line));
}

/* Up from DIR to what both have in common, and down to the target. */
static char *
relative(const char *dir, const char *target)
{
    gsize common = 0;
    gsize at = 0;
    for (; dir[at] != '\0' && dir[at] == target[at]; at++)
        if (dir[at] == '/')
            common = at + 1;
    if (dir[at] == '\0' && target[at] == '/')
        return g_strdup(target + at + 1);
    g_autoptr(GString) path = g_string_new("../");
    for (const char *rest = dir + common; *rest != '\0'; rest++)
        if (*rest == '/')
            g_string_append(path, "../");
    g_string_append(path, target + common);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

void
kl_sim_tree_link(KlSimTree *tree, const char *dir, const char *name, const char *target)
{
    if (tree->error != NULL)
        return;
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *text = relative(dir, target);
    if (symlink(text, path) != 0)
        failed(tree, path);
}

gboolean
kl_sim_tree_finish(KlSimTree *tree, GError **error)
{
    gboolean well = tree->error == NULL;
    if (!well)
        g_propagate_error(error, g_steal_pointer(&tree->error));
    return well;
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    remove(path);
    return 0;
}

void
kl_sim_tree_remove(const char *path)
{
    nftw(path, remove_entry, DEPTH_FDS, FTW_DEPTH | FTW_PHYS);
}
