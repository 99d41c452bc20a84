#include "drivers/at_wp77/transport_serial.h"

#include <errno.h>
#include <libserialport.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "drivers/at_wp77/fd_io.h"
#include "drivers/at_wp77/port_holder.h"
#include "station/error.h"

typedef struct sp_port SpPort;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpPort, sp_free_port)

/* The handle belongs to the port, so it is read and written here, but not closed. */
typedef struct {
    KlTransport base;
    SpPort *port;
    KlFdIo io;
    gboolean claimed;
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
    if (self->claimed)
        ioctl(self->io.fd, TIOCNXCL); /* a tty that outlives its closing stays exclusive otherwise */
    kl_fd_io_unlock(&self->io);
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
claim_port(SerialTransport *self, GError **error)
{
    if (!kl_fd_io_lock(&self->io, error))
        return FALSE;
    self->claimed = ioctl(self->io.fd, TIOCEXCL) == 0;
    return self->claimed || kl_fd_io_open_failed(self->io.address, errno, error);
}

static gboolean
prepare_port(SerialTransport *self, const char *address, GError **error)
{
    self->io = (KlFdIo){.fd = -1, .address = g_strdup(address)};
    enum sp_return result = sp_get_port_handle(self->port, &self->io.fd);
    if (result != SP_OK)
        return fail_sp(address, result, error);
    if (!claim_port(self, error))
        return FALSE;
    result = set_line(self->port);
    if (result == SP_OK)
        result = sp_flush(self->port, SP_BUF_BOTH);
    return result == SP_OK || fail_sp(address, result, error);
}

static KlTransport *
open_port(const char *address, const char *device, GError **error)
{
    static const KlTransportClass klass = {serial_read, serial_write, serial_close};
    g_autoptr(SpPort) port = NULL;
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

/* Says who keeps a busy port. Our own try at it has to be closed by now. */
static void
name_holder(const char *address, const char *device, GError **error)
{
    KlPortHolder holder;
    if (error == NULL || !g_error_matches(*error, KL_ERROR, KL_ERROR_PORT_BUSY) ||
        !kl_port_holder_find(device, NULL, &holder))
        return;
    gboolean modem_manager = strcmp(holder.program, KL_MODEM_MANAGER) == 0;
    g_clear_error(error);
    kl_fail(error, modem_manager ? KL_ERROR_PORT_MODEM_MANAGER : KL_ERROR_PORT_BUSY, "%s: in use by %s (process %d)",
            address, holder.program, (int)holder.pid);
}

KlTransport *
kl_transport_open_tty(const char *address, const char *device, const KlOp *op, GError **error)
{
    g_autoptr(GError) failure = NULL;
    KlTransport *transport = open_port(address, device, &failure);
    if (transport != NULL)
        return transport;
    name_holder(address, device, &failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

KlTransport *
kl_transport_open_serial(const char *address, const char *path, const KlOp *op, GError **error)
{
    char *device = real_device(address, path, error);
    if (device == NULL)
        return NULL;
    KlTransport *transport = kl_transport_open_tty(address, device, op, error);
    free(device);
    return transport;
}

gboolean
kl_transport_serial_is(KlTransport *transport, dev_t device, guint bus, guint address)
{
    const SerialTransport *self = (SerialTransport *)transport;
    struct stat info;
    int port_bus = -1;
    int port_address = -1;
    return fstat(self->io.fd, &info) == 0 && info.st_rdev == device &&
           sp_get_port_usb_bus_address(self->port, &port_bus, &port_address) == SP_OK && port_bus == (int)bus &&
           port_address == (int)address;
}
