/* The window's model with a cloud behind it: what keeps the line from starting, and when it may. By the strict peer. */
#include <string.h>

#include "gui/session.h"
#include "tests/cloud_tables.h"
#include "tests/rig/cloud_rig.h"

typedef struct {
    gboolean done;
    GError *error;
} Unlocking;

static AwsPeer *peer;
static GThread *main_thread;
static gint asked_on_main; /* calls of the tables on the main thread */

static void
on_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    Unlocking *unlocking = data;
    kl_session_unlock_finish(KL_SESSION(source), result, &unlocking->error);
    unlocking->done = TRUE;
}

/* code < 0: it opens. */
static void
unlock(KlSession *session, int code)
{
    Unlocking unlocking = {0};
    kl_session_unlock(session, kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE)), on_unlocked, &unlocking);
    while (!unlocking.done)
        g_main_context_iteration(NULL, TRUE);
    g_assert_true(kl_session_unlocked(session) == (code < 0));
    if (code < 0)
        g_assert_no_error(unlocking.error);
    else
        g_assert_error(unlocking.error, KL_ERROR, code);
    g_clear_error(&unlocking.error);
}

static void
assert_refused(KlSession *session, KlErrorCode code)
{
    g_autoptr(GError) start = NULL, arm = NULL;
    g_auto(KlScanResult) scan = {0};
    g_assert_cmpint(kl_session_locked_by(session), ==, code);
    g_assert_false(kl_session_start(session, 0, NULL, NULL, &start));
    g_assert_error(start, KL_ERROR, (int)code);
    g_assert_false(kl_session_can_arm(session, &arm));
    g_assert_error(arm, KL_ERROR, (int)code);
}

static void
log_thread(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
    if (g_thread_self() == main_thread && strstr(message, "GetItem") != NULL) /* BatchGetItem, too */
        g_atomic_int_inc(&asked_on_main);
}

/* Asked when the line is about to start, off the main thread; told wherever somebody starts; asked again when somebody
 * unlocks again. */
static void
test_firmware(void)
{
    static const char *const station[] = {"aws.firmware-table=" TABLE_FIRMWARE, NULL};
    KlLineRig *rig = kl_cloud_rig_station("window", "local", 1, 12000, station, NULL);
    g_autoptr(GError) error = NULL;
    kl_line_rig_close(rig);
    KlSession *session = kl_session_new(rig->station_dir, &error);
    g_assert_no_error(error);
    kl_session_sign_on(session, "217");
    assert_refused(session, KL_ERROR_PASSPHRASE_MISSING);
    main_thread = g_thread_self();
    g_log_set_handler("keyline", G_LOG_LEVEL_MASK, log_thread, NULL);
    unlock(session, KL_ERROR_FIRMWARE_MISSING);
    assert_refused(session, KL_ERROR_FIRMWARE_MISSING);
    g_autoptr(KlAws) aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_atomic_int_get(&asked_on_main), ==, 0);
    g_assert_cmpuint(aws_peer_calls(peer, "GetItem"), >, 0);
    cloud_table_put(aws, TABLE_FIRMWARE, "{\"device\":{\"S\":\"main\"}}");
    unlock(session, -1);
    g_assert_true(kl_session_can_arm(session, &error));
    kl_session_close(session);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_object_unref(session);
    kl_line_rig_free(rig);
}

static void
on_asked(GObject *source, GAsyncResult *result, gpointer data)
{
    Unlocking *asking = data;
    asking->done = TRUE;
    g_assert_true(kl_session_ask_field_finish(result, &asking->error) == (asking->error == NULL));
}

/* Asks how the unit is: code < 0: it is told, and the state is this one by now. */
static void
assert_asked(KlSession *session, const char *device, int code, const char *state)
{
    Unlocking asking = {0};
    kl_session_ask_field(session, device, NULL, on_asked, &asking);
    while (!asking.done)
        g_main_context_iteration(NULL, TRUE);
    if (code < 0)
        g_assert_no_error(asking.error);
    else
        g_assert_error(asking.error, KL_ERROR, code);
    g_clear_error(&asking.error);
    const KlFieldFilter filter = {.cloud = TABLE_REGISTRATION, .state = -1};
    KlStore *reader = kl_session_reader(session);
    g_autoptr(GPtrArray) units = reader->klass->field(reader, &filter, NULL);
    const KlFieldUnit *unit = units->pdata[0];
    g_assert_cmpuint(units->len, ==, 1);
    g_assert_cmpstr(kl_field_state_name(unit->state), ==, state);
    g_assert_true((unit->asked_us > 0) == (strcmp(state, "not-asked") != 0));
}

/* How a unit in the field is: asked off the main thread; what can't be asked or read now stays as it was known. */
static void
test_field(void)
{
    KlLineRig *rig = kl_cloud_rig_station("field", "local", 1, 13000, NULL, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    const char *device = record->unit->device_id;
    kl_cloud_rig_drain(rig);
    kl_line_rig_close(rig);
    KlSession *session = kl_session_new(rig->station_dir, &error);
    g_assert_no_error(error);
    g_atomic_int_set(&asked_on_main, 0);
    assert_asked(session, "nobody", KL_ERROR_RECORD_UNKNOWN, "not-asked");
    assert_asked(session, device, -1, "never-seen");
    g_assert_cmpuint(aws_peer_calls(peer, "BatchGetItem"), ==, 1);
    g_assert_cmpint(g_atomic_int_get(&asked_on_main), ==, 0);
    aws_peer_plant(peer, "{\"operation\":\"BatchGetItem\",\"kind\":\"error\",\"name\":\"AccessDeniedException\","
                         "\"status\":400}");
    assert_asked(session, device, KL_ERROR_CLOUD_DENIED, "never-seen");
    aws_peer_clear(peer);
    g_autoptr(KlAws) aws = kl_aws_new(&(KlAwsOptions){0}, &error);
    g_autofree char *odd = g_strdup_printf("{\"device\":{\"S\":\"%s\"},\"registered\":{\"S\":\"ok\"}}", device);
    cloud_table_put(aws, TABLE_REGISTRATION, odd);
    assert_asked(session, device, KL_ERROR_ROW_UNREADABLE, "never-seen");
    kl_session_close(session);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_object_unref(session);
    kl_line_rig_free(rig);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/session-cloud/firmware", test_firmware);
    g_test_add_func("/session-cloud/field", test_field);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
