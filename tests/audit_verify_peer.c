/* For test-audit-verify.py. "make DIR": makes a station's database there by the real store, with exports and a proof.
 * "serve": checks what each line of stdin names, PATH[TAB]CHECKPOINT-LINE[TAB]CERTIFICATE-FILE (the last two may be
 * empty), and answers each with a line of JSON. */
#include <stdio.h>

#include <json-glib/json-glib.h>

#include "certs/seal.h"
#include "db/activation_sqlite.h"
#include "db/audit_export.h"
#include "db/audit_proof.h"
#include "db/audit_verify.h"
#include "db/database.h"
#include "station/activation/engine.h"
#include "tests/store-fixture.h"

#define STATION "Test line"

static void
check(gboolean ok, const GError *error)
{
    if (!ok)
        g_error("%s", error != NULL ? error->message : "failed");
}

/* --- make --- */

static void
fail_unit(KlStore *store, guint n)
{
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, n);
    check(job_run_calls(&run, 6, &error), error);
    run.record->unit = kl_unit_copy(run.unit);
    run.record->detail = g_strdup("caf\xc3\xa9 \"quoted\" \\ \x01 \xff end");
    g_ptr_array_add(run.record->steps, make_step("key", 1, KL_OUTCOME_FAIL, "KEY_LOST"));
    settle(run.record, KL_OUTCOME_FAIL, "KEY_LOST");
    check(CALL(store, job_end, run.record, &error), error);
}

/* A unit that passes, and passes again with another key. */
static char *
reprovision_unit(KlStore *store, guint n)
{
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, n);
    check(job_run_calls(&run, N_JOB_CALLS, &error), error);
    job_run_renew(&run, store, n);
    run.reprovision = "board was replaced";
    check(job_run_calls(&run, N_JOB_CALLS, &error), error);
    return g_strdup(run.issued);
}

static void
add_act(KlStore *store, const char *what, const char *subject)
{
    const KlAct act = {.who = (char *)"217",
                       .role = (char *)"supervisor",
                       .what = (char *)what,
                       .subject = (char *)subject,
                       .reason = (char *)"because"};
    g_autoptr(GError) error = NULL;
    check(CALL(store, add_act, &act, &error), error);
}

static void
checkpoint(KlStore *store, const char *reason, char **line)
{
    g_autoptr(GError) error = NULL;
    check(CALL(store, checkpoint, reason, line, &error), error);
}

/* What was kept before there was a journal: it is taken out again. */
static void
forget_journal(const char *path)
{
    g_autofree char *triggers = sqlite(path, "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema"
                                             " WHERE type = 'trigger' AND name LIKE 'audit_%'");
    g_autofree char *sql = g_strconcat(triggers,
                                       ";DELETE FROM audit_periods; DELETE FROM audit_checkpoints;"
                                       "DELETE FROM audit_events; DELETE FROM audit_head",
                                       NULL);
    g_free(sqlite(path, sql));
}

static void
export_to(const char *dir, const char *name, KlSeal *seal, const char *line, const KlAuditRequest *request)
{
    g_autofree char *database = g_build_filename(dir, "keyline.db", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    const KlAuditExport export = {.database = database,
                                  .request = request,
                                  .checkpoint = line,
                                  .station = STATION,
                                  .seal = seal,
                                  .path = path,
                                  .created_us = 1800000000000000};
    g_auto(KlAuditExported) exported = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAuditWriter) writer = kl_audit_export(&export, &exported, &error);
    check(writer != NULL && kl_audit_writer_commit(writer, &error), error);
}

static void
export_all(const char *dir, KlSeal *seal, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *imei = g_strdup_printf("35%013u", 5);
    g_autofree char *database = g_build_filename(dir, "keyline.db", NULL);
    g_autofree char *path = g_build_filename(dir, "proof.json", NULL);
    const KlAuditRequest everything = {0}, one = {.identifier = imei};
    KlAuditProved proved;
    export_to(dir, "all", seal, line, &everything);
    export_to(dir, "all.tar", seal, line, &everything);
    export_to(dir, "one", seal, line, &one);
    export_to(dir, "one.tar", seal, line, &one);
    g_autofree char *proof = kl_audit_prove(database, imei, line, seal->klass->certificate(seal), &proved, &error);
    check(proof != NULL && g_file_set_contents(path, proof, -1, &error), error);
}

static void
fill(KlStore *store)
{
    g_autoptr(GError) error = NULL;
    for (guint n = 3; n < 6; n++)
        g_free(pass_unit(store, n));
    checkpoint(store, "request", NULL);
    fail_unit(store, 6);
    g_autofree char *first = reprovision_unit(store, 7);
    add_act(store, "sign-on", NULL);
    add_act(store, "profile", "fx30s");
    checkpoint(store, "shift", NULL);
    check(CALL(store, revoke, first, "key compromise", &error), error);
    check(CALL(store, note, "doctor", "{\"findings\":[]}", &error), error);
    check(CALL(store, set_quota, "WO-1", 100, &error), error);
    g_free(pass_unit(store, 8));
}

/* Units 3 and 4 in the field: one activated, and asking again more often than is told of; the other has only asked. */
static void
boot_units(const char *path)
{
    static const struct {
        const char *topic, *payload;
        guint times;
    } messages[] = {
        {"bs/device/FX30-000003/register/request", "", 1},         {"bs/device/FX30-000003/register/ok", "", 1},
        {"dm/device/FX30-000003/update/ok", "{\"version\":3}", 1}, {"bs/device/FX30-000003/register/request", "", 15},
        {"bs/device/FX30-000004/register/request", "", 2},         {"bs/device/nobody/register/request", "", 1},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(KlActivationTable) table = kl_activation_sqlite_open(path, NULL, NULL, &error);
    check(table != NULL, error);
    const KlActivationParts parts = {.rules = {.connections_alarm = 3}, .table = table};
    g_autoptr(KlActivationEngine) engine = kl_activation_engine_new(&parts, &error);
    for (gsize i = 0; i < G_N_ELEMENTS(messages); i++) {
        const KlActivationMessage message = {
            .topic = messages[i].topic, .payload = messages[i].payload, .length = strlen(messages[i].payload)};
        for (guint time = 0; time < messages[i].times; time++) {
            g_autoptr(KlActivation) became = kl_activation_engine_handle(engine, &message, NULL, &error);
            check(became != NULL, error);
        }
    }
}

static int
make(const char *dir)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(dir, "keyline.db", NULL);
    g_autofree char *line = NULL;
    KlStore *store = open_store(path);
    g_free(pass_unit(store, 1));
    g_free(reprovision_unit(store, 2));
    add_act(store, "sign-on", "before the journal");
    kl_store_free(store);
    forget_journal(path);

    check(kl_seal_make(dir, STATION, g_get_real_time() / G_USEC_PER_SEC, &error), error);
    g_autoptr(KlSeal) seal = kl_seal_open(dir, "file", &error);
    check(seal != NULL, error);
    store = open_store(path);
    check(CALL(store, use_seal, seal, STATION, &error), error);
    fill(store);
    boot_units(path);
    checkpoint(store, "export", &line);
    export_all(dir, seal, line);
    g_free(pass_unit(store, 9));
    kl_store_free(store);
    printf("%s\n", line);
    return 0;
}

/* --- serve --- */

static void
answer(const KlAuditReport *report, const GError *error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    gboolean whole = report != NULL && kl_audit_report_whole(report);
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "code");
    json_builder_add_int_value(builder, whole                                    ? 0
                                        : report != NULL                         ? 1
                                        : kl_error_code(error) == KL_ERROR_USAGE ? 2
                                                                                 : 3);
    json_builder_set_member_name(builder, "findings");
    json_builder_begin_array(builder);
    for (guint i = 0; report != NULL && i < report->findings->len; i++) {
        const KlAuditFinding *finding = report->findings->pdata[i];
        g_autofree char *kind = g_strconcat(kl_audit_fault_name(finding->fault), " ", finding->where, NULL);
        json_builder_add_string_value(builder, kind);
    }
    json_builder_end_array(builder);
    json_builder_set_member_name(builder, "error");
    g_autofree char *message = error != NULL ? g_strescape(error->message, NULL) : g_strdup("");
    json_builder_add_string_value(builder, message);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(root, FALSE);
    printf("%s\n", text);
    fflush(stdout);
}

static int
serve(void)
{
    g_autofree char *line = NULL;
    gsize size = 0;
    for (gssize length; (length = getline(&line, &size, stdin)) > 0;) {
        g_auto(GStrv) words = g_strsplit(g_strchomp(line), "\t", 3);
        guint count = g_strv_length(words);
        g_autofree char *certificate = NULL;
        g_autoptr(GError) error = NULL;
        if (count > 2 && words[2][0] != '\0')
            check(g_file_get_contents(words[2], &certificate, NULL, &error), error);
        const KlAuditVerify options = {&kl_seal_checks, certificate,
                                       count > 1 && words[1][0] != '\0' ? words[1] : NULL};
        g_autoptr(KlAuditReport) report = kl_audit_verify(words[0], &options, &error);
        answer(report, error);
    }
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "make") == 0)
        return make(argv[2]);
    return argc == 2 && strcmp(argv[1], "serve") == 0 ? serve() : 2;
}
