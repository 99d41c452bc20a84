/* Sending rows in the background: while a program works on units it sends its rows itself, and in between this does. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"
#include "station/station.h"
#include "station/station_private.h"

/* How often the queue is looked at while rows are sent; while nothing is to be done; and how long the one for whom we
 * made room has for taking it. */
#define LOOK_MS 500
#define IDLE_MS (60 * 1000)
#define ROOM_MS 3000

/* Who opens or closes the station's lock wants it, or is done with it. */
typedef struct {
    const char *dir;
    int stop_fd;
    int inotify;
} Server;

typedef enum {
    TURN_IDLE,  /* nothing to do, or another program works */
    TURN_ASKED, /* another program wants the station */
    TURN_STALE, /* station.conf has changed since */
    TURN_ENDED, /* asked to stop */
    TURN_FAILED,
} Turn;

/* FALSE: it can't be seen. Who holds the lock blindly would keep everybody out for as long as rows wait. */
static gboolean
watch_lock(const Server *server, GError **error)
{
    g_autofree char *path = kl_station_lock_path(server->dir);
    return inotify_add_watch(server->inotify, path, IN_OPEN | IN_CLOSE) >= 0 ||
           kl_fail(error, KL_ERROR_STORE_FAILED, "%s can't be watched: %s", path, g_strerror(errno));
}

/* What happened to the lock since the last time. */
static guint32
lock_events(const Server *server)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    guint32 events = 0;
    ssize_t length;
    while ((length = read(server->inotify, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= length;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            events |= event->mask;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    return events;
}

/* Waits until somebody opens or closes the lock, at most ms. FALSE: asked to stop. */
static gboolean
wait_for_news(const Server *server, gboolean heed_lock, int ms)
{
    struct pollfd fds[] = {{.fd = server->stop_fd, .events = POLLIN},
                           {.fd = heed_lock ? server->inotify : -1, .events = POLLIN}};
    while (poll(fds, G_N_ELEMENTS(fds), ms) < 0 && errno == EINTR)
        ;
    return fds[0].revents == 0;
}

static gboolean
count_queued(KlStore *store, guint *queued, GError **error)
{
    g_auto(KlOutboxCounts) counts = {0};
    gboolean ok = store->klass->outbox_counts(store, &counts, error);
    *queued = counts.queued;
    return ok;
}

/* station.conf as it lies there; nothing when it doesn't. */
static struct stat
configuration(const Server *server)
{
    g_autofree char *path = g_build_filename(server->dir, "station.conf", NULL);
    struct stat info = {0};
    return stat(path, &info) == 0 ? info : (struct stat){0};
}

static gboolean
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Sends until nothing is left, somebody else wants the station, or it is no longer configured as it was opened. */
static Turn
send_rows(const Server *server, KlStation *station, const struct stat *opened, GError **error)
{
    guint queued = 0;
    lock_events(server); /* our own */
    kl_station_start_sending(station);
    for (;;) {
        if (!count_queued(kl_station_store(station), &queued, error))
            return TURN_FAILED;
        if (queued == 0)
            return TURN_IDLE;
        if (!wait_for_news(server, TRUE, LOOK_MS))
            return TURN_ENDED;
        if ((lock_events(server) & IN_OPEN) != 0)
            return TURN_ASKED;
        struct stat now = configuration(server);
        if (!same_file(opened, &now))
            return TURN_STALE;
    }
}

/* Whether rows wait; a database that only a writer can open counts as one where they do. */
static gboolean
rows_wait(const char *dir)
{
    guint queued = 1;
    g_autoptr(KlStation) station = kl_station_open(dir, KL_STATION_READ, NULL, NULL);
    return station == NULL || !count_queued(kl_station_store(station), &queued, NULL) || queued > 0;
}

static Turn
take_turn(const Server *server, GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct stat opened = configuration(server);
    g_autoptr(KlStation) station = kl_station_open(server->dir, KL_STATION_SEND, NULL, &failure);
    if (station == NULL && g_error_matches(failure, KL_ERROR, KL_ERROR_STATION_BUSY))
        return TURN_IDLE;
    if (station == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return TURN_FAILED;
    }
    if (!watch_lock(server, error))
        return TURN_FAILED;
    return send_rows(server, station, &opened, error);
}

/* Why there is nothing to serve, or NULL; *error is set when that can't be told. The caller frees. */
static char *
nothing_to_serve(const char *dir, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlConfig) config = kl_station_load_config(dir, &failure);
    if (config != NULL)
        return config->aws.on ? NULL
                              : g_strdup_printf("%s/station.conf has no [aws] group: no rows to send anywhere", dir);
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_STATION_MISSING))
        return g_strdup_printf("there is no station in %s", dir);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

static gboolean
serve(const Server *server, char **why, GError **error)
{
    /* First of all without looking: rows that were kept before there was a cloud are queued when it is opened. */
    for (gboolean wanted = TRUE;; wanted = rows_wait(server->dir)) {
        g_autoptr(GError) failure = NULL;
        *why = nothing_to_serve(server->dir, &failure);
        Turn turn = TURN_IDLE;
        if (failure == NULL && *why == NULL && wanted)
            turn = take_turn(server, &failure);
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        if (*why != NULL || turn == TURN_ENDED)
            return TRUE;
        if (turn == TURN_ASKED && !wait_for_news(server, FALSE, ROOM_MS))
            return TRUE;
        /* Who asked may be done already. */
        if (turn == TURN_ASKED || turn == TURN_STALE)
            continue;
        watch_lock(server, NULL); /* there is none as long as nobody has worked here */
        lock_events(server);
        if (!wait_for_news(server, TRUE, IDLE_MS))
            return TRUE;
    }
}

gboolean
kl_station_serve(const char *dir, int stop_fd, char **why, GError **error)
{
    const Server server = {dir, stop_fd, inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (server.inotify < 0)
        return kl_fail(error, KL_ERROR_STORE_FAILED, "the station's lock can't be watched: %s", g_strerror(errno));
    gboolean ok = serve(&server, why, error);
    close(server.inotify);
    return ok;
}
