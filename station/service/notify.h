/* Tells the service manager how it goes (sd_notify(3)'s protocol). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sends lines such as "READY=1" to NOTIFY_SOCKET; nothing where there is none. */
void kl_notify(const char *lines);

G_END_DECLS
