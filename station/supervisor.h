/* The supervisor's PIN: set, checked, and kept from being guessed. */
#pragma once

#include "station/secret.h"
#include "station/store.h"

G_BEGIN_DECLS

#define KL_SUPERVISOR_TRIES 5    /* wrong PINs in a row, then a pause */
#define KL_SUPERVISOR_PAUSE_S 60 /* in which no PIN is taken */

/* The settings it is kept in: the hash of kl_pin_hash, the wrong tries so far, and (UTC microseconds) when a pause
 * ends. */
#define KL_SETTING_PIN "pin.supervisor"
#define KL_SETTING_PIN_WRONG "pin.supervisor.wrong"
#define KL_SETTING_PIN_PAUSE "pin.supervisor.pause"

/* Whether a PIN was set. STORE_*. */
gboolean kl_supervisor_has_pin(KlStore *store, gboolean *has, GError **error);

/* Keeps a new PIN; whoever may do that was asked before. USAGE for its length, STORE_*. */
gboolean kl_supervisor_set_pin(KlStore *store, const KlSecret *pin, GError **error);

/* TRUE when pin is the supervisor's. A try is counted durably before it is judged, so that ending the program does not
 * undo it. who (may be NULL) and subject say in the act "pin-paused" who tried too often, and for what. PIN_MISSING,
 * PIN_WRONG, PIN_PAUSED (too many wrong ones; *pause_s, which may be NULL, is how long from now), STORE_*. Takes some
 * 0.1 s. */
gboolean kl_supervisor_check(KlStore *store, const KlSecret *pin, const char *who, const char *subject, gint64 now_us,
                             guint *pause_s, GError **error);

G_END_DECLS
