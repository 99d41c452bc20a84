/* One step of a job, as declared data. */
#pragma once

#include "station/op.h"

G_BEGIN_DECLS

typedef struct KlJob KlJob;

typedef enum {
    KL_STEP_CLEANUP = 1 << 0,   /* runs whatever happened before; its failure is recorded */
    KL_STEP_NO_RETURN = 1 << 1, /* can't be stopped by the operator once begun */
    KL_STEP_DEVICE = 1 << 2,    /* talks to the unit: a failed attempt connects anew before the next */
} KlStepFlags;

typedef struct {
    const char *id;
    const char *title; /* for people, in the present: "Installing the certificate" */
    gboolean (*run)(KlJob *job, KlOp *op, GError **error);
    gboolean (*needed)(const KlJob *job); /* NULL: always; a step that is not needed is left out of the record */
    guint weight;                         /* share of the progress bar */
    guint timeout_s;                      /* for one attempt */
    guint retries;                        /* attempts after the first, for failures of the RETRY kind only */
    KlStepFlags flags;
} KlStep;

G_END_DECLS
