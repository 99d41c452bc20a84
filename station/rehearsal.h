/* Contract: who plays the other side when a unit rehearses its first boot: a broker, the first-boot system with a table
 * of its own, and somebody who watches every message. One for all slots, side by side; each run belongs to one thread.
 * What is real, the unit's registration row above all, is never touched. Implemented in station/mqtt/. */
#pragma once

#include "station/op.h"
#include "station/registration.h"

G_BEGIN_DECLS

typedef struct KlRehearsal KlRehearsal;

/* One unit's rehearsal. */
typedef struct {
    char *address;       /* HOST:PORT, as the unit reaches the broker */
    char *broker_sha256; /* of its certificate's DER, lower-case hex */
    const char *missing; /* static: what has to come next, "its request"; NULL: all has come */
} KlRehearsalRun;

typedef enum {
    KL_REHEARSAL_QUIET, /* nothing came */
    KL_REHEARSAL_HEARD, /* something came that had to, or may */
    KL_REHEARSAL_WRONG, /* something came that should not, or not now: with an error */
} KlRehearsalTurn;

typedef struct {
    /* Makes sure that units find a broker whose certificate is for that name. Costs something only when there is none
     * yet, or no more. BROKER_MISSING, BROKER_DOWN, CONFIG_INVALID. */
    gboolean (*prepare)(KlRehearsal *rehearsal, const char *endpoint, GError **error);

    /* Begins for the unit of that registration row, which is taken as it is; prepares first, if need be. The caller
     * ends it. The errors of prepare; INTERNAL: that unit is in a rehearsal. */
    KlRehearsalRun *(*begin)(KlRehearsal *rehearsal, const char *endpoint, const KlRegistration *row, GError **error);

    /* Waits for the next message of the unit's exchange and holds it against what has to come; *note, set unless QUIET,
     * says what it was, for the transcript; the caller frees it. run->missing is up to date then. With WRONG:
     * REHEARSAL_*, BROKER_DOWN (the broker is gone), CANCELLED. */
    KlRehearsalTurn (*next)(KlRehearsal *rehearsal, KlRehearsalRun *run, guint timeout_ms, GCancellable *cancel,
                            char **note, GError **error);

    /* Forgets the unit, and frees the run. */
    void (*end)(KlRehearsal *rehearsal, KlRehearsalRun *run);

    /* No run may be left. */
    void (*free)(KlRehearsal *rehearsal);
} KlRehearsalClass;

struct KlRehearsal {
    const KlRehearsalClass *klass;
};

static inline void
kl_rehearsal_free(KlRehearsal *rehearsal)
{
    if (rehearsal != NULL)
        rehearsal->klass->free(rehearsal);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlRehearsal, kl_rehearsal_free)

G_END_DECLS
