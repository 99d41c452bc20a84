#include "certs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/openssl_error.h"

/* A file descriptor that closes itself. */
typedef int Descriptor;

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Descriptor, close, -1)

static gboolean
fail_write(GError **error, const char *what, const char *path)
{
    int cause = errno;
    KlErrorCode code = cause == ENOSPC || cause == EDQUOT ? KL_ERROR_STORE_FULL
                       : cause == EROFS                   ? KL_ERROR_STORE_READ_ONLY
                                                          : KL_ERROR_STORE_FAILED;
    return kl_fail(error, code, "%s: can't %s: %s", path, what, g_strerror(cause));
}

/* Opens a regular file. Non-blocking, because a pipe in its place would otherwise hang the station. */
static int
open_regular(const char *path, struct stat *status, GError **error)
{
    g_auto(Descriptor) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, status) != 0) {
        kl_fail(error, errno == ENOENT ? KL_ERROR_CA_MISSING : KL_ERROR_CA_UNREADABLE, "%s: %s", path,
                g_strerror(errno));
        return -1;
    }
    if (!S_ISREG(status->st_mode)) {
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: not a file", path);
        return -1;
    }
    int opened = fd;
    fd = -1;
    return opened;
}

static BIO *
read_all(int fd, const char *path, const BIO_METHOD *method, gsize limit, GError **error)
{
    g_autoptr(BIO) bio = BIO_new(method);
    guint8 piece[1024];
    gsize total = 0;
    ssize_t count = 0;
    gboolean kept = bio != NULL;
    while (kept && total <= limit && (count = TEMP_FAILURE_RETRY(read(fd, piece, sizeof piece))) > 0) {
        total += (gsize)count;
        kept = BIO_write(bio, piece, (int)count) == count;
    }
    OPENSSL_cleanse(piece, sizeof piece);
    if (!kept)
        kl_openssl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: out of memory", path);
    else if (count < 0)
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: %s", path, g_strerror(errno));
    else if (total > limit)
        kl_fail(error, KL_ERROR_CA_UNREADABLE, "%s: more than %" G_GSIZE_FORMAT " bytes", path, limit);
    else
        return g_steal_pointer(&bio);
    return NULL;
}

BIO *
kl_file_read(const char *path, GError **error)
{
    struct stat status;
    g_auto(Descriptor) fd = open_regular(path, &status, error);
    return fd >= 0 ? read_all(fd, path, BIO_s_mem(), KL_FILE_MAX_SIZE, error) : NULL;
}

BIO *
kl_file_read_key(const char *path, GError **error)
{
    struct stat status;
    g_auto(Descriptor) fd = open_regular(path, &status, error);
    if (fd < 0)
        return NULL;
    if ((status.st_mode & 077) != 0) {
        kl_fail(error, KL_ERROR_CA_KEY_EXPOSED, "%s: mode is %04o, not 0600", path, status.st_mode & 07777u);
        return NULL;
    }
    return read_all(fd, path, BIO_s_secmem(), KL_KEY_FILE_MAX_SIZE, error);
}

static gboolean
write_all(int fd, const guint8 *data, gsize length)
{
    while (length > 0) {
        ssize_t count = TEMP_FAILURE_RETRY(write(fd, data, length));
        if (count < 0)
            return FALSE;
        data += count;
        length -= (gsize)count;
    }
    return TRUE;
}

static gboolean
sync_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_auto(Descriptor) fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (fd >= 0 && fsync(fd) == 0) || fail_write(error, "flush", folder);
}

static gboolean
move_into_place(const char *from, const char *path, gboolean replace, GError **error)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE) == 0)
        return TRUE;
    return errno == EEXIST ? kl_fail(error, KL_ERROR_CA_EXISTS, "%s exists", path) : fail_write(error, "make", path);
}

gboolean
kl_file_write(const char *path, const void *data, gsize length, mode_t mode, gboolean replace, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
    g_auto(Descriptor) fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_write(error, "make", temporary);
    gboolean done = (write_all(fd, data, length) && fchmod(fd, mode) == 0 && fsync(fd) == 0)
                        ? move_into_place(temporary, path, replace, error)
                        : fail_write(error, "write", temporary);
    if (!done)
        unlink(temporary);
    return done && sync_folder(path, error);
}

gboolean
kl_file_private_folder(const char *path, GError **error)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_write(error, "make", path);
    if (chmod(path, 0700) != 0)
        return fail_write(error, "close to others", path);
    return sync_folder(path, error);
}
