/* The station's log: technical messages with time and level, to DIR/keyline.log (0640) and, from warnings on, to
 * stderr. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From now on g_debug/g_info/g_message/g_warning of this program go to DIR/keyline.log; dir NULL: stderr only. A log
 * that can't be opened is no reason to stop: it is said once on stderr. Secrets are never logged by anyone. Safe from
 * several threads afterwards. */
void kl_log_open(const char *dir);
void kl_log_close(void);

G_END_DECLS
