/* What is found of broken-off work, here and in the strict peer, and what is taken out: never anything that works. */
#include <glib/gstdio.h>
#include <string.h>

#include "station/secret.h"
#include "station/station_orphans.h"
#include "tests/cli_rig.h"
#include "tests/cloud_tables.h"
#include "tests/store-fixture.h"

static AwsPeer *peer;

/* --- a station with units --- */

typedef struct {
    char *dir;
    KlStation *station; /* in RUN mode: nothing is started */
    KlAws *aws;
} Bench;

static void
append_line(const char *dir, const char *after, const char *line)
{
    g_autofree char *path = g_build_filename(dir, "station.conf", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) parts = g_strsplit(text, after, 2);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_autofree char *more = g_strconcat(parts[0], after, line, parts[1], NULL);
    g_assert_true(g_file_set_contents(path, more, -1, NULL));
}

static void
set_up(Bench *bench, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *parent = g_dir_make_tmp("keyline-orphans-XXXXXX", NULL);
    bench->dir = g_build_filename(parent, "station", NULL);
    kl_station_setup(bench->dir, "north", NULL, &error);
    g_assert_no_error(error);
    append_line(bench->dir, "[ca]\n", "signer=iot\n");
    g_autofree char *path = g_build_filename(bench->dir, "station.conf", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *with_aws = g_strconcat(text, "\n[aws]\npolicy=device\n", NULL);
    g_assert_true(g_file_set_contents(path, with_aws, -1, NULL));
    bench->station = kl_station_open(bench->dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    bench->aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    g_assert_no_error(error);
}

static void
tear_down(Bench *bench, gconstpointer data)
{
    kl_station_free(bench->station);
    kl_aws_free(bench->aws);
    g_autofree char *parent = g_path_get_dirname(bench->dir);
    remove_tree(parent);
    g_free(bench->dir);
}

/* --- certificates in AWS --- */

static void
cloud_call(KlAws *aws, KlAwsOperationId operation, const char *path, const char *json)
{
    g_autoptr(JsonNode) body = json_from_string(json, NULL);
    const KlAwsCall call = {.operation = operation, .path = path, .body = body};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    kl_aws_call(aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

/* Has AWS make a certificate for a device; its id. */
static char *
certificate_in_aws(Bench *bench, const char *device, GBytes **der)
{
    g_autofree char *subject = g_strdup_printf("/CN=%s", device);
    g_autofree char *csr = NULL;
    const char *argv[] = {"openssl", "req",     "-new",      "-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-nodes",  "-keyout", "/dev/null", "-subj",   subject, NULL};
    const GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, flags, NULL, NULL, &csr, NULL, NULL, NULL));
    g_autoptr(JsonNode) body = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(body, json_object_new());
    json_object_set_string_member(json_node_get_object(body), "certificateSigningRequest", csr);
    const KlAwsCall call = {.operation = KL_AWS_CREATE_CERTIFICATE_FROM_CSR, .path = "/certificates", .body = body};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    kl_aws_call(bench->aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
    if (der != NULL) {
        g_auto(GStrv) lines = g_strsplit(kl_aws_answer_text(&answer, "certificatePem"), "\n", -1);
        GString *base64 = g_string_new(NULL);
        for (guint i = 0; lines[i] != NULL; i++)
            g_string_append(base64, g_str_has_prefix(lines[i], "-----") ? "" : lines[i]);
        gsize length = 0;
        guchar *bytes = g_base64_decode(base64->str, &length);
        *der = g_bytes_new_take(bytes, length);
        g_string_free(base64, TRUE);
    }
    return g_strdup(kl_aws_answer_text(&answer, "certificateId"));
}

static void
set_status(Bench *bench, const char *id, const char *status)
{
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    const KlPair query[] = {{"newStatus", status}, {NULL, NULL}};
    const KlAwsCall call = {.operation = KL_AWS_UPDATE_CERTIFICATE, .path = path, .query = query};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    kl_aws_call(bench->aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

/* The status that AWS has of a certificate, by the peer; NULL: it is not there. */
static char *
status_in_aws(const char *id)
{
    g_autoptr(JsonNode) state = aws_peer_control(peer, "GET", "state?service=iot", NULL);
    JsonObject *iot = json_object_get_object_member(json_node_get_object(state), "iot");
    JsonArray *certificates = json_object_get_array_member(iot, "certificates");
    for (guint i = 0; i < json_array_get_length(certificates); i++) {
        JsonObject *certificate = json_array_get_object_element(certificates, i);
        if (g_str_equal(json_object_get_string_member(certificate, "certificateId"), id))
            return g_strdup(json_object_get_string_member(certificate, "status"));
    }
    return NULL;
}

/* --- units --- */

/* How far a unit's job comes. */
typedef enum { UNTIL_ID, UNTIL_ISSUED, UNTIL_REGISTERED, UNTIL_PASS } Until;

/* A job on unit n: its certificate is the one in AWS when there is one (id, der), else one that AWS knows nothing of.
 * Returns the device id. */
static char *
job(Bench *bench, guint n, Until until, const char *id, GBytes *der)
{
    KlStore *store = kl_station_store(bench->station);
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, n);
    g_autofree char *key = sha256_of("key of %u for %s", n, id != NULL ? id : "none");
    g_autofree char *csr = sha256_of("csr");
    g_autoptr(KlCertificate) certificate = make_certificate(key, key);
    if (id != NULL) {
        g_free(certificate->sha256);
        certificate->sha256 = g_strdup(id);
        g_bytes_unref(certificate->der);
        certificate->der = g_bytes_ref(der);
    }
    g_assert_true(call_begin(&run, &error) && call_claim(&run, &error));
    KlIdRequest request = {.fixed = run.unit->fsn};
    run.unit->device_id = CALL(store, device_id, run.unit->imei, &request, &error);
    if (until >= UNTIL_ISSUED) {
        g_assert_true(CALL(store, intent, run.record->id, run.unit->imei, KL_INTENT_REPROVISION, "again", &error));
        g_assert_true(CALL(store, intent, run.record->id, run.unit->imei, KL_INTENT_KEY, "keyline", &error));
        g_assert_true(CALL(store, key_made, run.record->id, run.unit->imei, key, "iks", &error));
        g_assert_true(CALL(store, intent, run.record->id, run.unit->imei, KL_INTENT_ISSUE, csr, &error));
        CALL(store, issued, run.record->id, run.unit->imei, csr, certificate, "again", &error);
        g_assert_no_error(error);
        run.record->certificate_sha256 = g_strdup(certificate->sha256);
    }
    if (until >= UNTIL_REGISTERED)
        g_assert_true(call_registered(&run, &error));
    run.record->unit = kl_unit_copy(run.unit);
    g_ptr_array_add(run.record->steps, make_step("verify", 1, KL_OUTCOME_PASS, NULL));
    settle(run.record, until == UNTIL_PASS ? KL_OUTCOME_PASS : KL_OUTCOME_FAIL,
           until == UNTIL_PASS ? NULL : "NO_ANSWER");
    g_assert_true(CALL(store, job_end, run.record, &error));
    g_assert_no_error(error);
    return g_strdup(run.unit->device_id);
}

/* One line an orphan: KIND SUBJECT CERTIFICATE[ cleanable]; what is there besides at the end. */
static char *
look(Bench *bench, guint min_age_s)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlOrphans) found = kl_station_orphans(bench->station, min_age_s, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < found->orphans->len; i++) {
        const KlOrphan *orphan = found->orphans->pdata[i];
        g_assert_nonnull(orphan->remedy);
        g_assert_nonnull(orphan->detail);
        g_string_append_printf(text, "%s %s %.8s%s\n", kl_orphan_kind_name(orphan->kind), orphan->subject,
                               orphan->certificate != NULL ? orphan->certificate : "-",
                               orphan->cleanable ? " cleanable" : "");
    }
    g_string_append_printf(text, "unknown %u, young %u\n", found->unknown, found->young);
    g_test_message("%s", text->str);
    return g_string_free(text, FALSE);
}

static void expect(Bench *bench, guint min_age_s, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
expect(Bench *bench, guint min_age_s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *expected = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *text = look(bench, min_age_s);
    g_assert_cmpstr(text, ==, expected);
}

static void
clean_all(Bench *bench, guint expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlOrphans) found = kl_station_orphans(bench->station, 0, &error);
    g_assert_no_error(error);
    guint cleaned = 0;
    for (guint i = 0; i < found->orphans->len; i++) {
        const KlOrphan *orphan = found->orphans->pdata[i];
        g_autoptr(GError) refusal = NULL;
        if (kl_station_orphan_clean(bench->station, orphan, &refusal))
            cleaned++;
        else if (orphan->cleanable)
            g_assert_no_error(refusal);
        g_assert_true((refusal == NULL) == orphan->cleanable);
    }
    g_assert_cmpuint(cleaned, ==, expected);
}

/* --- tests --- */

/* AWS has a certificate whose answer was lost: found when it is old enough, and only of a unit that is ours. */
static void
test_left_over(Bench *bench, gconstpointer data)
{
    g_autofree char *device = job(bench, 1, UNTIL_ID, NULL, NULL);
    g_autofree char *ours = certificate_in_aws(bench, device, NULL);
    g_autofree char *works = certificate_in_aws(bench, device, NULL);
    g_autofree char *others = certificate_in_aws(bench, "FX30-other", NULL);
    set_status(bench, works, "ACTIVE"); /* of another station, which has the unit now */
    expect(bench, 3600, "unknown 0, young 2\n");
    expect(bench, 0, "left-over %s %.8s cleanable\nunknown 1, young 0\n", device, ours);
    clean_all(bench, 1);
    expect(bench, 0, "unknown 1, young 0\n");
    g_autofree char *gone = status_in_aws(ours), *active = status_in_aws(works), *theirs = status_in_aws(others);
    g_assert_cmpstr(gone, ==, NULL);
    g_assert_cmpstr(active, ==, "ACTIVE");
    g_assert_cmpstr(theirs, ==, "INACTIVE");
    set_status(bench, works, "INACTIVE");
    clean_all(bench, 1);
}

/* A unit that was re-provisioned, and one whose certificate was revoked: what they had is still in AWS. */
static void
test_withdrawn(Bench *bench, gconstpointer data)
{
    KlStore *store = kl_station_store(bench->station);
    g_autoptr(GBytes) first_der = NULL;
    g_autoptr(GBytes) second_der = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *first = certificate_in_aws(bench, "FSN00000002", &first_der);
    g_autofree char *second = certificate_in_aws(bench, "FSN00000002", &second_der);
    set_status(bench, first, "ACTIVE");
    set_status(bench, second, "ACTIVE");
    g_autofree char *device = job(bench, 2, UNTIL_PASS, first, first_der);
    g_autofree char *same = job(bench, 2, UNTIL_PASS, second, second_der);
    g_assert_cmpstr(device, ==, same);
    expect(bench, 0, "withdrawn %s %.8s cleanable\nunknown 1, young 0\n", device, first);
    clean_all(bench, 1);
    g_autofree char *old = status_in_aws(first), *live = status_in_aws(second);
    g_assert_cmpstr(old, ==, NULL);
    g_assert_cmpstr(live, ==, "ACTIVE");
    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_CLEANUP, first, &error);
    g_assert_no_error(error);
    g_assert_nonnull(row);
    g_assert_cmpint(row->state, ==, KL_OUTBOX_SENT);

    g_assert_true(CALL(store, revoke, second, "lost", &error));
    expect(bench, 0, "withdrawn %s %.8s cleanable\nrow %s -\nunknown 1, young 0\n", device, second, device);
    clean_all(bench, 1);
    expect(bench, 0, "row %s -\nunknown 1, young 0\n", device);
}

/* Units that passed, and what AWS says of their certificates. */
static void
test_passed(Bench *bench, gconstpointer data)
{
    g_autoptr(GBytes) der = NULL;
    g_autofree char *id = certificate_in_aws(bench, "FSN00000003", &der);
    set_status(bench, id, "ACTIVE");
    g_autofree char *device = job(bench, 3, UNTIL_PASS, id, der);
    expect(bench, 0, "unknown 1, young 0\n");
    set_status(bench, id, "INACTIVE");
    expect(bench, 0, "inactive %s %.8s\nunknown 1, young 0\n", device, id);
    clean_all(bench, 0);
    g_autofree char *still = status_in_aws(id);
    g_assert_cmpstr(still, ==, "INACTIVE");
    g_autofree char *nowhere = job(bench, 4, UNTIL_PASS, NULL, NULL);
    g_autofree char *text = look(bench, 0);
    g_autofree char *gone = g_strdup_printf("gone %s ", nowhere);
    g_assert_nonnull(strstr(text, gone));
    set_status(bench, id, "ACTIVE");
}

/* What never passed, and what is parked. */
static void
test_never_passed(Bench *bench, gconstpointer data)
{
    KlStore *store = kl_station_store(bench->station);
    g_autoptr(GBytes) der = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *id = certificate_in_aws(bench, "FSN00000005", &der);
    g_autofree char *device = job(bench, 5, UNTIL_REGISTERED, id, der);
    expect(bench, 0, "not-installed %s %.8s\nunknown 1, young 0\n", device, id);
    clean_all(bench, 0);
    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_REGISTRATION, device, &error);
    g_assert_nonnull(row);
    g_assert_true(CALL(store, outbox_park, row->number, "DUPLICATE_DEVICE", "another's", &error));
    expect(bench, 0, "not-installed %s %.8s\nparked %" G_GINT64_FORMAT " (registration %s) -\nunknown 1, young 0\n",
           device, id, row->number, device);
    clean_all(bench, 0);
    g_autofree char *there = status_in_aws(id);
    g_assert_cmpstr(there, ==, "INACTIVE");
}

/* Without a connection it is not said that there are none. */
static void
test_unreachable(Bench *bench, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    aws_peer_plant(peer, "{\"operation\":\"ListCertificates\",\"kind\":\"error\",\"name\":\"UnauthorizedException\","
                         "\"status\":401}");
    g_assert_null(kl_station_orphans(bench->station, 0, &error));
    aws_peer_clear(peer);
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_DENIED);
}

/* The next page is asked for with the mark of the one before: the peer refuses one that it never gave. */
static void
test_pages(Bench *bench, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    guint before = aws_peer_calls(peer, "ListCertificates");
    aws_peer_plant(peer, "{\"operation\":\"ListCertificates\",\"kind\":\"garbage\",\"nth\":1,"
                         "\"body\":\"{\\\"certificates\\\":[],\\\"nextMarker\\\":\\\"bm90IGdpdmVu\\\"}\"}");
    g_assert_null(kl_station_orphans(bench->station, 0, &error));
    aws_peer_clear(peer);
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_REFUSED);
    g_assert_cmpuint(aws_peer_calls(peer, "ListCertificates"), ==, before + 2);
    /* One that leads to itself is not followed for ever. */
    g_clear_error(&error);
    aws_peer_plant(peer, "{\"operation\":\"ListCertificates\",\"kind\":\"garbage\","
                         "\"body\":\"{\\\"certificates\\\":[],\\\"nextMarker\\\":\\\"c2VsZg==\\\"}\"}");
    g_assert_null(kl_station_orphans(bench->station, 0, &error));
    aws_peer_clear(peer);
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_GARBLED);
    g_assert_cmpuint(aws_peer_calls(peer, "ListCertificates"), ==, before + 4);
}

/* Who may not take it out is told so, and it stays listed. */
static void
test_denied_clean(Bench *bench, gconstpointer data)
{
    g_autofree char *device = job(bench, 6, UNTIL_ID, NULL, NULL);
    g_autofree char *id = certificate_in_aws(bench, device, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlOrphans) found = kl_station_orphans(bench->station, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(found->orphans->len, ==, 1);
    aws_peer_plant(peer, "{\"operation\":\"DeleteCertificate\",\"kind\":\"error\",\"name\":\"UnauthorizedException\","
                         "\"status\":401}");
    g_assert_false(kl_station_orphan_clean(bench->station, found->orphans->pdata[0], &error));
    aws_peer_clear(peer);
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_DENIED);
    clean_all(bench, 1);
}

/* Another station works on the unit: its certificate is inactive so far, but has its policy. */
static void
test_others_work(Bench *bench, gconstpointer data)
{
    g_autofree char *device = job(bench, 9, UNTIL_ID, NULL, NULL);
    g_autofree char *id = certificate_in_aws(bench, device, NULL);
    g_autofree char *before = look(bench, 0);
    g_assert_nonnull(strstr(before, "left-over"));
    g_autofree char *target = g_strdup_printf("arn:aws:iot:eu-central-1:123456789012:cert/%s", id);
    g_autofree char *json = g_strdup_printf("{\"target\":\"%s\"}", target);
    cloud_call(bench->aws, KL_AWS_CREATE_POLICY, "/policies/elsewhere",
               "{\"policyDocument\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[]}\"}");
    cloud_call(bench->aws, KL_AWS_ATTACH_POLICY, "/target-policies/elsewhere", json);
    g_autofree char *text = look(bench, 0);
    g_assert_null(strstr(text, "left-over"));
    clean_all(bench, 0);
    cloud_call(bench->aws, KL_AWS_DETACH_POLICY, "/target-policies/elsewhere", json);
    clean_all(bench, 1);
}

/* The command: lists, refuses to take out unasked, takes out, and then says so by its exit code. */
static void
test_command(Bench *bench, gconstpointer data)
{
    g_autofree char *device = job(bench, 7, UNTIL_ID, NULL, NULL);
    g_autofree char *id = certificate_in_aws(bench, device, NULL);
    g_clear_pointer(&bench->station, kl_station_free); /* its lock */
    Rig rig = {.station = bench->dir};
    g_auto(Run) young = keyline(&rig, "doctor --orphans");
    g_assert_cmpint(young.code, ==, 0);
    g_assert_nonnull(strstr(young.out, "No orphans.\n"));
    g_auto(Run) listed = keyline(&rig, "doctor --orphans --older-than 0");
    g_assert_cmpint(listed.code, ==, 3);
    g_autofree char *line = g_strdup_printf("left-over     %s: certificate %.16s of ", device, id);
    g_assert_nonnull(strstr(listed.out, line));
    g_assert_nonnull(strstr(listed.out, "-> Run keyline doctor --orphans --clean.\n"));
    g_auto(Run) unasked = keyline(&rig, "doctor --orphans --clean --older-than 0");
    g_assert_cmpint(unasked.code, ==, 2);
    g_autofree char *still = status_in_aws(id);
    g_assert_cmpstr(still, ==, "INACTIVE");
    static const char *const wrong[] = {"doctor --clean", "doctor --yes", "doctor --orphans --older-than -1"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(Run) refused = keyline(&rig, wrong[i]);
        g_assert_cmpint(refused.code, ==, 2);
    }
    g_auto(Run) cleaned = keyline(&rig, "doctor --orphans --clean --yes --older-than 0 --output json");
    g_assert_cmpint(cleaned.code, ==, 0);
    g_autoptr(JsonNode) said = document(&cleaned);
    JsonObject *orphan = json_array_get_object_element(member_array(said, "orphans"), 0);
    g_assert_cmpstr(text(orphan, "certificate"), ==, id);
    g_assert_true(json_object_get_boolean_member(orphan, "cleaned"));
    g_autofree char *gone = status_in_aws(id);
    g_assert_cmpstr(gone, ==, NULL);
    g_auto(Run) clean = keyline(&rig, "doctor --orphans --older-than 0");
    g_assert_cmpint(clean.code, ==, 0);
}

/* The doctor as a whole looks at the cloud of a station that has one, and at no CA of its own. */
static void
test_doctor(Bench *bench, gconstpointer data)
{
    KlStore *store = kl_station_store(bench->station);
    g_autofree char *device = job(bench, 8, UNTIL_REGISTERED, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlOutboxRow) row = CALL(store, outbox_row, KL_OUTBOX_REGISTRATION, device, &error);
    g_assert_true(CALL(store, outbox_park, row->number, "DUPLICATE_DEVICE", "another's", &error));
    g_clear_pointer(&bench->station, kl_station_free);
    Rig rig = {.station = bench->dir};
    g_auto(Run) run = keyline(&rig, "doctor");
    g_assert_cmpint(run.code, ==, 3);
    g_assert_nonnull(strstr(run.out, "AWS account"));
    g_assert_nonnull(strstr(run.out, "1 row is parked: the cloud does not take it\n"));
    g_assert_nonnull(strstr(run.out, "table Keyline_records: "));
    g_assert_null(strstr(run.out, "CA certificate"));
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    static const struct {
        const char *name;
        void (*run)(Bench *bench, gconstpointer data);
    } tests[] = {
        {"/orphans/left-over", test_left_over},     {"/orphans/withdrawn", test_withdrawn},
        {"/orphans/passed", test_passed},           {"/orphans/never-passed", test_never_passed},
        {"/orphans/unreachable", test_unreachable}, {"/orphans/pages", test_pages},
        {"/orphans/denied", test_denied_clean},     {"/orphans/others-work", test_others_work},
        {"/orphans/command", test_command},         {"/orphans/doctor", test_doctor},
    };
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Bench, NULL, set_up, tests[i].run, tear_down);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
