/* One unit's part of a rehearsal: what came, and what has to. Guarded by the rehearsal's lock. */
#pragma once

#include "station/activation/rehearsal_script.h"
#include "station/mqtt/activation_service.h"
#include "station/rehearsal.h"

G_BEGIN_DECLS

typedef struct {
    KlRehearsalRun base;
    char *device;
    guint broker; /* number of the broker that it began with */
    KlRehearsalScript *script;
    GQueue messages; /* Heard, not looked at yet */
} KlUnitRun;

KlUnitRun *kl_unit_run_new(const KlRegistration *row, const KlSoftware *software, gboolean telemetry);
void kl_unit_run_free(KlUnitRun *run);

/* Keeps a copy of what came. */
void kl_unit_run_hear(KlUnitRun *run, const KlServiceMessage *message);

/* Looks at the next message, which there has to be. */
KlRehearsalTurn kl_unit_run_turn(KlUnitRun *run, char **note, GError **error);

G_END_DECLS
