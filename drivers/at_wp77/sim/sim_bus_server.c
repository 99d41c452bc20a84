#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus_private.h"

static gboolean
failed(GError **error, int code, const char *what)
{
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "rigged USB bus: %s: %s", what, g_strerror(code));
    return FALSE;
}

gboolean
kl_sim_bus_listen(KlSimBus *bus, GError **error)
{
    static const char name[] = KL_SIM_PRELOAD_SOCKET;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name, sizeof name - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name);
    bus->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bus->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bus->wake_fd < 0 || bus->listener < 0 || bind(bus->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(bus->listener, SOMAXCONN) != 0)
        return failed(error, errno, "socket");
    return TRUE;
}

/* One request, which the preload library has on its way when it connects. */
static void
answer_one(KlSimBus *bus)
{
    KlSimPreloadRequest request;
    KlSimPreloadReply reply = {0};
    int fd = accept4(bus->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (recv(fd, &request, sizeof request, 0) == (ssize_t)sizeof request) {
        pthread_mutex_lock(&bus->lock);
        kl_sim_bus_control(bus, &request, &reply);
        pthread_mutex_unlock(&bus->lock);
        (void)!send(fd, &reply, sizeof reply, MSG_NOSIGNAL);
    }
    close(fd);
}

static int
milliseconds_until(gint64 due_us)
{
    if (due_us < 0)
        return -1;
    return (int)((MAX(due_us - g_get_monotonic_time(), 0) + 999) / 1000);
}

static void *
serve(void *data)
{
    KlSimBus *bus = data;
    for (;;) {
        guint64 count = 0;
        pthread_mutex_lock(&bus->lock);
        gboolean stopping = bus->stopping;
        gint64 due_us = kl_sim_bus_make_late(bus);
        pthread_mutex_unlock(&bus->lock);
        if (stopping)
            return NULL;
        struct pollfd fds[] = {{.fd = bus->wake_fd, .events = POLLIN}, {.fd = bus->listener, .events = POLLIN}};
        if (poll(fds, G_N_ELEMENTS(fds), milliseconds_until(due_us)) < 0)
            continue;
        if (fds[0].revents != 0)
            (void)!read(bus->wake_fd, &count, sizeof count);
        if (fds[1].revents != 0)
            answer_one(bus);
    }
}

/* The thread leaves signals to the program's main thread. */
gboolean
kl_sim_bus_serve(KlSimBus *bus, GError **error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&bus->thread, NULL, serve, bus);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    bus->started = code == 0;
    return code == 0 || failed(error, code, "no thread");
}

void
kl_sim_bus_wake(const KlSimBus *bus)
{
    const guint64 one = 1;
    (void)!write(bus->wake_fd, &one, sizeof one);
}

void
kl_sim_bus_stop_serving(KlSimBus *bus)
{
    if (bus->started) {
        pthread_mutex_lock(&bus->lock);
        bus->stopping = TRUE;
        pthread_mutex_unlock(&bus->lock);
        kl_sim_bus_wake(bus);
        pthread_join(bus->thread, NULL);
    }
    if (bus->listener >= 0)
        close(bus->listener);
    if (bus->wake_fd >= 0)
        close(bus->wake_fd);
}
