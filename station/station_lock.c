/* The station's lock: one program at a time works on units. Who only sends rows gives way to whoever wants to. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "station/station_private.h"

/* What stands in the lock file while its holder gives way, and how long that may take. */
#define GIVES_WAY "gives way\n"
#define GIVE_WAY_US (15 * G_USEC_PER_SEC)
#define TRY_AGAIN_US (50 * 1000)
/* How often it is looked for: who has just taken the lock may not have marked it yet. */
#define LOOKS 4

static int
open_lock(const char *path, GError **error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        kl_station_fail_errno(error, errno, path);
    return fd;
}

static gboolean
gives_way(int fd)
{
    char text[sizeof GIVES_WAY] = {0};
    return pread(fd, text, sizeof text - 1, 0) > 0 && strcmp(text, GIVES_WAY) == 0;
}

/* Whether fd has the lock now. FALSE without an error: another program has it. */
static gboolean
try_lock(int fd, const char *path, GError **error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    return errno != EWOULDBLOCK && kl_fail(error, KL_ERROR_STORE_FAILED, "%s: %s", path, g_strerror(errno));
}

/* What the holder is, for the others. A disk that takes no mark makes it one that does not give way. */
static gboolean
mark(int fd, const char *text)
{
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text);
}

/* It is opened anew each time: that is what its holder sees. */
int
kl_station_lock(const char *dir, GError **error)
{
    g_autofree char *path = kl_station_lock_path(dir);
    gint64 until_us = g_get_monotonic_time() + GIVE_WAY_US;
    for (guint unmarked = 0;;) {
        g_autoptr(GError) failure = NULL;
        int fd = open_lock(path, error);
        if (fd < 0)
            return -1;
        if (try_lock(fd, path, &failure)) {
            mark(fd, "");
            return fd;
        }
        unmarked += !gives_way(fd);
        gboolean wait = failure == NULL && unmarked < LOOKS && g_get_monotonic_time() < until_us;
        close(fd);
        if (!wait) {
            if (failure != NULL)
                g_propagate_error(error, g_steal_pointer(&failure));
            else
                kl_fail(error, KL_ERROR_STATION_BUSY, "%s is locked", path);
            return -1;
        }
        g_usleep(TRY_AGAIN_US);
    }
}

int
kl_station_lock_giving_way(const char *dir, GError **error)
{
    g_autofree char *path = kl_station_lock_path(dir);
    g_autoptr(GError) failure = NULL;
    int fd = open_lock(path, error);
    if (fd < 0)
        return -1;
    if (try_lock(fd, path, &failure) && mark(fd, GIVES_WAY))
        return fd;
    close(fd);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        kl_fail(error, KL_ERROR_STATION_BUSY, "%s is locked", path);
    return -1;
}

char *
kl_station_lock_path(const char *dir)
{
    return g_build_filename(dir, "station.lock", NULL);
}
