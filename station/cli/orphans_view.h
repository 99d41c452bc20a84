/* keyline doctor --orphans: what broken-off work left behind, and taking it out. */
#pragma once

#include "station/cli/cli.h"

G_BEGIN_DECLS

typedef struct {
    gboolean clean; /* take out what can be */
    gboolean yes;   /* without asking */
    int older_than; /* minutes */
} KlOrphansRequest;

#define KL_ORPHANS_REQUEST_INIT                                                                                        \
    {                                                                                                                  \
        FALSE, FALSE, 60                                                                                               \
    }

/* Lists the orphans and, when asked to, cleans. The command's exit code, or -1 with *error set: USAGE, and what
 * kl_station_orphans() and kl_station_orphan_clean() fail with. */
int kl_orphans_run(KlCli *cli, const KlOrphansRequest *request, GError **error);

G_END_DECLS
