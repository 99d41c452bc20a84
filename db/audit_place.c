#include "db/audit_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

gboolean
kl_audit_place_fail(const char *path, int number, GError **error)
{
    return kl_fail(error, KL_ERROR_FILE_FAILED, "%s: %s", path, g_strerror(number));
}

static gboolean
is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static gboolean
fail_exists(const char *path, GError **error)
{
    return kl_fail(error, KL_ERROR_EXPORT_EXISTS, "there is a %s already", path);
}

/* Opens what is to be the partial folder or file, making it when it is not there. */
static int
open_partial(const KlAuditPlace *place)
{
    if (!place->folder)
        return open(place->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (mkdir(place->partial, 0700) != 0 && errno != EEXIST)
        return -1;
    return open(place->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* Whether the name still leads to what is open: another program may have finished there, and renamed it. */
static gboolean
is_same(const KlAuditPlace *place)
{
    struct stat open_status, named_status;
    return fstat(place->fd, &open_status) == 0 && lstat(place->partial, &named_status) == 0 &&
           open_status.st_ino == named_status.st_ino && open_status.st_dev == named_status.st_dev;
}

static gboolean
lock_partial(KlAuditPlace *place, GError **error)
{
    do {
        if (place->fd >= 0)
            close(place->fd);
        place->fd = open_partial(place);
        if (place->fd < 0)
            return kl_audit_place_fail(place->partial, errno, error);
        if (flock(place->fd, LOCK_EX | LOCK_NB) != 0) {
            int number = errno;
            close(place->fd);
            place->fd = -1;
            if (number == EWOULDBLOCK)
                return kl_fail(error, KL_ERROR_EXPORT_EXISTS, "another program is writing %s", place->partial);
            return kl_audit_place_fail(place->partial, number, error);
        }
    } while (!is_same(place));
    return TRUE;
}

static void
sweep(const KlAuditPlace *place, const char *const *names)
{
    for (; place->folder && *names != NULL; names++)
        unlinkat(place->fd, *names, 0);
}

/* Whatever is left in the folder is not of an export, and would become part of this one. */
static gboolean
check_empty(const KlAuditPlace *place, GError **error)
{
    DIR *folder = opendir(place->partial);
    if (folder == NULL)
        return kl_audit_place_fail(place->partial, errno, error);
    const struct dirent *entry = readdir(folder);
    while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
        entry = readdir(folder);
    gboolean ok = entry == NULL || kl_fail(error, KL_ERROR_FILE_FAILED, "%s holds something that is of no export: %s",
                                           place->partial, entry->d_name);
    closedir(folder);
    return ok;
}

gboolean
kl_audit_place_take(KlAuditPlace *place, const char *path, gboolean folder, const char *const *names, GError **error)
{
    *place = (KlAuditPlace){.path = g_strdup(path), .folder = folder, .fd = -1};
    if (is_there(path))
        return fail_exists(path, error);
    place->partial = g_strconcat(path, ".partial", NULL);
    if (!lock_partial(place, error))
        return FALSE;
    sweep(place, names);
    if (folder)
        return check_empty(place, error);
    return ftruncate(place->fd, 0) == 0 || kl_audit_place_fail(place->partial, errno, error);
}

gboolean
kl_audit_place_write(int fd, const void *data, gsize length, const char *path, GError **error)
{
    const guint8 *bytes = data;
    while (length > 0) {
        gssize done = write(fd, bytes, length);
        if (done < 0 && errno != EINTR)
            return kl_audit_place_fail(path, errno, error);
        if (done > 0) {
            bytes += done;
            length -= (gsize)done;
        }
    }
    return TRUE;
}

static gboolean
rename_partial(const KlAuditPlace *place, GError **error)
{
    if (renameat2(AT_FDCWD, place->partial, AT_FDCWD, place->path, RENAME_NOREPLACE) == 0)
        return TRUE;
    if (errno == EEXIST || is_there(place->path))
        return fail_exists(place->path, error);
    /* Some file systems can't refuse by themselves; nothing was there a moment ago. */
    if ((errno == EINVAL || errno == ENOSYS) && rename(place->partial, place->path) == 0)
        return TRUE;
    return kl_audit_place_fail(place->path, errno, error);
}

gboolean
kl_audit_place_settle(KlAuditPlace *place, GError **error)
{
    if (fsync(place->fd) != 0)
        return kl_audit_place_fail(place->partial, errno, error);
    if (!rename_partial(place, error))
        return FALSE;
    g_clear_pointer(&place->partial, g_free);
    g_autofree char *above = g_path_get_dirname(place->path);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return kl_audit_place_fail(above, errno, error);
    gboolean ok = fsync(fd) == 0 || kl_audit_place_fail(above, errno, error);
    close(fd);
    return ok;
}

/* Only who holds the lock may remove it. */
void
kl_audit_place_clear(KlAuditPlace *place, const char *const *names)
{
    if (place->fd >= 0 && place->partial != NULL) {
        sweep(place, names);
        if (place->folder)
            rmdir(place->partial);
        else
            unlink(place->partial);
    }
    if (place->fd >= 0)
        close(place->fd);
    place->fd = -1;
    g_clear_pointer(&place->partial, g_free);
    g_clear_pointer(&place->path, g_free);
}
