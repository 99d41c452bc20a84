/* The steps of a job, as data. */
#include "station/job_steps.h"

#include "station/i18n.h"

static gboolean
provisions(const KlJob *job)
{
    return !kl_job_verifies_only(job);
}

static gboolean
needs_certificate(const KlJob *job)
{
    return provisions(job) && !job->certificate_from_ledger;
}

static gboolean
locks(const KlJob *job)
{
    return provisions(job) && job->bench->profile->lock;
}

static gboolean
enrolls(const KlJob *job)
{
    const KlSignerClass *klass = job->bench->signer->klass;
    return provisions(job) && (klass->enroll != NULL || klass->endpoint != NULL);
}

/* Of units that were provisioned before it is looked at only. */
static gboolean
activates(const KlJob *job)
{
    const KlSignerClass *klass = job->bench->signer->klass;
    return kl_job_verifies_only(job) ? klass->check != NULL : klass->activate != NULL;
}

/* Of units that were provisioned before, too, unless they have begun their first boot in the field: the step looks. */
static gboolean
rehearses(const KlJob *job)
{
    return job->bench->profile->rehearse;
}

/* Time limits are for one attempt on a slow unit: a P-256 key takes the module up to some seconds, everything else is
 * bounded by 115200 baud. */
const KlStep kl_job_steps[] = {
    {"connect", N_("Connecting"), kl_step_connect, NULL, 1, 20, 1, KL_STEP_DEVICE},
    {"identify", N_("Reading the identity"), kl_step_identify, NULL, 1, 15, 2, KL_STEP_DEVICE},
    {"precheck", N_("Checking the unit"), kl_step_precheck, NULL, 1, 15, 1, KL_STEP_DEVICE},
    {"key", N_("Making the key"), kl_step_key, provisions, 6, 60, 1, KL_STEP_DEVICE},
    {"csr", N_("Fetching the request"), kl_step_csr, needs_certificate, 2, 30, 1, KL_STEP_DEVICE},
    {"issue", N_("Issuing the certificate"), kl_step_issue, provisions, 1, 60, 2, 0},
    {"enroll", N_("Enrolling the certificate"), kl_step_enroll, enrolls, 1, 60, 2, 0},
    {"install", N_("Installing the certificate"), kl_step_install, provisions, 4, 60, 2, KL_STEP_DEVICE},
    {"verify", N_("Proving the certificate"), kl_step_verify, NULL, 2, 30, 1, KL_STEP_DEVICE},
    {"register", N_("Registering the unit"), kl_step_register, NULL, 1, 30, 1, 0},
    {"rehearse", N_("Rehearsing the first boot"), kl_step_rehearse, rehearses, 3, 330, 1, KL_STEP_DEVICE},
    {"activate", N_("Activating the certificate"), kl_step_activate, activates, 1, 60, 2, 0},
    {"lock", N_("Locking the key"), kl_step_lock, locks, 1, 15, 1, KL_STEP_DEVICE | KL_STEP_NO_RETURN},
    {"disconnect", N_("Disconnecting"), kl_step_disconnect, NULL, 1, 15, 0, KL_STEP_CLEANUP},
    {"record", N_("Keeping the record"), kl_step_record, NULL, 1, 60, 0, KL_STEP_CLEANUP},
};

const guint kl_job_n_steps = G_N_ELEMENTS(kl_job_steps);

guint
kl_step_place(const char *id)
{
    for (guint i = 0; i < kl_job_n_steps; i++) {
        if (g_str_equal(kl_job_steps[i].id, id))
            return i;
    }
    return G_MAXUINT;
}

const char *
kl_step_title(const char *id)
{
    guint place = kl_step_place(id);
    if (g_str_equal(id, kl_job_power_step.id))
        return kl_job_power_step.title;
    return place != G_MAXUINT ? kl_job_steps[place].title : id;
}
