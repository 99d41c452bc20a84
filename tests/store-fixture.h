/* What the tests of the store share: made-up units and certificates, a whole job, and the sqlite3 program as an
 * independent reader. */
#pragma once

#include <glib/gstdio.h>
#include <string.h>

#include "db/store_sqlite.h"
#include "station/error.h"

#define CALL(store, name, ...) ((store)->klass->name((store), __VA_ARGS__))

/* A folder of its own for each test; removed with everything in it. */
typedef struct {
    char *dir;
    char *path;
} Folder;

static inline void
folder_set_up(Folder *folder, gconstpointer data)
{
    folder->dir = g_dir_make_tmp("keyline-store-XXXXXX", NULL);
    g_assert_nonnull(folder->dir);
    folder->path = g_build_filename(folder->dir, "keyline.db", NULL);
}

static inline void
folder_tear_down(Folder *folder, gconstpointer data)
{
    g_autoptr(GDir) entries = g_dir_open(folder->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
        g_autofree char *path = g_build_filename(folder->dir, name, NULL);
        g_assert_cmpint(g_remove(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(folder->dir), ==, 0);
    g_free(folder->dir);
    g_free(folder->path);
}

static inline KlStore *
open_store(const char *path)
{
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_store_sqlite_open(path, FALSE, &error);
    g_assert_no_error(error);
    return store;
}

#define assert_code(error, expected) g_assert_error(error, KL_ERROR, KL_ERROR_##expected)

/* Runs SQL in the sqlite3 program, foreign keys enforced. Returns its trimmed output; fails the test unless it worked
 * or failure is given, which then gets its message (NULL: it worked). */
static inline char *
sqlite_program(const char *path, const char *sql, char **failure)
{
    const char *argv[] = {"sqlite3", "-batch", "-bail", "-cmd", "PRAGMA foreign_keys = ON", path, sql, NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = -1;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &out,
                 &err, &status, &error);
    g_assert_no_error(error);
    gboolean ok = g_spawn_check_wait_status(status, NULL);
    if (failure != NULL)
        *failure = ok ? NULL : g_strdup(err);
    else if (!ok)
        g_error("sqlite3: %.200s: %s", sql, err);
    return g_strchomp(g_steal_pointer(&out));
}

static inline char *
sqlite(const char *path, const char *sql)
{
    return sqlite_program(path, sql, NULL);
}

#define assert_sql(path, sql, expected)                                                                                \
    do {                                                                                                               \
        g_autofree char *sql_result = sqlite(path, sql);                                                               \
        g_assert_cmpstr(sql_result, ==, expected);                                                                     \
    } while (0)

G_GNUC_PRINTF(1, 2)
static inline char *
sha256_of(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static inline KlUnit *
make_unit(guint n)
{
    KlUnit *unit = g_new0(KlUnit, 1);
    unit->imei = g_strdup_printf("35%013u", n);
    unit->fsn = g_strdup_printf("FSN%08u", n);
    unit->model = g_strdup("WP7702");
    unit->firmware = g_strdup("SWI9X06Y_02.32.02.00");
    unit->agent_version = g_strdup("1.0");
    unit->keystore = g_strdup("iks");
    unit->boot_id = g_strdup_printf("boot-%u", n);
    return unit;
}

static inline KlRecord *
make_record(guint n)
{
    KlRecord *record = kl_record_new();
    record->id = g_uuid_string_random();
    record->station = g_strdup("test");
    record->slot = g_strdup_printf("%02u", n % 64);
    record->product = g_strdup("fx30s");
    record->program = g_strdup("0.1.0");
    record->started_us = g_get_real_time();
    return record;
}

/* A certificate whose content is nonsense, but whose hash is right: the store does not look inside. */
static inline KlCertificate *
make_certificate(const char *spki_sha256, const char *salt)
{
    KlCertificate *certificate = g_new0(KlCertificate, 1);
    g_autofree char *text = g_strdup_printf("certificate %s for %s", salt, spki_sha256);
    g_autofree char *serial = sha256_of("serial %s", text);
    certificate->der = g_bytes_new(text, strlen(text));
    certificate->sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    certificate->spki_sha256 = g_strdup(spki_sha256);
    certificate->chain_pem = g_strdup("-----BEGIN CERTIFICATE-----\n");
    certificate->serial = g_strndup(serial, 32);
    certificate->subject = g_strdup_printf("CN=%s", salt);
    certificate->issuer = g_strdup("CN=test CA");
    certificate->not_before = 1000;
    certificate->not_after = 2000;
    return certificate;
}

static inline KlRegistration *
make_row(const char *device)
{
    KlRegistration *row = g_new0(KlRegistration, 1);
    row->device = g_strdup(device);
    row->registered = g_strdup("false");
    row->policy = g_strdup("policy");
    row->firmware = g_strdup("main");
    row->parameters = g_strdup_printf("{\"topic\":\"$aws/things/%s/shadow/update\"}", device);
    return row;
}

static inline KlStepResult *
make_step(const char *name, guint attempt, KlOutcome outcome, const char *code)
{
    KlStepResult *step = g_new0(KlStepResult, 1);
    step->step = g_strdup(name);
    step->attempt = attempt;
    step->outcome = outcome;
    step->code = g_strdup(code);
    step->detail = code != NULL ? g_strdup("what happened") : NULL;
    step->start_us = 10;
    step->duration_us = 20;
    step->device_us = 15;
    step->store_us = 1;
    return step;
}

static inline void
settle(KlRecord *record, KlOutcome outcome, const char *code)
{
    record->outcome = outcome;
    g_free(record->code);
    record->code = g_strdup(code);
    record->ended_us = g_get_real_time();
}

/* The journal of one job as a table of its calls, so that a test can stop after any of them. What a job keeps in memory
 * is in JobRun, what it finds again in the store is read by unit_claim. */
typedef struct {
    KlStore *store;
    KlRecord *record;
    KlUnit *unit;
    KlUnitState *state;
    char *key;        /* that the unit holds: this stays with the unit, whatever becomes of the job */
    char *issued;     /* fingerprint of the newest certificate that the signer gave */
    guint generation; /* of keys and certificates */
    const char *reprovision;
} JobRun;

typedef gboolean (*JobCall)(JobRun *run, GError **error);

static inline gboolean
call_begin(JobRun *run, GError **error)
{
    return CALL(run->store, job_begin, run->record, error);
}

static inline gboolean
call_claim(JobRun *run, GError **error)
{
    g_clear_pointer(&run->state, kl_unit_state_free);
    run->state = CALL(run->store, unit_claim, run->record->id, run->unit, error);
    return run->state != NULL;
}

static inline gboolean
call_device_id(JobRun *run, GError **error)
{
    KlIdRequest request = {.sequence = "fx30s", .pattern = "FX30-%06u"};
    g_free(run->unit->device_id);
    run->unit->device_id = CALL(run->store, device_id, run->unit->imei, &request, error);
    return run->unit->device_id != NULL;
}

static inline gboolean
call_reprovision(JobRun *run, GError **error)
{
    if (run->state->reprovision_reason != NULL || run->reprovision == NULL)
        return TRUE;
    if (!CALL(run->store, intent, run->record->id, run->unit->imei, KL_INTENT_REPROVISION, run->reprovision, error))
        return FALSE;
    run->state->reprovision_reason = g_strdup(run->reprovision);
    run->state->provisioned = FALSE;
    g_ptr_array_set_size(run->state->keys, 0);
    return TRUE;
}

static inline gboolean
key_known(const JobRun *run)
{
    return run->key != NULL && g_ptr_array_find_with_equal_func(run->state->keys, run->key, g_str_equal, NULL);
}

static inline gboolean
keeps_key(const JobRun *run)
{
    return run->state->provisioned || key_known(run) || (run->key != NULL && run->state->key_pending);
}

/* A key that is to be replaced is taken away from the unit before. */
static inline gboolean
call_key_intent(JobRun *run, GError **error)
{
    if (keeps_key(run))
        return TRUE;
    g_clear_pointer(&run->key, g_free);
    return CALL(run->store, intent, run->record->id, run->unit->imei, KL_INTENT_KEY, "keyline", error);
}

/* The unit makes a key: nothing of it is in the store yet. */
static inline gboolean
call_unit_makes_key(JobRun *run, GError **error)
{
    if (keeps_key(run) || run->key != NULL)
        return TRUE;
    run->key = sha256_of("key %u of %s", ++run->generation, run->unit->imei);
    return TRUE;
}

static inline gboolean
call_key_made(JobRun *run, GError **error)
{
    return run->state->provisioned ||
           CALL(run->store, key_made, run->record->id, run->unit->imei, run->key, "iks", error);
}

static inline gboolean
ledger_serves(const JobRun *run)
{
    const KlCertificate *live = run->state->certificate;
    return run->state->reprovision_reason == NULL && live != NULL &&
           (run->state->provisioned || g_strcmp0(live->spki_sha256, run->key) == 0);
}

static inline gboolean
call_issue_intent(JobRun *run, GError **error)
{
    g_autofree char *csr = sha256_of("csr");
    return ledger_serves(run) ||
           CALL(run->store, intent, run->record->id, run->unit->imei, KL_INTENT_ISSUE, csr, error);
}

static inline gboolean
call_issued(JobRun *run, GError **error)
{
    if (ledger_serves(run)) {
        run->record->certificate_sha256 = g_strdup(run->state->certificate->sha256);
        return TRUE;
    }
    g_autofree char *csr = sha256_of("csr");
    g_autofree char *salt = g_strdup_printf("%u of %s", ++run->generation, run->unit->imei);
    g_autoptr(KlCertificate) certificate = make_certificate(run->key, salt);
    if (!CALL(run->store, issued, run->record->id, run->unit->imei, csr, certificate, run->state->reprovision_reason,
              error))
        return FALSE;
    g_free(run->issued);
    run->issued = g_strdup(certificate->sha256);
    run->record->certificate_sha256 = g_strdup(certificate->sha256);
    return TRUE;
}

static inline gboolean
call_registered(JobRun *run, GError **error)
{
    g_autoptr(KlRegistration) row = make_row(run->unit->device_id);
    return CALL(run->store, registered, run->record->id, run->unit->imei, row, error);
}

static inline gboolean
call_lock_intent(JobRun *run, GError **error)
{
    return CALL(run->store, intent, run->record->id, run->unit->imei, KL_INTENT_LOCK, "keyline", error);
}

static inline gboolean
call_end(JobRun *run, GError **error)
{
    run->record->unit = kl_unit_copy(run->unit);
    g_ptr_array_add(run->record->steps, make_step("connect", 1, KL_OUTCOME_TIMEOUT, "NO_ANSWER"));
    g_ptr_array_add(run->record->steps, make_step("connect", 2, KL_OUTCOME_PASS, NULL));
    run->record->first_code = g_strdup("NO_ANSWER");
    run->record->transcript = g_strdup("   0.000001 agent > AT\\r\n");
    settle(run->record, KL_OUTCOME_PASS, NULL);
    return CALL(run->store, job_end, run->record, error);
}

static const JobCall job_calls[] = {
    call_begin,    call_claim,        call_device_id, call_reprovision, call_key_intent,  call_unit_makes_key,
    call_key_made, call_issue_intent, call_issued,    call_registered,  call_lock_intent, call_end,
};
#define N_JOB_CALLS G_N_ELEMENTS(job_calls)

/* Begins another job on the same physical unit. */
static inline void
job_run_renew(JobRun *run, KlStore *store, guint n)
{
    run->store = store;
    g_clear_pointer(&run->record, kl_record_free);
    g_clear_pointer(&run->unit, kl_unit_free);
    g_clear_pointer(&run->state, kl_unit_state_free);
    run->record = make_record(n);
    run->unit = make_unit(n);
}

static inline void
job_run_clear(JobRun *run)
{
    g_clear_pointer(&run->record, kl_record_free);
    g_clear_pointer(&run->unit, kl_unit_free);
    g_clear_pointer(&run->state, kl_unit_state_free);
    g_clear_pointer(&run->key, g_free);
    g_clear_pointer(&run->issued, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JobRun, job_run_clear)

/* Runs the job's calls [0, end); stops at the first that fails. */
static inline gboolean
job_run_calls(JobRun *run, gsize end, GError **error)
{
    for (gsize i = 0; i < end; i++) {
        if (!job_calls[i](run, error))
            return FALSE;
    }
    return TRUE;
}

/* A whole job that passes, on a unit that may be new or not. Returns the record's id. */
static inline char *
pass_unit(KlStore *store, guint n)
{
    g_auto(JobRun) run = {0};
    g_autoptr(GError) error = NULL;
    job_run_renew(&run, store, n);
    job_run_calls(&run, N_JOB_CALLS, &error);
    g_assert_no_error(error);
    return g_strdup(run.record->id);
}

/* Queries that have to find nothing in any database, whatever happened to it. */
static inline void
check_invariants(const char *path)
{
    assert_sql(path, "PRAGMA integrity_check", "ok");
    assert_sql(path, "PRAGMA foreign_key_check", "");
    assert_sql(path, "SELECT imei FROM certificates WHERE status = 'live' GROUP BY imei HAVING count(*) > 1", "");
    assert_sql(path, "SELECT device_id FROM units WHERE device_id NOT NULL GROUP BY 1 HAVING count(*) > 1", "");
    assert_sql(path, "SELECT spki_sha256 FROM keys GROUP BY 1 HAVING count(DISTINCT imei) > 1", "");
    assert_sql(path,
               "SELECT id FROM jobs WHERE outcome = 'PASS'"
               " AND (certificate IS NULL OR unit IS NULL OR NOT EXISTS (SELECT 1 FROM steps WHERE job = id))",
               "");
}

/* What the next job would learn of the unit. */
static inline KlUnitState *
claim_again(KlStore *store, guint n)
{
    g_autoptr(KlRecord) record = make_record(n);
    g_autoptr(KlUnit) unit = make_unit(n);
    g_autoptr(GError) error = NULL;
    g_assert_true(CALL(store, job_begin, record, &error));
    KlUnitState *state = CALL(store, unit_claim, record->id, unit, &error);
    g_assert_no_error(error);
    return state;
}

typedef struct {
    const char *name;
    void (*function)(Folder *folder, gconstpointer data);
} FolderTest;

static inline void
add_test(const char *name, gconstpointer data, void (*function)(Folder *folder, gconstpointer data))
{
    g_test_add(name, Folder, data, folder_set_up, function, folder_tear_down);
}

static inline void
add_tests(const FolderTest *tests, gsize n_tests)
{
    for (gsize i = 0; i < n_tests; i++)
        add_test(tests[i].name, NULL, tests[i].function);
}
