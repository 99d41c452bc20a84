/* The rehearsal's part of the composition root. */
#pragma once

#include "station/rehearsal.h"
#include "station/station_private.h"

G_BEGIN_DECLS

/* Whether the station can rehearse what the product wants; TRUE for a product that wants nothing. CONFIG_INVALID. */
gboolean kl_station_rehearsal_check(const KlConfig *config, const KlProfile *profile, GError **error);

/* Whether the broker's program is there. BROKER_MISSING. */
gboolean kl_station_rehearsal_find(const KlConfig *config, GError **error);

/* Who rehearses with units whose certificates these CAs have signed (PEM); starts nothing yet. NULL: the product wants
 * none, or can't have it. */
KlRehearsal *kl_station_rehearsal_new(const KlConfig *config, const KlProfile *profile, const char *anchors);

/* Starts the broker, so that the first unit finds it: once the station is unlocked. What only the network keeps from it
 * is logged, and no failure. CONFIG_INVALID, BROKER_*. */
gboolean kl_station_rehearsal_ready(const KlStation *station, GError **error);

G_END_DECLS
