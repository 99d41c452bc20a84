/* Inside a job: what its steps share. Private to job*.c and steps_*.c. */
#pragma once

#include "station/job.h"

G_BEGIN_DECLS

/* What has to be done about the key on the module. */
typedef enum {
    KL_KEY_MAKE,  /* there is none: have one made */
    KL_KEY_KEEP,  /* it holds one that this station knows: go on with it */
    KL_KEY_ADOPT, /* it holds one whose making was journalled and whose answer was lost: take it over */
    KL_KEY_ERASE, /* re-provisioning: remove it and all items, then have a new one made */
} KlKeyPlan;

struct KlJob {
    const KlBench *bench;
    const char *slot;
    const KlPorts *ports;
    const KlJobRequest *request;
    GCancellable *cancel;
    KlEventSink sink;
    gpointer sink_data;

    KlRecord *record;
    KlTranscript *transcript;
    gint64 start_us; /* monotonic */
    gint64 store_us; /* spent in the store so far */
    guint place;     /* of the running step in kl_job_steps */
    KlOp *op;        /* of the running attempt, or NULL */

    KlDevice *device;     /* NULL: not connected */
    guint64 plug;         /* what was plugged in when the job last looked */
    guint64 tried_plug;   /* what the last opening was about; 0: nothing, or that changed meanwhile */
    gint64 plug_us;       /* monotonic: since when */
    gboolean had_plug;    /* something was, at some time */
    guint64 unit_plug;    /* the plug under which the unit was identified */
    guint64 verdict_plug; /* what the verdict is about */
    guint power_cycles;   /* how often its port was switched off and on, or was to be */
    gboolean claimed;     /* this slot works on the unit's IMEI */
    KlUnitState *state;
    KlPassedElsewhere *elsewhere; /* being replaced: what another station has passed it as, or NULL */
    gboolean settled;             /* its id and what is to be done were decided */
    gboolean reprovision;         /* key and certificate are being replaced */
    KlKeyPlan key_plan;
    KlKeyInfo key; /* what the module says it holds */
    KlCsr *csr;
    KlCertificate *certificate;
    char *endpoint;                   /* the broker, as the signer knows it; NULL: the product's */
    gboolean certificate_from_ledger; /* issued by an earlier job: reused, not asked for again */
    gboolean rehearsing;              /* a rehearsal was begun on the unit, and is not known to be undone */
    char *remark;                     /* what the running step has to say though it passes, or NULL */
    GError *failure;                  /* what decided the job, or NULL */
};

extern const KlStep kl_job_steps[];
extern const guint kl_job_n_steps;

/* Not one of the steps: done between two attempts at one, with a result of its own. In job_power.c. */
extern const KlStep kl_job_power_step;

/* Adds time to the account of the store. It is not held against the running attempt. */
void kl_job_add_store_time(KlJob *job, gint64 us);

/* Calls a store method and adds its time to the job's account. */
#define KL_JOB_STORE(job, method, ...)                                                                                 \
    ({                                                                                                                 \
        gint64 store_from_us = g_get_monotonic_time();                                                                 \
        typeof((job)->bench->store->klass->method((job)->bench->store, __VA_ARGS__)) store_result =                    \
            (job)->bench->store->klass->method((job)->bench->store, __VA_ARGS__);                                      \
        kl_job_add_store_time((job), g_get_monotonic_time() - store_from_us);                                          \
        store_result;                                                                                                  \
    })

/* An event of this job, filled with what every event has. The caller sets the rest and emits it. */
KlEvent *kl_job_event(const KlJob *job, KlEventType type);
void kl_job_emit(const KlJob *job, KlEvent *event);

/* Whether another attempt could end otherwise. A unit that was pulled out is not waited for twice. */
gboolean kl_job_worth_retrying(const GError *failure);

/* The claim of the job's slot on its unit: taken as the unit was last identified; FALSE with DUPLICATE_IMEI or
 * UNIT_REMOVED when it may not go on (a job that has no claim yet may). In job_claim.c, as the next two. */
void kl_job_take_claim(KlJob *job);
gboolean kl_job_check_claim(const KlJob *job, GError **error);
/* Waits until a slot that has lost the unit to this one has let go of it. */
gboolean kl_job_await_claim(KlJob *job, KlOp *op, GError **error);

/* Waits; an operation that is stopped wakes at once. In job_connect.c, as the next eight. */
gboolean kl_job_pause(const KlOp *op, guint ms, GError **error);
/* Looks what is plugged in now. */
void kl_job_look(KlJob *job);
/* Opens the unit's ports, waiting for a port that is just coming back and for a unit that is still starting. Closes an
 * open device first. UNIT_REMOVED when something was plugged in, and nothing is any more. */
gboolean kl_job_connect(KlJob *job, KlOp *op, GError **error);
/* The same unless the unit is connected: a failed attempt may not have got it back. Once the job is about a unit, it is
 * that one or UNIT_CHANGED. */
gboolean kl_job_ensure_connected(KlJob *job, KlOp *op, GError **error);
/* Asks, also when it is connected, whether the unit is still the one that the job is about: where nobody talked to it
 * for a while, before something is done to it that can't be undone. UNIT_CHANGED; UNIT_REMOVED when another one was
 * seen to be plugged in; the errors of connecting. */
gboolean kl_job_same_unit(KlJob *job, KlOp *op, GError **error);
void kl_job_disconnect(KlJob *job);
/* Connects anew outside of the step's time limit: the unit may take the product's restart-seconds to be there again,
 * and then some to start. Once the job is about a unit, makes sure that it is that one. Otherwise fails as
 * kl_job_same_unit, but with PORT_MISSING when nothing came back; not connected then. */
gboolean kl_job_reconnect(KlJob *job, gboolean *restarted, GError **error);
/* After a failed attempt: connects anew and makes sure that it is still the same unit. When it is another, or has
 * restarted, or does not come back, that explains the failure better and takes the place of *failure. */
void kl_job_recover(KlJob *job, GError **failure);

/* Whether the failure that would end the step may have the unit's port switched off and on. In job_power.c. */
gboolean kl_job_may_power_cycle(const KlJob *job, const KlStep *step, const GError *failure);

/* The signer's methods of these names, each in its turn (CANCELLED while it waits). In job_sign.c. */
gboolean kl_job_self_test(KlJob *job, KlOp *op, GError **error);
gboolean kl_job_lookup(KlJob *job, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error);
KlCertificate *kl_job_issue(KlJob *job, const KlIssueRequest *request, KlOp *op, GError **error);
gboolean kl_job_enroll(KlJob *job, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                       GError **error);
gboolean kl_job_activate(KlJob *job, const KlCertificate *certificate, KlOp *op, GError **error);
gboolean kl_job_check_signer(KlJob *job, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                             GError **error);
char *kl_job_endpoint(KlJob *job, KlOp *op, GError **error);

/* Before the unit gets an id: FALSE with PASSED_ELSEWHERE when another station has passed the unit that this one would
 * work on; when that can't be known, only where nothing passes without the cloud. A unit that is replaced may have
 * passed there: then job->elsewhere says as what; when that can't be known, it is FALSE also for a unit that would get
 * its id of a sequence only now. CLOUD_CONFLICT: it has another id there. In steps_cloud.c, as the next two. */
gboolean kl_job_check_elsewhere(KlJob *job, KlOp *op, GError **error);
/* The certificate of job->elsewhere, if there is one, is to be cleaned up: this one takes its place. */
gboolean kl_job_replace_elsewhere(KlJob *job, const KlCertificate *certificate, GError **error);
/* Numbers have run out: waits a while for the outbox to lease some. IDS_EXHAUSTED. */
gboolean kl_job_wait_for_ids(KlJob *job, KlOp *op, GError **error);

/* The broker's name as the signer knows it, into job->endpoint; nothing where it knows none. In steps_cloud.c. */
gboolean kl_job_learn_endpoint(KlJob *job, KlOp *op, GError **error);

/* Whether what a unit says to store (KlItemInfo) is all that it has to; READBACK_MISMATCH, and *wrong is the first item
 * that is not (static). In steps_finish.c. */
gboolean kl_job_check_items(const KlJob *job, GPtrArray *infos, const char **wrong, GError **error);

/* Of a product that is rehearsed: a rehearsal that an earlier job left behind is reset. In steps_rehearse.c, as the
 * next. */
gboolean kl_job_reset_rehearsal(KlJob *job, KlOp *op, GError **error);
/* Whatever became of the job: a unit that is connected still is taken out of its rehearsal, within a limit of its own.
 */
void kl_job_leave_rehearsal(KlJob *job);

/* Settles what the verdict is about, for JOB_END: the plug of the unit, 0 when that is gone by now. */
void kl_job_settle_plug(KlJob *job);

/* Writes the job's outcome, so far as it is known, into its record. */
void kl_job_settle(KlJob *job);

/* TRUE when the job only has to check what an earlier job did. */
gboolean kl_job_verifies_only(const KlJob *job);

/* TRUE when the unit's key and certificate are to be replaced: as a supervisor wants it, or wanted it in an earlier job
 * that was broken off. Once the store was asked about the unit. */
gboolean kl_job_replaces(const KlJob *job);

/* The steps' work, in the order of a job. */
gboolean kl_step_connect(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_identify(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_precheck(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_key(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_csr(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_issue(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_enroll(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_install(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_verify(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_register(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_rehearse(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_activate(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_lock(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_disconnect(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_record(KlJob *job, KlOp *op, GError **error);
gboolean kl_step_power_cycle(KlJob *job, KlOp *op, GError **error);

/* Decides about the key on the module by what it says and what the store knows; fills job->key. */
gboolean kl_job_plan_key(KlJob *job, KlOp *op, GError **error);

G_END_DECLS
