/* Hub port paths, as the kernel writes them: "1-1.4.2" is bus 1, port 1 of its root hub, port 4 of the hub there, port
 * 2 of the hub there. The root hub of bus 1 is "usb1". */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Ports in a path at most: what libusb hands out, and more than a USB may be deep. */
#define KL_PORT_PATH_LEVELS 7

/* Whether text is the path of a port: bus and ports are 1 to 255, written without leading zeros. */
gboolean kl_port_path_is_port(const char *text);

/* Whether text is where a hub may be: a port, or a root hub. */
gboolean kl_port_path_is_hub(const char *text);

/* The path of a port below a hub: "1-1" and "4.2" make "1-1.4.2"; "usb1" and "4.2" make "1-4.2". NULL when that is no
 * path. The caller frees. */
char *kl_port_path_below(const char *hub, const char *ports);

/* The hub that a port is at: "1-1.4" of "1-1.4.2", "usb1" of "1-1". The caller frees. */
char *kl_port_path_hub(const char *port);

/* The port's last number: 2 of "1-1.4.2". */
guint kl_port_path_number(const char *port);

/* The port as kl_port_path_below takes it: "4.2" of "1-1.4.2" below "1-1". Points into port; NULL when port is not
 * below that hub. */
const char *kl_port_path_rest(const char *port, const char *hub);

/* By bus and ports, as numbers; a root hub comes before what is on its bus, and a hub before what hangs on it. */
int kl_port_path_compare(const char *a, const char *b);

G_END_DECLS
