/* Stations with the strict AWS peer behind them. Every failure to set it up ends the program. */
#pragma once

#include "tests/peers/aws_peer.h"
#include "tests/rig/line_rig.h"

G_BEGIN_DECLS

/* Starts the peer, makes the tables and the device policy there, and leads this program and those that it starts to it.
 * Before any thread is made. Ends with the program at the latest. */
AwsPeer *kl_cloud_rig_start(void);

/* A station of that name with units of that seed, signing as told ("iot", "register", "local"). station: further
 * changes to station.conf ("GROUP.KEY=VALUE"), ended by NULL; or NULL; product: to the product. */
KlLineRig *kl_cloud_rig_station(const char *name, const char *signer, guint units, guint64 seed,
                                const char *const *station, const char *const *product);

/* What is in the peer, for questions: {"iot": {"certificates": [...]}, "dynamodb": {"tables": {...}}}. */
JsonObject *kl_cloud_rig_state(const AwsPeer *peer);

/* How many certificates the peer holds for the unit in the slot (by its key), with that status (NULL: any). */
guint kl_cloud_rig_certificates(const KlLineRig *rig, guint slot, JsonObject *state, const char *status);

/* How many items a table holds; with key not NULL: whose attribute of that name is this text. */
guint kl_cloud_rig_items(JsonObject *state, const char *table, const char *key, const char *value);

/* Waits until nothing is queued any more; fails when something is parked. */
void kl_cloud_rig_drain(const KlLineRig *rig);

G_END_DECLS
