#include "station/mqtt/private_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

#define PREFIX "keyline-mosquitto-"
#define TRIES 16

/* Its descriptor, when it is this user's own folder and no link to one; else -1. */
static int
open_own(const char *folder)
{
    struct stat info;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid())
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* There are only files in it. Its name goes last, and while it is held: nobody makes another one by that name. */
void
kl_private_folder_remove(const char *folder, int fd)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir))
        unlinkat(fd, name, 0);
    rmdir(folder);
    close(fd);
}

static void
sweep(void)
{
    const char *place = g_get_tmp_dir();
    g_autoptr(GDir) dir = g_dir_open(place, 0, NULL);
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *folder = g_build_filename(place, name, NULL);
        int fd = g_str_has_prefix(name, PREFIX) ? open_own(folder) : -1;
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            kl_private_folder_remove(folder, fd);
        else if (fd >= 0)
            close(fd);
    }
}

/* One that is new is nobody's for a moment, in which it may be swept away. */
static gboolean
hold(const char *folder, int *fd)
{
    struct stat info;
    *fd = open_own(folder);
    if (*fd >= 0 && flock(*fd, LOCK_EX) == 0 && fstat(*fd, &info) == 0 && info.st_nlink > 0)
        return TRUE;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return FALSE;
}

char *
kl_private_folder_make(int *fd, GError **error)
{
    sweep();
    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(GError) why = NULL;
        g_autofree char *folder = g_dir_make_tmp(PREFIX "XXXXXX", &why);
        if (folder == NULL) {
            kl_fail(error, KL_ERROR_FILE_FAILED, "%s", why->message);
            return NULL;
        }
        if (hold(folder, fd))
            return g_steal_pointer(&folder);
    }
    kl_fail(error, KL_ERROR_FILE_FAILED, "%s: %s", g_get_tmp_dir(), g_strerror(errno));
    return NULL;
}
