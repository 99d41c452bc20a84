/* A unit that passed, and rules that changed since: it is the unit that does not check out, the line goes on. And a
 * station that can't keep or sign any more: it is not the unit. */
#include <string.h>

#include "tests/rig/bent_driver.h"

static void
assert_code(const KlRecord *record, KlErrorCode code)
{
    if (g_strcmp0(record->code, kl_error_name(code)) != 0)
        g_error("%s, expected %s: %s", record->code, kl_error_name(code), record->detail);
}

static void
shorter(KlProfile *profile)
{
    profile->validity_days = 1;
}

static void
other_subject(KlProfile *profile)
{
    static char subject[] = "CN={device_id},O=Somebody Else";
    profile->subject = subject;
}

static void
other_keystore(KlProfile *profile)
{
    static char iks[] = "iks";
    static char *hardware[] = {iks, NULL};
    profile->key_backends = hardware;
}

static void
locked(KlProfile *profile)
{
    profile->lock = TRUE;
}

typedef struct {
    const char *name;
    void (*change)(KlProfile *profile);
    gboolean unfinished; /* also when the certificate was issued, but the unit had not passed */
} Rule;

static const Rule rules[] = {
    {"validity", shorter, TRUE},
    {"subject", other_subject, TRUE},
    {"keystore", other_keystore, FALSE},
    {"lock", locked, FALSE},
};

/* The software keystore says of itself that it is another: only the key's own entry tells. */
static KlLineRig *
new_rig(void)
{
    KlSimOptions options = {.units = 1, .one_port = TRUE, .keystore = "software"};
    return kl_line_rig_new(&options, NULL);
}

static void
test_rule(gconstpointer data)
{
    const Rule *rule = data;
    for (guint unfinished = 0; unfinished <= (rule->unfinished ? 1 : 0); unfinished++) {
        g_autoptr(KlLineRig) rig = new_rig();
        KlProfile profile = *kl_station_profile(rig->station);
        KlBentDriver how = {.call = "install", .nth = unfinished, .bend = KL_BEND_DIE, .keystore_is_a_lie = TRUE};
        g_autoptr(KlRecord) first = kl_bent_run(rig, 1, &how, NULL, NULL);
        g_assert_cmpint(first->outcome == KL_OUTCOME_PASS, ==, unfinished == 0);
        rule->change(&profile);
        KlBentDriver healthy = {.keystore_is_a_lie = TRUE};
        g_autoptr(KlRecord) record = kl_bent_run(rig, 1, &healthy, &profile, NULL);
        assert_code(record, KL_ERROR_PROVISIONED_BROKEN);
    }
}

/* A CA that is about to end passes no unit, new or known, and is not the units' fault. */
static void
test_ca_margin(void)
{
    g_autoptr(KlLineRig) rig = new_rig();
    KlProfile profile = *kl_station_profile(rig->station);
    g_autoptr(KlRecord) first = kl_bent_run(rig, 1, NULL, NULL, NULL);
    g_assert_cmpint(first->outcome, ==, KL_OUTCOME_PASS);
    profile.ca_margin_days = 36500;
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, NULL, &profile, NULL);
    assert_code(record, KL_ERROR_CA_EXPIRED);
}

static gboolean
disk_is_full(KlStore *store, const KlRecord *record, GError **error)
{
    return kl_fail(error, KL_ERROR_STORE_FULL, "bent");
}

/* A unit that failed, and a record that can't be kept: the line stops for it all the same. */
static void
test_failure_that_is_not_kept(void)
{
    g_autoptr(KlLineRig) rig = new_rig();
    KlStore *store = kl_station_store(rig->station);
    const KlStoreClass *whole = store->klass;
    KlStoreClass full = *whole;
    KlJobRequest wrong = {.label = "not-this-one"};
    full.job_end = disk_is_full;
    store->klass = &full;
    g_test_expect_message("keyline", G_LOG_LEVEL_WARNING, "*could not be kept*");
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, &wrong);
    g_test_assert_expected_messages();
    assert_code(record, KL_ERROR_STORE_FULL);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ERROR);
    g_assert_cmpstr(record->first_code, ==, "LABEL_MISMATCH");
    g_assert_nonnull(strstr(record->detail, "LABEL_MISMATCH"));
    g_assert_cmpstr(kl_line_stopped(rig->line), ==, "STORE_FULL");
    kl_line_rig_close(rig); /* its threads are done with the class */
}

typedef struct {
    char *looked_for; /* the job that a certificate was looked for */
    gboolean broken;
} Calls;

static Calls calls;
static const KlSignerClass *whole_signer;

static KlCertificate *
bent_issue(KlSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    if (!calls.broken)
        return whole_signer->issue(signer, request, op, error);
    kl_fail(error, KL_ERROR_TOKEN_FAILED, "bent");
    return NULL;
}

static gboolean
bent_lookup(KlSigner *signer, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    g_free(calls.looked_for);
    calls.looked_for = g_strdup(request->job);
    return whole_signer->lookup(signer, request, found, op, error);
}

/* After an answer that was lost, the signer is asked for the certificate of the job that had asked for it. */
static void
test_lookup_by_the_earlier_job(void)
{
    g_autoptr(KlLineRig) rig = new_rig();
    KlSigner *signer = kl_station_bench(rig->station)->signer;
    whole_signer = signer->klass;
    KlSignerClass bent = *whole_signer;
    bent.issue = bent_issue;
    bent.lookup = bent_lookup;
    signer->klass = &bent;
    calls = (Calls){.broken = TRUE};
    g_autoptr(KlRecord) broken = kl_bent_run(rig, 1, NULL, NULL, NULL);
    assert_code(broken, KL_ERROR_TOKEN_FAILED);
    g_assert_null(calls.looked_for);
    calls.broken = FALSE;
    g_autoptr(KlRecord) record = kl_bent_run(rig, 1, NULL, NULL, NULL);
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_PASS);
    g_assert_cmpstr(calls.looked_for, ==, broken->id);
    g_free(calls.looked_for);
    signer->klass = whole_signer;
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autofree char *name = g_strdup_printf("/tightened/%s", rules[i].name);
        g_test_add_data_func(name, &rules[i], test_rule);
    }
    g_test_add_func("/tightened/ca-margin", test_ca_margin);
    g_test_add_func("/tightened/failure-that-is-not-kept", test_failure_that_is_not_kept);
    g_test_add_func("/tightened/lookup-by-the-earlier-job", test_lookup_by_the_earlier_job);
    return g_test_run();
}
