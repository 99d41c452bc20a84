#include "drivers/at_wp77/sim/sim_shared_key.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static char *
pool_file(const char *pool, guint number, const char *slot)
{
    return g_strdup_printf("%s/%06u-%s.pem", pool, number, slot);
}

gboolean
kl_sim_shared_key_join(const char *pool, guint number, const char *folder, const char *slot)
{
    g_autofree char *shared = pool_file(pool, number, slot);
    g_autofree char *own = g_strdup_printf("%s/key-%s.pem", folder, slot);
    if (link(own, shared) == 0)
        return TRUE;
    /* The name is one that the store takes for half-written, should power be cut between the two calls. */
    g_autofree char *fresh = g_strdup_printf("%s/.new-key-%s.pem", folder, slot);
    return errno == EEXIST && link(shared, fresh) == 0 && rename(fresh, own) == 0;
}

void
kl_sim_shared_key_drop(const char *pool, guint number, const char *slot)
{
    g_autofree char *shared = pool_file(pool, number, slot);
    unlink(shared);
}
