/* Reading and writing a descriptor (tty, pty, socket) without blocking: shared by all transports, so that what is
 * tested on ptys is what drives serial ports. Everything waits in poll(), and the operation's cancellable wakes it at
 * once. */
#pragma once

#include "station/op.h"

G_BEGIN_DECLS

typedef struct {
    int fd; /* O_NONBLOCK */
    gboolean is_socket;
    char *address; /* for messages */
} KlFdIo;

/* Gives up its lock and closes the descriptor (unless it is -1), and frees the address. */
void kl_fd_io_clear(KlFdIo *io);

/* As KlTransportClass.read: the count, 0 when until_us has passed, -1 with PORT_GONE or CANCELLED. */
gssize kl_fd_io_read(const KlFdIo *io, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error);

/* As KlTransportClass.write: all bytes handed to the kernel. PORT_GONE, NO_ANSWER or CANCELLED. */
gboolean kl_fd_io_write(const KlFdIo *io, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us,
                        GError **error);

/* Waits until a tty's output queue is empty: what tcdrain() does, but it ends at until_us (NO_ANSWER) and on cancel. */
gboolean kl_fd_io_drain(const KlFdIo *io, const KlOp *op, gint64 until_us, GError **error);

/* Waits for the events (POLLIN, POLLOUT, or 0 for the peer's going). Returns what poll() said of the descriptor, 0 when
 * until_us has passed, -1 with CANCELLED. */
int kl_fd_io_wait(const KlFdIo *io, short events, const KlOp *op, gint64 until_us, GError **error);

/* Takes the lock that keeps other stations off the port (root too, which TIOCEXCL does not). FALSE with PORT_BUSY. */
gboolean kl_fd_io_lock(const KlFdIo *io, GError **error);

/* Gives it up before the descriptor is closed: a child that another thread is just starting has the descriptor, too,
 * until it executes its program, and the lock would last as long. */
void kl_fd_io_unlock(const KlFdIo *io);

/* Sets *error to what the errno of opening an address means: PORT_MISSING, PORT_DENIED or PORT_BUSY. FALSE. */
gboolean kl_fd_io_open_failed(const char *address, int open_errno, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlFdIo, kl_fd_io_clear)

G_END_DECLS
