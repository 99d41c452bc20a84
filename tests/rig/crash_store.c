#include "tests/rig/crash_store.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct {
    KlStore base;
    KlStore *inner;
    guint nth;
    gboolean after;
    atomic_uint calls;
} CrashStore;

typedef struct {
    KlSigner base;
    KlSignerClass klass;
    KlSigner *inner;
    CrashStore *store;
} CrashSigner;

static guint
count(CrashStore *store)
{
    guint n = atomic_fetch_add(&store->calls, 1) + 1;
    if (n == store->nth && !store->after)
        kill(getpid(), SIGKILL);
    return n;
}

static void
die_after(CrashStore *store, guint n)
{
    if (n == store->nth && store->after)
        kill(getpid(), SIGKILL);
}

#define INNER(store) (((CrashStore *)(store))->inner)

/* A changing call: counted, passed on, and possibly the last thing that this process does. */
#define CHANGE(type, method, parameters, ...)                                                                          \
    static type crash_##method parameters                                                                              \
    {                                                                                                                  \
        guint n = count((CrashStore *)store);                                                                          \
        type result = INNER(store)->klass->method(INNER(store), __VA_ARGS__);                                          \
        die_after((CrashStore *)store, n);                                                                             \
        return result;                                                                                                 \
    }

CHANGE(gboolean, job_begin, (KlStore * store, const KlRecord *record, GError **error), record, error)
CHANGE(KlUnitState *, unit_claim, (KlStore * store, const char *job, const KlUnit *unit, GError **error), job, unit,
       error)
CHANGE(char *, device_id, (KlStore * store, const char *imei, const KlIdRequest *request, GError **error), imei,
       request, error)
CHANGE(gboolean, intent,
       (KlStore * store, const char *job, const char *imei, KlIntentKind kind, const char *detail, GError **error), job,
       imei, kind, detail, error)
CHANGE(gboolean, key_made,
       (KlStore * store, const char *job, const char *imei, const char *spki, const char *backend, GError **error), job,
       imei, spki, backend, error)
CHANGE(gboolean, issued,
       (KlStore * store, const char *job, const char *imei, const char *csr, const KlCertificate *certificate,
        const char *reason, GError **error),
       job, imei, csr, certificate, reason, error)
CHANGE(gboolean, replaces_elsewhere,
       (KlStore * store, const char *job, const char *sha256, const char *device_id, const char *reason,
        GError **error),
       job, sha256, device_id, reason, error)
CHANGE(gboolean, known_at, (KlStore * store, const char *job, const char *sha256, const char *place, GError **error),
       job, sha256, place, error)
CHANGE(gboolean, registered,
       (KlStore * store, const char *job, const char *imei, const KlRegistration *row, GError **error), job, imei, row,
       error)
CHANGE(gboolean, job_end, (KlStore * store, const KlRecord *record, GError **error), record, error)

static void
crash_free(KlStore *store)
{
    kl_store_free(INNER(store));
    g_free(store);
}

KlStore *
kl_crash_store_new(KlStore *inner, guint nth, gboolean after)
{
    /* Only what a job calls: anything else would be a NULL call and show itself. */
    static const KlStoreClass klass = {
        .job_begin = crash_job_begin,
        .unit_claim = crash_unit_claim,
        .device_id = crash_device_id,
        .intent = crash_intent,
        .key_made = crash_key_made,
        .issued = crash_issued,
        .replaces_elsewhere = crash_replaces_elsewhere,
        .known_at = crash_known_at,
        .registered = crash_registered,
        .job_end = crash_job_end,
        .free = crash_free,
    };
    CrashStore *store = g_new0(CrashStore, 1);
    store->base.klass = &klass;
    store->inner = inner;
    store->nth = nth;
    store->after = after;
    return &store->base;
}

/* --- the signer's calls, counted with the store's --- */

#define SIGNER(signer) (((CrashSigner *)(signer))->inner)

#define CALL(type, method, parameters, ...)                                                                            \
    static type crash_##method parameters                                                                              \
    {                                                                                                                  \
        CrashStore *store = ((CrashSigner *)signer)->store;                                                            \
        guint n = count(store);                                                                                        \
        type result = SIGNER(signer)->klass->method(SIGNER(signer), __VA_ARGS__);                                      \
        die_after(store, n);                                                                                           \
        return result;                                                                                                 \
    }

CALL(gboolean, self_test, (KlSigner * signer, const KlProfile *profile, gint64 now, GError **error), profile, now,
     error)
CALL(KlCertificate *, issue, (KlSigner * signer, const KlIssueRequest *request, KlOp *op, GError **error), request, op,
     error)
CALL(gboolean, lookup,
     (KlSigner * signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error), request,
     found, op, error)
CALL(gboolean, enroll,
     (KlSigner * signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error),
     request, certificate, op, error)
CALL(gboolean, activate, (KlSigner * signer, const KlCertificate *certificate, KlOp *op, GError **error), certificate,
     op, error)
CALL(gboolean, check,
     (KlSigner * signer, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error),
     request, certificate, op, error)
CALL(char *, endpoint, (KlSigner * signer, KlOp *op, GError **error), op, error)

static void
crash_signer_free(KlSigner *signer)
{
    g_free(signer);
}

KlSigner *
kl_crash_signer_new(KlSigner *inner, KlStore *store)
{
    CrashSigner *signer = g_new0(CrashSigner, 1);
    signer->base.klass = &signer->klass;
    signer->base.parallel = inner->parallel;
    signer->inner = inner;
    signer->store = (CrashStore *)store;
    /* What the signer has, and no more. */
    signer->klass = (KlSignerClass){
        .id = inner->klass->id,
        .place = inner->klass->place,
        .self_test = crash_self_test,
        .issue = crash_issue,
        .lookup = crash_lookup,
        .enroll = inner->klass->enroll != NULL ? crash_enroll : NULL,
        .activate = inner->klass->activate != NULL ? crash_activate : NULL,
        .check = inner->klass->check != NULL ? crash_check : NULL,
        .endpoint = inner->klass->endpoint != NULL ? crash_endpoint : NULL,
        .free = crash_signer_free,
    };
    return &signer->base;
}
