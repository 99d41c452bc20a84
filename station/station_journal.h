/* The station's part of its journal: the seal, and what is noted when a program begins or a person has done something
 * apart from the line. */
#pragma once

#include "station/config.h"
#include "station/seal.h"
#include "station/store.h"

G_BEGIN_DECLS

/* Has the store seal its journal with the station's seal, and gives it. The first one is made here; one that is gone is
 * not made anew in silence. key: [audit] key. SEAL_*, TOKEN_FAILED, CONFIG_INVALID, STORE_*. The caller frees it, after
 * the store. */
KlSeal *kl_station_seal_begin(const char *dir, const char *name, const char *key, KlStore *store, GError **error);

/* Notes that a program begins: which one, and which configuration files are not what they were. mode: "run", "setup".
 */
gboolean kl_station_note_start(const char *mode, KlStore *store, GError **error);
gboolean kl_station_note_files(const KlConfig *config, KlStore *store, GError **error);

/* Keeps what the user of this computer did, in the role "engineer". */
gboolean kl_station_keep_act(KlStore *store, const char *what, const char *subject, const char *reason, GError **error);

G_END_DECLS
