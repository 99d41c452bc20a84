/* Transport to whatever is plugged into a hub port. */
#pragma once

#include "station/transport.h"

G_BEGIN_DECLS

/* Opens the tty of the unit at a hub port ("1-1.4.2", "1-1.4.2#3"), see usb_place.h. The place is looked up before and
 * after: a unit that comes in between is never talked to. Blocks up to about 15 s (sp_open) when a unit ignores its
 * control lines: meant for a slot's own worker. Errors: those of kl_transport_open_serial; PORT_MISSING also when the
 * tty has not come yet, or the unit was changed while it was opened; UNIT_BOOT_MODE; PORT_MODEM_MANAGER also when
 * ModemManager lets us open the port that it listens on (it can't keep root off); CONFIG_INVALID (not a hub port). */
KlTransport *kl_transport_open_usb(const char *address, const char *where, const KlOp *op, GError **error);

G_END_DECLS
