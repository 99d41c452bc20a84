/* Contract: a byte pipe to a port. Implementations: serial, pty, tcp. One thread at a time. */
#pragma once

#include "station/op.h"

G_BEGIN_DECLS

typedef struct KlTransport KlTransport;

typedef struct {
    /* Reads what is there, up to length bytes. Returns the count (> 0), 0 when until_us (monotonic) passed with nothing
     * to read, -1 with PORT_GONE (unplugged: HUP, ERR, 0-byte read) or CANCELLED. */
    gssize (*read)(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us,
                   GError **error);

    /* Writes all bytes and returns when the last one has left. Errors: PORT_GONE, NO_ANSWER (until_us passed with bytes
     * still unsent), CANCELLED. */
    gboolean (*write)(KlTransport *transport, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us,
                      GError **error);

    /* Closes the port and frees the transport. */
    void (*close)(KlTransport *transport);
} KlTransportClass;

/* Base of every transport: implementations put it first in their own struct. */
struct KlTransport {
    const KlTransportClass *klass;
};

/* Opens an address ("serial:/dev/ttyUSB2", "pty:PATH", "tcp:HOST:PORT", "usb:1-1.4.2": whatever is plugged into that
 * hub port). Errors: PORT_MISSING, PORT_BUSY, PORT_MODEM_MANAGER, PORT_DENIED, PORT_GONE, UNIT_BOOT_MODE, CANCELLED,
 * CONFIG_INVALID (not an address). The caller closes it. */
typedef KlTransport *(*KlTransportOpen)(const char *address, const KlOp *op, GError **error);

/* What is plugged in at the address: 0 when nothing is; otherwise a number that is another one after every plugging in.
 * 1 where that can't be told without opening (tcp). Opens nothing; takes well under a millisecond. */
typedef guint64 (*KlTransportPlug)(const char *address);

static inline void
kl_transport_close(KlTransport *transport)
{
    transport->klass->close(transport);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTransport, kl_transport_close)

G_END_DECLS
