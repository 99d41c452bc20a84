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

/* The time limit of an attempt bounds all waiting for the unit. It does not bound a call of the store or of the signer:
 * what has been begun there has to be known to have happened or not. Waiting for them, or for a place at the signer,
 * moves it. Getting the unit back after a failed attempt has a limit of its own, outside of the attempt's: the
 * product's restart-seconds and some time to start. */
typedef struct {
    const char *id;
    const char *title; /* for people, in the present: "Installing the certificate" */
    gboolean (*run)(KlJob *job, KlOp *op, GError **error);
    gboolean (*needed)(const KlJob *job); /* NULL: always; a step that is not needed is left out of the record */
    guint weight;                         /* share of the progress bar */
    guint timeout_s;                      /* for one attempt, see below */
    guint retries;                        /* attempts after the first, for failures of the RETRY kind only */
    KlStepFlags flags;
} KlStep;

/* The title of a job's step ("Installing the certificate"; English, to be translated) by its id; the id itself when
 * this program knows no such step. */
const char *kl_step_title(const char *id);

/* Where in a job the step comes: 0, 1, 2 ...; G_MAXUINT when this program knows no such step. */
guint kl_step_place(const char *id);

G_END_DECLS
