/* Units that have the same key: they link to one key file in a pool. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Has the unit whose host store is in `folder` share the key of one of its slots under a number of the pool: the first
 * unit that comes with a number gives its key, every later one gets that key in place of its own. Safe from several
 * threads and processes. FALSE when the files can't be linked. */
gboolean kl_sim_shared_key_join(const char *pool, guint number, const char *folder, const char *slot);

/* Takes the number's key out of the pool; who shares it keeps it. */
void kl_sim_shared_key_drop(const char *pool, guint number, const char *slot);

G_END_DECLS
