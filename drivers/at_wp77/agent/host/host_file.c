#include "host_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNFINISHED ".new-"

static int
io_failed(GError **error, const char *what, const char *path)
{
    int code = errno;
    int io_code = code == EWOULDBLOCK ? (int)G_IO_ERROR_BUSY : (int)g_io_error_from_errno(code);
    g_set_error(error, G_IO_ERROR, io_code, "%s %s: %s", what, path, g_strerror(code));
    return -1;
}

/* What has no final name yet was never acknowledged to anybody. */
static int
remove_unfinished(int folder)
{
    g_autoptr(GPtrArray) names = NULL;
    int failed = kl_host_folder_list(folder, UNFINISHED, "", &names);
    for (guint i = 0; failed == 0 && names != NULL && i < names->len; i++) {
        g_autofree char *name = g_strconcat(UNFINISHED, names->pdata[i], NULL);
        failed = kl_host_file_delete(folder, name);
    }
    return failed;
}

int
kl_host_folder_open(const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0700) != 0)
        return io_failed(error, "can't make the folder", path);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return io_failed(error, "can't open the folder", path);
    if (flock(folder, LOCK_EX | LOCK_NB) == 0 && fchmod(folder, 0700) == 0) {
        errno = remove_unfinished(folder);
        if (errno == 0)
            return folder;
    }
    io_failed(error, "can't use the folder", path);
    close(folder);
    return -1;
}

void
kl_host_folder_close(int folder)
{
    flock(folder, LOCK_UN);
    close(folder);
}

static int
write_all(int fd, const guint8 *bytes, gsize len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            bytes += n;
            len -= (gsize)n;
        }
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static int
write_unfinished(int folder, const char *name, const void *bytes, gsize len)
{
    if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
        return errno;
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    int failed = write_all(fd, bytes, len);
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    return failed;
}

int
kl_host_file_write(int folder, const char *name, const void *bytes, gsize len)
{
    g_autofree char *unfinished = g_strconcat(UNFINISHED, name, NULL);
    int failed = write_unfinished(folder, unfinished, bytes, len);
    if (failed == 0 && renameat(folder, unfinished, folder, name) != 0)
        failed = errno;
    if (failed != 0) {
        unlinkat(folder, unfinished, 0);
        return failed;
    }
    return fsync(folder) == 0 ? 0 : errno;
}

static int
read_all(int fd, guint8 *bytes, gsize cap, gsize *len)
{
    *len = 0;
    for (;;) {
        guint8 beyond;
        gboolean full = *len == cap;
        ssize_t n = read(fd, full ? &beyond : bytes + *len, full ? 1 : cap - *len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0 && full)
            return EFBIG;
        if (n > 0)
            *len += (gsize)n;
    }
}

int
kl_host_file_read(int folder, const char *name, void *bytes, gsize cap, gsize *len)
{
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = read_all(fd, bytes, cap, len);
    close(fd);
    return failed;
}

int
kl_host_file_delete(int folder, const char *name)
{
    if (unlinkat(folder, name, 0) != 0)
        return errno;
    return fsync(folder) == 0 ? 0 : errno;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
kl_host_folder_list(int folder, const char *prefix, const char *suffix, GPtrArray **names)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        int failed = errno;
        if (fd >= 0)
            close(fd);
        return failed;
    }
    *names = g_ptr_array_new_with_free_func(g_free);
    gsize around = strlen(prefix) + strlen(suffix);
    errno = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *name = entry->d_name;
        if (strlen(name) > around && g_str_has_prefix(name, prefix) && g_str_has_suffix(name, suffix))
            g_ptr_array_add(*names, g_strndup(name + strlen(prefix), strlen(name) - around));
    }
    int failed = errno;
    closedir(entries);
    g_ptr_array_sort(*names, compare_names);
    if (failed != 0)
        g_clear_pointer(names, g_ptr_array_unref);
    return failed;
}
