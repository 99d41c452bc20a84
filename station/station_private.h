/* What the files of the composition root share. */
#pragma once

#include "certs/ca.h"
#include "station/station.h"

G_BEGIN_DECLS

/* Where things lie in a station folder. The caller frees. */
char *kl_station_database_path(const char *dir);
char *kl_station_ca_path(const char *dir);

/* Sets *error for a file of the station that could not be made or written. STATION_DENIED or STORE_*. Returns FALSE. */
gboolean kl_station_fail_errno(GError **error, int number, const char *path);

/* The file that path leads to, through links, there or not: a file that is replaced by a new one must not take a link's
 * place. The caller frees. STORE_FAILED. */
char *kl_station_follow(const char *path, GError **error);

/* The configuration: kl_config_load, or STATION_DENIED. */
KlConfig *kl_station_load_config(const char *dir, GError **error);

/* Takes the station's lock, which lasts until the descriptor is closed. -1 with STATION_BUSY,
 * STATION_DENIED or STORE_*. May wait some seconds for a holder that gives way. */
int kl_station_lock(const char *dir, GError **error);

/* The same, but never waits, and marks the lock: who takes it then with kl_station_lock waits until its holder, which
 * sees the file being opened, gives way. */
int kl_station_lock_giving_way(const char *dir, GError **error);
/* The caller frees. */
char *kl_station_lock_path(const char *dir);

/* Whether there is a driver of that name. CONFIG_INVALID. */
gboolean kl_station_check_driver(const char *name, GError **error);

/* A product's profile, all of it checked: its driver, its subject and whom it trusts, too. USAGE (the name),
 * CONFIG_INVALID. */
KlProfile *kl_station_load_profile(const char *dir, const char *product, GError **error);

/* The USB bus as the product's driver knows it. BUS_FAILED. The caller frees. */
KlBus *kl_station_open_bus(const KlConfig *config, const KlProfile *profile, GError **error);

/* The station's CA with its key; passphrase NULL: from the configured file. Errors: kl_ca_load, PASSPHRASE_MISSING. */
KlCa *kl_station_load_ca(const KlConfig *config, guint margin_days, const KlSecret *passphrase, GError **error);

/* Whether the passphrase has to come from a person: there is a CA, and nothing configured opens it. */
gboolean kl_station_config_needs_passphrase(const KlConfig *config);

/* The unlocked station's CA, borrowed; NULL until unlocked. */
KlCa *kl_station_ca(const KlStation *station);

G_END_DECLS
