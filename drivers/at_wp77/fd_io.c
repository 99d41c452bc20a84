#include "drivers/at_wp77/fd_io.h"

#include <errno.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "station/error.h"

#define DRAIN_POLL_MS 1 /* 115200 baud move 11 bytes in this time */

void
kl_fd_io_clear(KlFdIo *io)
{
    if (io->fd >= 0) {
        kl_fd_io_unlock(io);
        close(io->fd);
    }
    io->fd = -1;
    g_clear_pointer(&io->address, g_free);
}

/* Milliseconds for poll(), rounded up: a wait never ends just before its time. */
static int
remaining_ms(gint64 until_us)
{
    gint64 left_us = until_us - g_get_monotonic_time();
    return left_us <= 0 ? 0 : (int)MIN((left_us + 999) / 1000, G_MAXINT);
}

static gboolean
check_cancel(const KlFdIo *io, const KlOp *op, GError **error)
{
    if (!g_cancellable_is_cancelled(op->cancel))
        return TRUE;
    return kl_fail(error, KL_ERROR_CANCELLED, "%s: stopped", io->address);
}

static gboolean
fail_gone(const KlFdIo *io, const char *what, GError **error)
{
    return kl_fail(error, KL_ERROR_PORT_GONE, "%s: %s", io->address, what);
}

int
kl_fd_io_wait(const KlFdIo *io, short events, const KlOp *op, gint64 until_us, GError **error)
{
    for (;;) {
        if (!check_cancel(io, op, error))
            return -1;
        struct pollfd fds[] = {
            {.fd = io->fd, .events = events},
            {.fd = g_cancellable_get_fd(op->cancel), .events = POLLIN},
        };
        int n = poll(fds, G_N_ELEMENTS(fds), remaining_ms(until_us));
        gboolean has_cancel_fd = fds[1].fd >= 0;
        if (has_cancel_fd)
            g_cancellable_release_fd(op->cancel);
        if (n > 0 && fds[0].revents != 0)
            return fds[0].revents;
        if (n == 0 && g_get_monotonic_time() >= until_us)
            return check_cancel(io, op, error) ? 0 : -1;
    }
}

/* Whether a transfer that moved nothing may be tried again. A peer that hung up may leave EAGAIN behind for ever. */
static gboolean
may_retry(ssize_t n, int transfer_errno, int events)
{
    return n < 0 &&
           (transfer_errno == EINTR || (transfer_errno == EAGAIN && !(events & (POLLHUP | POLLERR | POLLNVAL))));
}

gssize
kl_fd_io_read(const KlFdIo *io, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    for (;;) {
        int events = kl_fd_io_wait(io, POLLIN, op, until_us, error);
        if (events <= 0)
            return events;
        ssize_t n = read(io->fd, buffer, length);
        if (n > 0)
            return n;
        if (!may_retry(n, errno, events)) {
            fail_gone(io, n == 0 ? "unplugged or closed (end of file)" : g_strerror(errno), error);
            return -1;
        }
    }
}

gboolean
kl_fd_io_write(const KlFdIo *io, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    int events = 0;
    while (length > 0) {
        ssize_t n = io->is_socket ? send(io->fd, bytes, length, MSG_NOSIGNAL) : write(io->fd, bytes, length);
        if (n > 0) {
            bytes += n;
            length -= (gsize)n;
            continue;
        }
        if (!may_retry(n, errno, events))
            return fail_gone(io, n == 0 ? "takes no bytes" : g_strerror(errno), error);
        events = kl_fd_io_wait(io, POLLOUT, op, until_us, error);
        if (events < 0)
            return FALSE;
        if (events == 0)
            return kl_fail(error, KL_ERROR_NO_ANSWER, "%s: %" G_GSIZE_FORMAT " bytes could not be sent", io->address,
                           length);
    }
    return TRUE;
}

/* Polls for nothing but the cancel while the queue empties: a tty has no event for that. */
gboolean
kl_fd_io_drain(const KlFdIo *io, const KlOp *op, gint64 until_us, GError **error)
{
    int queued = 0;
    for (;;) {
        if (ioctl(io->fd, TIOCOUTQ, &queued) != 0)
            return fail_gone(io, g_strerror(errno), error);
        if (queued <= 0)
            return TRUE;
        gint64 now_us = g_get_monotonic_time();
        if (now_us >= until_us)
            return kl_fail(error, KL_ERROR_NO_ANSWER, "%s: %d bytes could not be sent", io->address, queued);
        int events = kl_fd_io_wait(io, 0, op, MIN(until_us, now_us + DRAIN_POLL_MS * G_TIME_SPAN_MILLISECOND), error);
        if (events < 0)
            return FALSE;
        if (events > 0)
            return fail_gone(io, "unplugged", error);
    }
}

gboolean
kl_fd_io_lock(const KlFdIo *io, GError **error)
{
    while (flock(io->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR)
            return kl_fail(error, KL_ERROR_PORT_BUSY, "%s: locked by another program: %s", io->address,
                           g_strerror(errno));
    }
    return TRUE;
}

void
kl_fd_io_unlock(const KlFdIo *io)
{
    flock(io->fd, LOCK_UN);
}

gboolean
kl_fd_io_open_failed(const char *address, int open_errno, GError **error)
{
    KlErrorCode code = KL_ERROR_PORT_MISSING;
    if (open_errno == EACCES || open_errno == EPERM)
        code = KL_ERROR_PORT_DENIED;
    else if (open_errno == EBUSY || open_errno == EWOULDBLOCK)
        code = KL_ERROR_PORT_BUSY;
    return kl_fail(error, code, "%s: %s", address, g_strerror(open_errno));
}
