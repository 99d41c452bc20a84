/* Certificates per second on one core against the arithmetic that nobody can do without: one P-256 signature made and
 * one checked. A certificate needs one made and two checked (the request's, its own). */
#include <openssl/evp.h>
#include <sched.h>

#include "certs/ca.h"
#include "certs/digest.h"
#include "certs/openssl_auto.h"
#include "certs/pki.h"
#include "certs/signer_local.h"
#include "tests/bench/bench.h"
#include "tests/store-fixture.h"

/* Both sides are measured in turns, so that what else the machine does hits both. */
#define ROUNDS 16
#define UNITS_PER_ROUND 16
#define REPEATS 4
#define SHARE_MIN 35
#define MESSAGE_SIZE 400 /* what is signed of a certificate */

typedef struct {
    KlCa *ca;
    KlPki *pki;
    KlSigner *signer;
    KlStore *store;
    KlProfile profile;
    gint64 now;
} Issuer;

/* A unit whose request waits for its certificate. */
typedef struct {
    KlUnit *unit;
    char *job;
    GBytes *csr;
} Candidate;

static void
candidate_free(gpointer data)
{
    Candidate *candidate = data;
    kl_unit_free(candidate->unit);
    g_bytes_unref(candidate->csr);
    g_free(candidate->job);
    g_free(candidate);
}

/* Fixes the process, and the threads that it will have, to the core it is on. */
static void
use_one_core(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        g_error("can't stay on one core");
}

static GBytes *
make_csr(const char *common_name)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(X509_REQ) request = X509_REQ_new();
    unsigned char *der = NULL;
    X509_REQ_set_version(request, X509_REQ_VERSION_1);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                               (const unsigned char *)common_name, -1, -1, 0);
    X509_REQ_set_pubkey(request, key);
    X509_REQ_sign(request, key, kl_sha256_algorithm());
    int length = i2d_X509_REQ(request, &der);
    if (length <= 0)
        g_error("no request");
    GBytes *bytes = g_bytes_new(der, (gsize)length);
    OPENSSL_free(der);
    return bytes;
}

static KlCsr *
check_csr(const Issuer *issuer, const Candidate *candidate)
{
    g_autoptr(GError) error = NULL;
    KlCsr *csr = CALL(issuer->pki, check_csr, candidate->csr, &issuer->profile, candidate->unit->device_id, &error);
    kl_bench_check(error);
    return csr;
}

/* Brings the unit's job to where it asks for a certificate. */
static void
journal(const Issuer *issuer, Candidate *candidate, guint number)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRecord) record = make_record(number);
    g_autoptr(KlCsr) csr = check_csr(issuer, candidate);
    const char *imei = candidate->unit->imei;
    KlStore *store = issuer->store;
    KlIdRequest id = {.fixed = candidate->unit->device_id};
    candidate->job = g_strdup(record->id);

    g_autofree char *given = NULL;
    g_autoptr(KlUnitState) state = NULL;
    if (CALL(store, job_begin, record, &error))
        state = CALL(store, unit_claim, record->id, candidate->unit, &error);
    if (state != NULL)
        given = CALL(store, device_id, imei, &id, &error);
    if (given != NULL && CALL(store, key_made, record->id, imei, csr->spki_sha256, "iks", &error))
        CALL(store, intent, record->id, imei, KL_INTENT_ISSUE, csr->sha256, &error);
    kl_bench_check(error);
}

static GPtrArray *
make_candidates(const Issuer *issuer)
{
    GPtrArray *candidates = g_ptr_array_new_with_free_func(candidate_free);
    for (guint i = 0; i < UNITS_PER_ROUND * ROUNDS; i++) {
        Candidate *candidate = g_new0(Candidate, 1);
        candidate->unit = make_unit(i);
        candidate->unit->device_id = g_strdup(candidate->unit->fsn);
        candidate->csr = make_csr(candidate->unit->device_id);
        journal(issuer, candidate, i);
        g_ptr_array_add(candidates, candidate);
    }
    return candidates;
}

/* What the station does between a unit's request and its certificate's installation. */
static void
issue(const Issuer *issuer, const Candidate *candidate, gboolean commit)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCsr) csr = check_csr(issuer, candidate);
    const KlIssueRequest request = {csr, &issuer->profile, candidate->unit, candidate->job, issuer->now};
    g_autoptr(KlCertificate) certificate = CALL(issuer->signer, issue, &request, NULL, &error);
    kl_bench_check(error);
    CALL(issuer->pki, verify_issued, certificate, csr->spki_sha256, &issuer->profile, candidate->unit, issuer->now,
         &error);
    kl_bench_check(error);
    if (commit)
        CALL(issuer->store, issued, candidate->job, candidate->unit->imei, csr->sha256, certificate, NULL, &error);
    kl_bench_check(error);
}

static void
sign_and_verify(EVP_PKEY *key)
{
    static const guint8 message[MESSAGE_SIZE];
    guint8 signature[128];
    size_t length = sizeof signature;
    g_autoptr(EVP_MD_CTX) signing = EVP_MD_CTX_new();
    g_autoptr(EVP_MD_CTX) verifying = EVP_MD_CTX_new();
    if (EVP_DigestSignInit(signing, NULL, kl_sha256_algorithm(), NULL, key) != 1 ||
        EVP_DigestSign(signing, signature, &length, message, sizeof message) != 1 ||
        EVP_DigestVerifyInit(verifying, NULL, kl_sha256_algorithm(), NULL, key) != 1 ||
        EVP_DigestVerify(verifying, signature, length, message, sizeof message) != 1)
        g_error("the raw signature failed");
}

static void
measure(const Issuer *issuer, const GPtrArray *candidates)
{
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(GArray) raw = kl_bench_samples_new();
    g_autoptr(GArray) issued = kl_bench_samples_new();
    g_autoptr(GArray) kept = kl_bench_samples_new();
    for (guint round = 0; round < ROUNDS; round++) {
        gpointer *mine = candidates->pdata + round * UNITS_PER_ROUND;
        double start = kl_bench_now();
        for (guint i = 0; i < UNITS_PER_ROUND * REPEATS; i++)
            sign_and_verify(key);
        double raw_done = kl_bench_now();
        for (guint i = 0; i < UNITS_PER_ROUND * REPEATS; i++)
            issue(issuer, mine[i % UNITS_PER_ROUND], FALSE);
        double issue_done = kl_bench_now();
        for (guint i = 0; i < UNITS_PER_ROUND; i++)
            issue(issuer, mine[i], TRUE);
        double kept_done = kl_bench_now();
        kl_bench_sample(raw, (raw_done - start) / (UNITS_PER_ROUND * REPEATS));
        kl_bench_sample(issued, (issue_done - raw_done) / (UNITS_PER_ROUND * REPEATS));
        kl_bench_sample(kept, (kept_done - issue_done) / UNITS_PER_ROUND);
    }
    double raw_s = kl_bench_percentile(raw, 50);
    double issue_s = kl_bench_percentile(issued, 50);
    double kept_s = kl_bench_percentile(kept, 50);
    kl_bench_row("issue-raw-sign-verify", 1 / raw_s, "/s");
    kl_bench_row("issue", 1 / issue_s, "/s");
    kl_bench_row("issue-and-commit", 1 / kept_s, "/s");
    kl_bench_row_at_least("issue-share", 100 * raw_s / issue_s, "%", SHARE_MIN);
    kl_bench_row("issue-and-commit-share", 100 * raw_s / kept_s, "%");
}

static void
open_issuer(Issuer *issuer, const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "keyline.db", NULL);
    g_autoptr(KlSecret) passphrase = kl_secret_new("bench", strlen("bench"));
    *issuer = (Issuer){
        .store = open_store(path),
        .profile = {.name = (char *)"fx30s", .subject = (char *)"CN={device_id}", .validity_days = 3650},
        .now = g_get_real_time() / G_USEC_PER_SEC,
    };
    kl_ca_init(folder, "Bench CA", 3650, passphrase, issuer->now, &error);
    kl_bench_check(error);
    issuer->ca = kl_ca_load(folder, "file", passphrase, 30, issuer->now, &error);
    kl_bench_check(error);
    issuer->pki = kl_pki_new(kl_ca_chain_pem(issuer->ca), &error);
    kl_bench_check(error);
    issuer->signer = kl_signer_local_new(issuer->ca);
}

static void
close_issuer(Issuer *issuer)
{
    issuer->signer->klass->free(issuer->signer);
    issuer->pki->klass->free(issuer->pki);
    kl_ca_free(issuer->ca);
    kl_store_free(issuer->store);
}

int
main(void)
{
    kl_bench_init();
    use_one_core();
    char *folder = kl_bench_folder_new();
    Issuer issuer;
    open_issuer(&issuer, folder);
    g_autoptr(GPtrArray) candidates = make_candidates(&issuer);
    measure(&issuer, candidates);
    close_issuer(&issuer);
    kl_bench_folder_free(folder);
    return 0;
}
