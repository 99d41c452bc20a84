/* The room that kl_sim_bus_enter moves into. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Puts an empty /sys, a small /dev with ptys of its own and a /run/udev over the ones of this mount namespace, with the
 * preload library in the file whose name is returned; the caller frees it. NULL with a G_IO_ERROR. */
char *kl_sim_bus_room_mount(GError **error);

/* The preload library, built in, so that the program needs no file beside it. */
extern const guint8 kl_sim_preload_library[];
extern const gsize kl_sim_preload_library_size;

G_END_DECLS
