/* A job: one attempt on one unit, from start until its record commits. */
#pragma once

#include "station/bus.h"
#include "station/claims.h"
#include "station/driver.h"
#include "station/event.h"
#include "station/gate.h"
#include "station/outbox.h"
#include "station/pki.h"
#include "station/rehearsal.h"
#include "station/signer.h"
#include "station/step.h"
#include "station/store.h"

G_BEGIN_DECLS

/* What every job of a station works with. Borrowed; outlives all jobs. Safe from several threads. */
typedef struct {
    const char *station; /* name */
    const char *program; /* version */
    const KlDriver *driver;
    KlTransportOpen open_transport;
    KlTransportPlug plug;
    KlBus *bus;         /* NULL: no slot is known by its hub port */
    guint power_cycles; /* how often a job may switch its unit's port off and on */
    const KlProfile *profile;
    KlSigner *signer; /* NULL, as pki, until the station is unlocked: no job is started before */
    KlPki *pki;
    KlGate *signing; /* to the signer; NULL: it takes any number of calls at once */
    KlStore *store;
    KlSink *sink; /* NULL, as outbox: no cloud */
    KlOutbox *outbox;
    gboolean require_ack;   /* no PASS before the cloud has the registration row */
    guint ack_wait_ms;      /* otherwise: how long it is waited for */
    KlRehearsal *rehearsal; /* NULL: the product's first boot is not rehearsed, or the station is not unlocked */
    KlClaims *claims;       /* which slot works on which IMEI */
} KlBench;

/* Whether jobs may be started. From any thread. */
static inline gboolean
kl_bench_unlocked(const KlBench *bench)
{
    return g_atomic_pointer_get((KlSigner **)&bench->signer) != NULL;
}

/* What is wanted of one job. A copy is taken. */
typedef struct {
    const char *batch;              /* or NULL */
    const char *operator_id;        /* or NULL */
    const char *work_order;         /* or NULL */
    const char *label;              /* or NULL */
    const char *reprovision_reason; /* not NULL: replace key and certificate of a provisioned unit */
} KlJobRequest;

/* Runs a job to its end on the calling thread, blocking. Events go to sink. Returns the record, with its final outcome
 * (which is ERROR with the store's code when the record could not be committed). Never NULL; the caller frees it. */
KlRecord *kl_job_run(const KlBench *bench, const char *slot, const KlPorts *ports, const KlJobRequest *request,
                     GCancellable *cancel, KlEventSink sink, gpointer sink_data);

G_END_DECLS
