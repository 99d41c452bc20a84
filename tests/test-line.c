/* One unit, end to end, and what happens when it comes back: the whole station against the simulated line. */
#include <string.h>

#include "tests/rig/line_rig.h"

static void
assert_pass(const KlRecord *record)
{
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("slot %s: %s %s: %s", record->slot, kl_outcome_name(record->outcome), record->code, record->detail);
    g_assert_null(record->code);
    g_assert_nonnull(record->certificate_sha256);
}

static void
assert_code(const KlRecord *record, KlOutcome outcome, KlErrorCode code)
{
    g_assert_cmpstr(record->code, ==, kl_error_name(code));
    g_assert_cmpstr(kl_outcome_name(record->outcome), ==, kl_outcome_name(outcome));
}

static void
assert_sql(const KlLineRig *rig, const char *sql, const char *expected)
{
    g_autofree char *answer = kl_line_rig_sql(rig, sql);
    g_assert_cmpstr(answer, ==, expected);
}

static void
test_pass(gconstpointer one_port)
{
    KlSimOptions options = {.units = 4, .seed = 7, .one_port = GPOINTER_TO_INT(one_port)};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < records->len; i++) {
        const KlRecord *record = records->pdata[i];
        assert_pass(record);
        g_assert_cmpstr(record->unit->imei, ==, kl_sim_imei(rig->sim, i + 1));
        g_assert_cmpstr(record->unit->fsn, ==, kl_sim_fsn(rig->sim, i + 1));
        g_assert_false(record->already_provisioned);
        g_assert_false(record->resumed);
    }
    assert_sql(rig, "SELECT count(*) FROM certificates WHERE status = 'live'", "4");
    g_autofree char *expected = g_strdup_printf("%s|false|MyRaspberry_IoT_Activation|main|"
                                                "{\"topic\":\"$aws/things/%s/shadow/update\"}|0|0",
                                                kl_sim_fsn(rig->sim, 1), kl_sim_fsn(rig->sim, 1));
    g_autofree char *query = g_strdup_printf("SELECT * FROM registration WHERE device = '%s'", kl_sim_fsn(rig->sim, 1));
    assert_sql(rig, query, expected);
}

/* Another implementation's opinion of what was issued: the openssl command line, strict. */
static void
test_openssl_agrees(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_pass(record);
    g_autofree char *text = kl_line_rig_shell(
        rig, "sqlite3 -readonly \"$S/keyline.db\" \"SELECT hex(der) FROM certificates\" | tr -d '\\n' | "
             "perl -ne 'print pack(\"H*\", $_)' | openssl x509 -inform DER -out \"$S/leaf.pem\"; "
             "openssl verify -x509_strict -purpose sslclient -CAfile \"$S/ca/ca.pem\" \"$S/leaf.pem\" >&2; "
             "openssl x509 -in \"$S/leaf.pem\" -noout -text -nameopt RFC2253");
    g_autofree char *subject = g_strdup_printf("Subject: CN=%s,O=Keyline Demo", kl_sim_fsn(rig->sim, 1));
    const char *const wanted[] = {subject,
                                  "Issuer: CN=Rig CA",
                                  "Signature Algorithm: ecdsa-with-SHA256",
                                  "NIST CURVE: P-256",
                                  "X509v3 Basic Constraints: critical\n                CA:FALSE",
                                  "X509v3 Key Usage: critical\n                Digital Signature\n",
                                  "TLS Web Client Authentication\n",
                                  "X509v3 Subject Key Identifier:",
                                  "X509v3 Authority Key Identifier:"};
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        if (strstr(text, wanted[i]) == NULL)
            g_error("'%s' is missing in\n%s", wanted[i], text);
    }
    g_autofree char *fingerprint = kl_line_rig_shell(
        rig, "openssl x509 -in \"$S/leaf.pem\" -outform DER | sha256sum | cut -d' ' -f1 | tr -d '\\n'");
    g_assert_cmpstr(fingerprint, ==, record->certificate_sha256);
    /* The module stores what was issued, byte for byte. */
    g_autofree char *stored =
        g_strdup_printf("cmp \"$S/leaf.pem\" '%s/item-certificate'", kl_sim_unit_dir(rig->sim, 1));
    g_free(kl_line_rig_shell(rig, stored));
}

static void
test_again(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
    kl_line_rig_reopen(rig);
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 1, NULL);
    assert_pass(first);
    assert_pass(second);
    g_assert_true(second->already_provisioned);
    g_assert_cmpstr(first->certificate_sha256, ==, second->certificate_sha256);
    assert_sql(rig, "SELECT count(*) FROM certificates", "1");
    assert_sql(rig, "SELECT count(*) FROM registration", "1");
}

static void
test_reprovision(gconstpointer locked)
{
    KlSimOptions options = {.units = 1};
    const char *const product[] = {GPOINTER_TO_INT(locked) ? "key.lock=true" : "key.lock=false", NULL};
    KlJobRequest request = {.operator_id = "sue", .reprovision_reason = "key ceremony 7"};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 1, &request);
    g_autoptr(KlRecord) third = kl_line_rig_provision(rig, 1, NULL);
    assert_pass(first);
    assert_pass(second);
    assert_pass(third);
    g_assert_false(second->already_provisioned);
    g_assert_true(third->already_provisioned);
    g_assert_cmpstr(first->certificate_sha256, !=, second->certificate_sha256);
    g_assert_cmpstr(third->certificate_sha256, ==, second->certificate_sha256);
    assert_sql(rig, "SELECT status, supersede_reason FROM certificates ORDER BY number",
               "superseded|key ceremony 7\nlive|");
    /* A locked key can't be replaced: it gets a new certificate. */
    assert_sql(rig, "SELECT count(DISTINCT spki_sha256) FROM certificates", GPOINTER_TO_INT(locked) ? "1" : "2");
}

static void
test_revoked_is_not_pass(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
    assert_pass(first);
    KlStore *store = kl_station_store(rig->station);
    g_assert_true(store->klass->revoke(store, first->certificate_sha256, "lost at the dock", &error));
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 1, NULL);
    assert_code(second, KL_OUTCOME_FAIL, KL_ERROR_PROVISIONED_BROKEN);
}

/* Someone empties the module's store behind our back: the unit is not what its record says. */
static void
test_emptied_is_not_pass(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
    assert_pass(first);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_sim_replace(rig->sim, 1, 0, NULL, &error));
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 1, NULL);
    assert_code(second, KL_OUTCOME_FAIL, KL_ERROR_PROVISIONED_BROKEN);
    KlJobRequest request = {.operator_id = "sue", .reprovision_reason = "module replaced its flash"};
    g_autoptr(KlRecord) third = kl_line_rig_provision(rig, 1, &request);
    assert_pass(third);
}

static void
test_labels(void)
{
    KlSimOptions options = {.units = 2};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autofree char *fsn = g_strdup(kl_sim_fsn(rig->sim, 1));
    g_autofree char *scanned = g_strconcat(fsn, "\r\n", NULL);
    KlJobRequest wrong = {.label = kl_sim_fsn(rig->sim, 2)};
    KlJobRequest right = {.label = scanned};
    KlJobRequest imei = {.label = kl_sim_imei(rig->sim, 1)};
    g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, &wrong);
    assert_code(first, KL_OUTCOME_FAIL, KL_ERROR_LABEL_MISMATCH);
    assert_sql(rig, "SELECT count(*) FROM keys", "0"); /* stopped before anything was done to the unit */
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 1, &right);
    assert_pass(second);
    g_autoptr(KlRecord) third = kl_line_rig_provision(rig, 1, &imei);
    assert_pass(third);
}

static void
test_label_as_id(void)
{
    KlSimOptions options = {.units = 2};
    const char *const product[] = {"id.rule=label", "id.label=device_id", NULL};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    KlJobRequest label = {.label = "GW-0042"};
    KlJobRequest hostile = {.label = "a/../b,CN=evil"};
    g_autoptr(KlRecord) none = kl_line_rig_provision(rig, 1, NULL);
    assert_code(none, KL_OUTCOME_FAIL, KL_ERROR_LABEL_MISSING);
    g_autoptr(KlRecord) bad = kl_line_rig_provision(rig, 1, &hostile);
    assert_code(bad, KL_OUTCOME_FAIL, KL_ERROR_LABEL_FORMAT);
    g_autoptr(KlRecord) good = kl_line_rig_provision(rig, 1, &label);
    assert_pass(good);
    g_assert_cmpstr(good->unit->device_id, ==, "GW-0042");
    g_autoptr(KlRecord) taken = kl_line_rig_provision(rig, 2, &label);
    assert_code(taken, KL_OUTCOME_FAIL, KL_ERROR_DUPLICATE_DEVICE);
}

static void
test_sequence(void)
{
    KlSimOptions options = {.units = 8, .one_port = TRUE};
    const char *const product[] = {"id.rule=sequence", "id.pattern=FX30-%05u", NULL};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < records->len; i++)
        assert_pass(records->pdata[i]);
    assert_sql(rig, "SELECT group_concat(device, ' ') FROM (SELECT device FROM registration ORDER BY device)",
               "FX30-00001 FX30-00002 FX30-00003 FX30-00004 FX30-00005 FX30-00006 FX30-00007 FX30-00008");
}

/* Two slots lead to units with one IMEI: neither may pass while both are there. */
static void
test_duplicate_imei_stops_both(void)
{
    const char *const faults[] = {"2:duplicate-imei", NULL};
    KlSimOptions options = {.units = 2, .faults = faults, .key_ms_min = 1500, .key_ms_max = 1500};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GPtrArray) records = kl_line_rig_provision_all(rig);
    for (guint i = 0; i < records->len; i++)
        assert_code(records->pdata[i], KL_OUTCOME_FAIL, KL_ERROR_DUPLICATE_IMEI);
    assert_sql(rig, "SELECT count(*) FROM registration", "0");
}

static void
test_stop(void)
{
    KlSimOptions options = {.units = 1, .key_ms_min = 20000, .key_ms_max = 20000};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    kl_line_rig_start(rig, 1, NULL);
    g_autofree char *intents = NULL;
    while (g_strcmp0(intents, "1") != 0) { /* until the unit is making its key */
        g_free(intents);
        intents = kl_line_rig_sql(rig, "SELECT count(*) FROM intents WHERE kind = 'KEY'");
    }
    kl_line_stop_all(rig->line);
    g_autoptr(KlRecord) record = kl_line_rig_wait(rig);
    assert_code(record, KL_OUTCOME_ABORTED, KL_ERROR_CANCELLED);
    assert_sql(rig, "SELECT outcome FROM jobs", "ABORTED");
}

typedef struct {
    KlLine *line;
    gboolean refused;
} Restart;

/* What an eager receiver does: the end of a job starts the next one, here in another slot. */
static void
restart(KlEvent *event, gpointer data)
{
    Restart *restart = data;
    g_autoptr(GError) error = NULL;
    KlJobRequest request = {0};
    if (event->type == KL_EVENT_JOB_END)
        restart->refused = !kl_line_start(restart->line, "01", &request, &error) &&
                           g_error_matches(error, KL_ERROR, KL_ERROR_STATION_STOPPED);
    kl_event_free(event);
}

static void
test_start_while_closing(void)
{
    KlSimOptions options = {.units = 2, .key_ms_min = 20000, .key_ms_max = 20000};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    KlJobRequest request = {0};
    Restart data = {0};
    data.line = kl_line_new(kl_station_config(rig->station), kl_station_bench(rig->station), restart, &data);
    g_assert_true(kl_line_start(data.line, "02", &request, &error));
    kl_line_free(data.line);
    g_assert_true(data.refused);
    assert_sql(rig, "SELECT slot, outcome FROM jobs", "02|ABORTED");
}

static void
test_reason_is_needed(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    KlJobRequest request = {.reprovision_reason = "  "};
    g_assert_false(kl_line_start(rig->line, "01", &request, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_USAGE);
}

/* An empty database in place of one that vanished would forget every key and certificate. */
static void
test_database_gone(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    kl_line_rig_close(rig);
    g_free(kl_line_rig_shell(rig, "rm \"$S\"/keyline.db*"));
    g_assert_null(kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_MISSING);
    g_clear_error(&error);
    g_assert_false(kl_station_setup(rig->station_dir, "rig", NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_MISSING);
}

static void
test_one_program(void)
{
    KlSimOptions options = {.units = 1};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) second = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_null(second);
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_BUSY);
    g_clear_error(&error);
    g_autoptr(KlStation) reader = kl_station_open(rig->station_dir, KL_STATION_READ, NULL, &error);
    g_assert_nonnull(reader);
    g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/line/pass/two-ports", GINT_TO_POINTER(FALSE), test_pass);
    g_test_add_data_func("/line/pass/one-port", GINT_TO_POINTER(TRUE), test_pass);
    g_test_add_func("/line/openssl-agrees", test_openssl_agrees);
    g_test_add_func("/line/again", test_again);
    g_test_add_data_func("/line/reprovision/open", GINT_TO_POINTER(FALSE), test_reprovision);
    g_test_add_data_func("/line/reprovision/locked", GINT_TO_POINTER(TRUE), test_reprovision);
    g_test_add_func("/line/revoked-is-not-pass", test_revoked_is_not_pass);
    g_test_add_func("/line/emptied-is-not-pass", test_emptied_is_not_pass);
    g_test_add_func("/line/labels", test_labels);
    g_test_add_func("/line/label-as-id", test_label_as_id);
    g_test_add_func("/line/sequence", test_sequence);
    g_test_add_func("/line/duplicate-imei-stops-both", test_duplicate_imei_stops_both);
    g_test_add_func("/line/stop", test_stop);
    g_test_add_func("/line/start-while-closing", test_start_while_closing);
    g_test_add_func("/line/reason-is-needed", test_reason_is_needed);
    g_test_add_func("/line/database-gone", test_database_gone);
    g_test_add_func("/line/one-program", test_one_program);
    return g_test_run();
}
