#include "drivers/at_wp77/transport_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "drivers/at_wp77/fd_io.h"
#include "station/error.h"

typedef struct {
    KlTransport base;
    KlFdIo io;
} FdTransport;

static gssize
fd_read(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    return kl_fd_io_read(&((FdTransport *)transport)->io, buffer, length, op, until_us, error);
}

static gboolean
fd_write(KlTransport *transport, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    return kl_fd_io_write(&((FdTransport *)transport)->io, bytes, length, op, until_us, error);
}

static void
fd_close(KlTransport *transport)
{
    FdTransport *self = (FdTransport *)transport;
    kl_fd_io_clear(&self->io);
    g_free(self);
}

/* Takes over what io holds. */
static KlTransport *
fd_transport_new(KlFdIo *io)
{
    static const KlTransportClass klass = {fd_read, fd_write, fd_close};
    FdTransport *self = g_new0(FdTransport, 1);
    self->base.klass = &klass;
    self->io = *io;
    *io = (KlFdIo){.fd = -1};
    return &self->base;
}

/* Raw, 8 bits, no modem lines; a read returns as soon as there is a byte. */
static gboolean
set_raw(int fd)
{
    struct termios settings;
    if (tcgetattr(fd, &settings) != 0)
        return FALSE;
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    cfsetspeed(&settings, B115200);
    return tcsetattr(fd, TCSANOW, &settings) == 0 && tcflush(fd, TCIOFLUSH) == 0;
}

KlTransport *
kl_transport_open_pty(const char *address, const char *path, const KlOp *op, GError **error)
{
    g_auto(KlFdIo) io = {.fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC), .address = g_strdup(address)};
    if (io.fd < 0) {
        kl_fd_io_open_failed(address, errno, error);
        return NULL;
    }
    if (!isatty(io.fd)) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: not a terminal", address);
        return NULL;
    }
    if (!kl_fd_io_lock(&io, error))
        return NULL;
    if (!set_raw(io.fd)) {
        kl_fd_io_open_failed(address, errno, error);
        return NULL;
    }
    return fd_transport_new(&io);
}

/* Waits for a connection that has begun. */
static gboolean
finish_connect(const KlFdIo *io, const KlOp *op, gint64 until_us, GError **error)
{
    int failure = 0;
    socklen_t size = sizeof failure;
    int ready = kl_fd_io_wait(io, POLLOUT, op, until_us, error);
    if (ready < 0)
        return FALSE;
    if (ready == 0)
        return kl_op_check(op, error) &&
               kl_fail(error, KL_ERROR_PORT_MISSING, "%s: no connection in time", io->address);
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
        failure = errno;
    return failure == 0 || kl_fd_io_open_failed(io->address, failure, error);
}

static KlTransport *
connect_one(const char *address, const struct addrinfo *target, const KlOp *op, GError **error)
{
    const int on = 1;
    g_auto(KlFdIo) io = {.is_socket = TRUE, .address = g_strdup(address)};
    io.fd = socket(target->ai_family, target->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, target->ai_protocol);
    if (io.fd < 0) {
        kl_fd_io_open_failed(address, errno, error);
        return NULL;
    }
    setsockopt(io.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(io.fd, target->ai_addr, target->ai_addrlen) != 0) {
        if (errno != EINPROGRESS) {
            kl_fd_io_open_failed(address, errno, error);
            return NULL;
        }
        if (!finish_connect(&io, op, kl_op_until(op, KL_TCP_CONNECT_MS), error))
            return NULL;
    }
    return fd_transport_new(&io);
}

/* Tries the addresses of a host in turn; *error is the last one's. */
static KlTransport *
connect_any(const char *address, const struct addrinfo *targets, const KlOp *op, GError **error)
{
    g_autoptr(GError) failure = NULL;
    for (const struct addrinfo *target = targets; target != NULL && kl_op_check(op, NULL); target = target->ai_next) {
        g_clear_error(&failure);
        KlTransport *transport = connect_one(address, target, op, &failure);
        if (transport != NULL)
            return transport;
    }
    if (kl_op_check(op, error))
        g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* "HOST:PORT", "[IPv6]:PORT" */
static gboolean
split_host_port(const char *text, char **host, char **port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return FALSE;
    if (text[0] == '[' && colon[-1] == ']')
        *host = g_strndup(text + 1, (gsize)(colon - text) - 2);
    else
        *host = g_strndup(text, (gsize)(colon - text));
    *port = g_strdup(colon + 1);
    return TRUE;
}

KlTransport *
kl_transport_open_tcp(const char *address, const char *host_port, const KlOp *op, GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    struct addrinfo *found = NULL;
    if (!split_host_port(host_port, &host, &port)) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: not tcp:HOST:PORT", address);
        return NULL;
    }
    int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        kl_fail(error, KL_ERROR_PORT_MISSING, "%s: %s", address, gai_strerror(result));
        return NULL;
    }
    KlTransport *transport = connect_any(address, found, op, error);
    freeaddrinfo(found);
    return transport;
}
