#include "drivers/at_wp77/transport_serial.h"

#include <errno.h>
#include <libserialport.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "drivers/at_wp77/fd_io.h"
#include "station/error.h"

typedef struct sp_port SpPort;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpPort, sp_free_port)

/* The handle belongs to the port, so it is read and written here, but not closed. */
typedef struct {
    KlTransport base;
    SpPort *port;
    KlFdIo io;
} SerialTransport;

static gssize
serial_read(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    return kl_fd_io_read(&((SerialTransport *)transport)->io, buffer, length, op, until_us, error);
}

static gboolean
serial_write(KlTransport *transport, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    const KlFdIo *io = &((SerialTransport *)transport)->io;
    return kl_fd_io_write(io, bytes, length, op, until_us, error) && kl_fd_io_drain(io, op, until_us, error);
}

static void
serial_free(SerialTransport *self)
{
    sp_close(self->port);
    sp_free_port(self->port);
    self->io.fd = -1;
    kl_fd_io_clear(&self->io);
    g_free(self);
}

static void
serial_close(KlTransport *transport)
{
    SerialTransport *self = (SerialTransport *)transport;
    sp_flush(self->port, SP_BUF_BOTH); /* closing would wait for what a hung unit does not take */
    serial_free(self);
}

/* What a failed call of libserialport means; errno is valid for SP_ERR_FAIL only. */
static gboolean
fail_sp(const char *address, enum sp_return result, GError **error)
{
    if (result == SP_ERR_FAIL)
        return kl_fd_io_open_failed(address, sp_last_error_code(), error);
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: not a serial port (libserialport: %d)", address, (int)result);
}

/* The device behind a path such as /dev/serial/by-path/...: libserialport takes names below /dev of real ports only. */
static char *
real_device(const char *address, const char *path, GError **error)
{
    struct stat info;
    char *device = realpath(path, NULL);
    if (device == NULL || stat(device, &info) != 0) {
        free(device);
        kl_fd_io_open_failed(address, errno, error);
        return NULL;
    }
    if (!S_ISCHR(info.st_mode)) {
        free(device);
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: not a serial port", address);
        return NULL;
    }
    return device;
}

/* Neither the baud rate nor any other setting is read back: some drivers report what they like. */
static enum sp_return
set_line(SpPort *port)
{
    enum sp_return result = sp_set_baudrate(port, 115200);
    if (result == SP_OK)
        result = sp_set_bits(port, 8);
    if (result == SP_OK)
        result = sp_set_parity(port, SP_PARITY_NONE);
    if (result == SP_OK)
        result = sp_set_stopbits(port, 1);
    if (result == SP_OK)
        result = sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE);
    return result;
}

/* TIOCEXCL keeps other programs off the port, the lock other stations, root's too. */
static gboolean
claim_port(const KlFdIo *io, GError **error)
{
    if (!kl_fd_io_lock(io, error))
        return FALSE;
    return ioctl(io->fd, TIOCEXCL) == 0 || kl_fd_io_open_failed(io->address, errno, error);
}

static gboolean
prepare_port(SerialTransport *self, const char *address, GError **error)
{
    self->io = (KlFdIo){.fd = -1, .address = g_strdup(address)};
    enum sp_return result = sp_get_port_handle(self->port, &self->io.fd);
    if (result != SP_OK)
        return fail_sp(address, result, error);
    if (!claim_port(&self->io, error))
        return FALSE;
    result = set_line(self->port);
    if (result == SP_OK)
        result = sp_flush(self->port, SP_BUF_BOTH);
    return result == SP_OK || fail_sp(address, result, error);
}

KlTransport *
kl_transport_open_serial(const char *address, const char *path, const KlOp *op, GError **error)
{
    static const KlTransportClass klass = {serial_read, serial_write, serial_close};
    g_autoptr(SpPort) port = NULL;
    g_autofree char *device = real_device(address, path, error);
    if (device == NULL)
        return NULL;
    enum sp_return result = sp_get_port_by_name(device, &port);
    if (result == SP_OK)
        result = sp_open(port, SP_MODE_READ_WRITE);
    if (result != SP_OK) {
        fail_sp(address, result, error);
        return NULL;
    }
    SerialTransport *self = g_new0(SerialTransport, 1);
    self->base.klass = &klass;
    self->port = g_steal_pointer(&port);
    if (!prepare_port(self, address, error)) {
        serial_free(self); /* without a flush: the bytes may be another station's */
        return NULL;
    }
    return &self->base;
}
