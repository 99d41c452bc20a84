#include "station/mqtt/reach.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "station/error.h"

static gboolean
is_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&polled, 1, 0) > 0;
}

/* How waiting for a connection that has begun ends: an errno. */
static int
wait_connected(int fd, int timeout_ms, int stop_fd)
{
    struct pollfd polled[] = {{.fd = fd, .events = POLLOUT}, {.fd = stop_fd, .events = POLLIN}};
    int why = 0;
    socklen_t size = sizeof why;
    if (poll(polled, G_N_ELEMENTS(polled), timeout_ms) <= 0)
        return ETIMEDOUT;
    if (polled[0].revents == 0)
        return ECANCELED;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 ? why : errno;
}

/* 0, or why it can't be reached: an errno. */
static int
reach(const struct addrinfo *address, int timeout_ms, int stop_fd)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return errno;
    int why = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (why == EINPROGRESS)
        why = wait_connected(fd, timeout_ms, stop_fd);
    close(fd);
    return why;
}

gboolean
kl_reach_check(const char *host, guint16 port, int timeout_ms, int stop_fd, GError **error)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, service, &hints, &found), why = -1;
    if (rc != 0)
        return kl_fail(error, KL_ERROR_BROKER_DOWN, "broker %s:%u: %s", host, port, gai_strerror(rc));
    for (const struct addrinfo *at = found; at != NULL && why != 0 && !is_readable(stop_fd); at = at->ai_next)
        why = reach(at, timeout_ms, stop_fd);
    freeaddrinfo(found);
    if (is_readable(stop_fd))
        return kl_fail(error, KL_ERROR_CANCELLED, "broker %s:%u: stopped while connecting", host, port);
    return why == 0 || kl_fail(error, KL_ERROR_BROKER_DOWN, "broker %s:%u: %s", host, port, g_strerror(why));
}
