/* The window's model without the window: scans, cards, presence and counters against the simulated line. */
#include <string.h>

#include "gui/session.h"
#include "tests/rig/line_rig.h"

typedef struct {
    KlLineRig *rig;
    KlSession *session;
} Fixture;

static void
unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    kl_session_unlock_finish(KL_SESSION(source), result, &error);
    g_assert_no_error(error);
    *(gboolean *)data = TRUE;
}

static void
spin_until(gboolean (*reached)(KlSession *, guint), KlSession *session, guint value)
{
    gint64 until_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC;
    while (!reached(session, value)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
}

static void
set_up(Fixture *f, gconstpointer units)
{
    static const char *const product[] = {"product.restart-seconds=1", NULL};
    KlSimOptions options = {
        .units = GPOINTER_TO_UINT(units), .one_port = TRUE, .reconnect_ms = 50, .key_ms_min = 300, .key_ms_max = 300};
    g_autoptr(GError) error = NULL;
    gboolean done = FALSE;
    f->rig = kl_line_rig_new(&options, product);
    kl_line_rig_close(f->rig);
    f->session = kl_session_new(f->rig->station_dir, &error);
    g_assert_no_error(error);
    kl_session_unlock(f->session, kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE)), unlocked, &done);
    while (!done)
        g_main_context_iteration(NULL, TRUE);
}

static gboolean
counted(KlSession *session, guint passed)
{
    return kl_session_counters(session).passed == passed;
}

static void
tear_down(Fixture *f, gconstpointer units)
{
    kl_session_close(f->session);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_object_unref(f->session);
    kl_line_rig_free(f->rig);
}

/* The state of card n is value's low half, n its high half. */
#define CARD(n, state) ((guint)(n) << 8 | (guint)(state))

static gboolean
card_is(KlSession *session, guint value)
{
    return kl_session_card(session, value >> 8)->state == (KlCardState)(value & 0xff);
}

static gboolean
is_at_work(KlSession *session, guint index)
{
    const KlCard *card = kl_session_card(session, index);
    return card->state == KL_CARD_RUNNING && card->n > 2;
}

static gboolean
is_away(KlSession *session, guint index)
{
    return kl_session_card(session, index)->plug == 0;
}

static void
scan(Fixture *f, const char *text, gboolean ok)
{
    g_auto(KlScanResult) result = kl_session_scan(f->session, text);
    g_test_message("%s: %s", text, result.words);
    g_assert_cmpint(result.ok, ==, ok);
    g_assert_cmpint(strlen(result.words), >, 0);
}

static void
test_scan_and_pass(Fixture *f, gconstpointer units)
{
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    const char *label = kl_sim_fsn(f->rig->sim, 1);
    scan(f, label, FALSE); /* nobody is signed on */
    scan(f, "OP:217\r\n", TRUE);
    kl_session_sign_on(f->session, kl_session_operator(f->session));
    g_assert_cmpstr(kl_session_operator(f->session), ==, "217");
    scan(f, "WO:48-1123:500", TRUE);
    scan(f, "WO:48-1123:many", FALSE);
    scan(f, "  \r", FALSE);
    scan(f, "SLOT:99", FALSE);
    scan(f, label, TRUE);
    g_assert_true(kl_session_running(f->session));
    spin_until(card_is, f->session, CARD(0, KL_CARD_PASS));
    g_assert_cmpstr(kl_session_card(f->session, 0)->unit, ==, label);
    spin_until(counted, f->session, 1);
    g_assert_cmpuint(kl_session_counters(f->session).target, ==, 500);
    g_autofree char *who = kl_line_rig_sql(f->rig, "SELECT operator, work_order, label FROM jobs");
    g_autofree char *expected = g_strdup_printf("217|48-1123|%s", label);
    g_assert_cmpstr(who, ==, expected);
    g_autofree char *acts = kl_line_rig_sql(f->rig, "SELECT who, role, what FROM acts WHERE what <> 'setup'");
    g_assert_cmpstr(acts, ==, "217|operator|sign-on\n217|operator|sign-on");

    /* The verdict stays until the unit is gone. */
    kl_sim_unplug(f->rig->sim, 1);
    spin_until(card_is, f->session, CARD(0, KL_CARD_EMPTY));
    g_assert_null(kl_session_card(f->session, 0)->record);
}

static void
test_auditor(Fixture *f, gconstpointer units)
{
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    kl_session_set_auditor(f->session, TRUE);
    scan(f, kl_sim_fsn(f->rig->sim, 1), FALSE);
    g_autofree char *jobs = kl_line_rig_sql(f->rig, "SELECT count(*) FROM jobs");
    g_assert_cmpstr(jobs, ==, "0");
}

static void
test_wrong_label(Fixture *f, gconstpointer units)
{
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    scan(f, "4L000000000000", TRUE);
    spin_until(card_is, f->session, CARD(0, KL_CARD_FAIL));
    g_assert_cmpstr(kl_session_card(f->session, 0)->record->code, ==, "LABEL_MISMATCH");
}

/* Which of several units a label is for has to be said; one scanned during a run is kept for the unit that comes after.
 */
static void
test_several(Fixture *f, gconstpointer units)
{
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    spin_until(card_is, f->session, CARD(1, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    scan(f, kl_sim_fsn(f->rig->sim, 2), FALSE);
    scan(f, "SLOT:02", TRUE);
    scan(f, kl_sim_fsn(f->rig->sim, 2), TRUE);
    g_assert_cmpint(kl_session_card(f->session, 1)->state, ==, KL_CARD_RUNNING);
    g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_READY);

    const char *next = kl_sim_fsn(f->rig->sim, 1);
    scan(f, next, TRUE);
    g_assert_cmpstr(kl_session_card(f->session, 1)->label, ==, next);
    spin_until(card_is, f->session, CARD(1, KL_CARD_PASS));
    kl_sim_unplug(f->rig->sim, 2);
    spin_until(card_is, f->session, CARD(1, KL_CARD_EMPTY));
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_sim_replace(f->rig->sim, 2, 7, NULL, &error));
    /* It is started with that label, which is not its own. */
    spin_until(card_is, f->session, CARD(1, KL_CARD_FAIL));
    g_assert_cmpstr(kl_session_card(f->session, 1)->record->code, ==, "LABEL_MISMATCH");
    g_assert_null(kl_session_card(f->session, 1)->label);
}

#define OTHER_LABEL "4L000000000000"

static gboolean
has_mismatch(KlSession *session, guint index)
{
    const KlRecord *record = kl_session_card(session, index)->record;
    return record != NULL && g_strcmp0(record->code, "LABEL_MISMATCH") == 0;
}

/* The unit that a label was kept for comes while the one before is still worked on: it is started with that label, also
 * when an armed line would start it without. */
static void
test_swapped(Fixture *f, gconstpointer units)
{
    scan(f, "OP:217", TRUE);
    scan(f, "SLOT:01", TRUE);
    for (guint armed = 0; armed < 2; armed++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(kl_sim_replace(f->rig->sim, 1, 7, NULL, &error));
        spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
        g_assert_true(armed ? kl_session_arm(f->session, 9, &error)
                            : kl_session_start(f->session, 0, NULL, NULL, &error));
        spin_until(is_at_work, f->session, 0);
        scan(f, OTHER_LABEL, TRUE);
        g_assert_true(kl_sim_replace(f->rig->sim, 1, 8, NULL, &error));
        spin_until(has_mismatch, f->session, 0);
        g_assert_null(kl_session_card(f->session, 0)->label);
        g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_FAIL);
    }
    g_autofree char *jobs = kl_line_rig_sql(f->rig, "SELECT count(*), count(batch), count(DISTINCT batch) FROM jobs");
    g_assert_cmpstr(jobs, ==, "4|2|1");
}

/* --- verdicts and what is plugged in --- */

/* A verdict of a unit that was gone before its job's end stays until something is plugged in. */
static void
test_pulled(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    scan(f, kl_sim_fsn(f->rig->sim, 1), TRUE);
    spin_until(is_at_work, f->session, 0);
    kl_sim_unplug(f->rig->sim, 1);
    spin_until(is_away, f->session, 0);
    g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_RUNNING);
    spin_until(card_is, f->session, CARD(0, KL_CARD_RETRY));
    g_assert_cmpstr(kl_session_card(f->session, 0)->record->code, ==, "UNIT_REMOVED");
    g_assert_true(kl_sim_replace(f->rig->sim, 1, 7, NULL, &error));
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    g_assert_null(kl_session_card(f->session, 0)->record);
}

/* --- the armed line --- */

typedef struct {
    guint ended, records;
} Ended;

static void
on_batch_ended(KlSession *session, const KlBatch *batch, Ended *ended)
{
    ended->ended++;
    ended->records = kl_batch_records(batch)->len;
    g_assert_null(kl_session_batch(session));
}

static gboolean
none_armed(KlSession *session, guint unused)
{
    return kl_session_batch(session) == NULL;
}

static void
refuses_to_arm(Fixture *f, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_session_arm(f->session, 1, &error));
    g_assert_error(error, KL_ERROR, (int)code);
}

/* Units that have their verdict are not worked on again by themselves; what is started by hand meanwhile belongs to the
 * batch, too. */
static void
test_armed(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    Ended ended = {0};
    g_signal_connect(f->session, "batch-ended", G_CALLBACK(on_batch_ended), &ended);
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    spin_until(card_is, f->session, CARD(1, KL_CARD_READY));
    refuses_to_arm(f, KL_ERROR_NOT_SIGNED_ON);
    scan(f, "OP:217", TRUE);
    kl_session_start(f->session, 0, NULL, NULL, &error);
    g_assert_no_error(error);
    spin_until(card_is, f->session, CARD(0, KL_CARD_PASS));

    g_assert_true(kl_session_arm(f->session, 3, &error));
    refuses_to_arm(f, KL_ERROR_STATION_BUSY);
    spin_until(card_is, f->session, CARD(1, KL_CARD_PASS));
    g_assert_nonnull(kl_session_batch(f->session));
    g_assert_cmpuint(kl_batch_left(kl_session_batch(f->session)), ==, 2);
    g_assert_true(kl_session_start(f->session, 0, NULL, NULL, &error));
    spin_until(card_is, f->session, CARD(0, KL_CARD_PASS));
    g_assert_true(kl_sim_replace(f->rig->sim, 1, 7, NULL, &error));
    spin_until(none_armed, f->session, 0);
    g_assert_cmpuint(ended.ended, ==, 1);
    g_assert_cmpuint(ended.records, ==, 3);
    g_autofree char *jobs = kl_line_rig_sql(f->rig, "SELECT count(*), count(batch), count(DISTINCT batch) FROM jobs");
    g_assert_cmpstr(jobs, ==, "4|3|1");
}

/* What was begun before the line was armed is none of the batch. */
static void
test_before(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    Ended ended = {0};
    g_signal_connect(f->session, "batch-ended", G_CALLBACK(on_batch_ended), &ended);
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    spin_until(card_is, f->session, CARD(1, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    g_assert_true(kl_session_start(f->session, 0, NULL, NULL, &error));
    g_assert_true(kl_session_arm(f->session, 1, &error));
    spin_until(none_armed, f->session, 0);
    g_assert_cmpuint(ended.records, ==, 1);
    g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_PASS);
    g_assert_cmpint(kl_session_card(f->session, 1)->state, ==, KL_CARD_PASS);
    g_autofree char *jobs = kl_line_rig_sql(f->rig, "SELECT count(*), count(batch) FROM jobs");
    g_assert_cmpstr(jobs, ==, "2|1");
}

/* While one operator's batch ends, the next one's job is none of it. */
static void
test_next_operator(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    Ended ended = {0};
    g_signal_connect(f->session, "batch-ended", G_CALLBACK(on_batch_ended), &ended);
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    spin_until(card_is, f->session, CARD(1, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    g_assert_true(kl_session_arm(f->session, 1, &error));
    /* The cards don't know yet that it has started one. */
    g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_READY);
    g_assert_true(kl_session_running(f->session));
    spin_until(is_at_work, f->session, 0);
    scan(f, "OP:218", TRUE);
    g_assert_true(kl_session_start(f->session, 1, NULL, NULL, &error));
    spin_until(none_armed, f->session, 0);
    g_assert_cmpuint(ended.records, ==, 1);
    spin_until(card_is, f->session, CARD(1, KL_CARD_PASS));
    g_assert_false(kl_session_running(f->session));
    g_autofree char *jobs = kl_line_rig_sql(f->rig, "SELECT group_concat(operator || (batch IS NOT NULL), ' ') FROM "
                                                    "(SELECT * FROM jobs ORDER BY slot)");
    g_assert_cmpstr(jobs, ==, "2171 2180");
}

/* A job that somebody starts while the line is armed is the batch's at once. */
static void
test_by_hand(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    Ended ended = {0};
    g_signal_connect(f->session, "batch-ended", G_CALLBACK(on_batch_ended), &ended);
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    g_assert_true(kl_session_start(f->session, 0, NULL, NULL, &error));
    spin_until(card_is, f->session, CARD(0, KL_CARD_PASS));
    g_assert_true(kl_session_arm(f->session, 2, &error));
    g_assert_true(kl_session_start(f->session, 0, NULL, NULL, &error));
    kl_session_sign_off(f->session);
    g_assert_nonnull(kl_session_batch(f->session));
    spin_until(none_armed, f->session, 0);
    g_assert_cmpuint(ended.records, ==, 1);
}

/* Whatever ends the armed line lets a running unit go on. */
static void
test_disarmed(Fixture *f, gconstpointer units)
{
    static const char *const scans[] = {"OP:218", "WO:48-1124"};
    Ended ended = {0};
    g_signal_connect(f->session, "batch-ended", G_CALLBACK(on_batch_ended), &ended);
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    scan(f, "OP:217", TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(scans) + 2; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(kl_sim_replace(f->rig->sim, 1, 7 + i, NULL, &error));
        spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
        g_assert_true(kl_session_arm(f->session, 10, &error));
        spin_until(is_at_work, f->session, 0);
        scan(f, i == 0 ? "OP:217" : "OP:218", TRUE); /* the same badge again ends nothing */
        g_assert_cmpint(kl_batch_state(kl_session_batch(f->session)), ==, KL_BATCH_ARMED);
        if (i < G_N_ELEMENTS(scans))
            scan(f, scans[i], TRUE);
        else if (i == G_N_ELEMENTS(scans))
            kl_session_set_auditor(f->session, TRUE);
        else
            kl_session_sign_off(f->session);
        kl_session_set_auditor(f->session, FALSE);
        g_assert_cmpint(kl_batch_state(kl_session_batch(f->session)), ==, KL_BATCH_STOPPING);
        spin_until(none_armed, f->session, 0);
        g_assert_cmpint(kl_session_card(f->session, 0)->state, ==, KL_CARD_PASS);
        g_assert_cmpuint(ended.ended, ==, i + 1);
    }
}

/* --- closing --- */

static void
on_closed(gpointer data)
{
    *(gboolean *)data = TRUE;
}

/* The station can be opened again as soon as its session says that it is closed. */
static void
test_closed_for_good(Fixture *f, gconstpointer units)
{
    g_autoptr(GError) error = NULL;
    gboolean closed = FALSE;
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    kl_session_close_then(g_steal_pointer(&f->session), on_closed, &closed);
    while (!closed)
        g_main_context_iteration(NULL, TRUE);
    f->session = kl_session_new(f->rig->station_dir, &error);
    g_assert_no_error(error);
    /* What is plugged in is told while the CA is locked. */
    spin_until(card_is, f->session, CARD(0, KL_CARD_READY));
    g_assert_false(kl_session_unlocked(f->session));
    refuses_to_arm(f, KL_ERROR_NOT_SIGNED_ON);
    scan(f, "OP:217", TRUE);
    refuses_to_arm(f, KL_ERROR_PASSPHRASE_MISSING);
}

/* The last reference may go in any thread: closing is not left to it. */
static void
test_left_open(void)
{
    const KlSimOptions options = {.units = 1, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    kl_line_rig_close(rig);
    g_setenv("KEYLINE_TEST_STATION", rig->station_dir, TRUE);
    g_test_trap_subprocess("/session/left-open/subprocess", 120 * G_USEC_PER_SEC, 0);
    g_unsetenv("KEYLINE_TEST_STATION");
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*session->line == NULL*");
}

static void
leave_open(void)
{
    g_autoptr(GError) error = NULL;
    KlSession *session = kl_session_new(g_getenv("KEYLINE_TEST_STATION"), &error);
    g_assert_no_error(error);
    g_object_unref(session);
    for (;;) /* the events on their way hold it, too */
        g_main_context_iteration(NULL, TRUE);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add("/session/scan-and-pass", Fixture, GUINT_TO_POINTER(1), set_up, test_scan_and_pass, tear_down);
    g_test_add("/session/auditor", Fixture, GUINT_TO_POINTER(1), set_up, test_auditor, tear_down);
    g_test_add("/session/wrong-label", Fixture, GUINT_TO_POINTER(1), set_up, test_wrong_label, tear_down);
    g_test_add("/session/several", Fixture, GUINT_TO_POINTER(2), set_up, test_several, tear_down);
    g_test_add("/session/swapped", Fixture, GUINT_TO_POINTER(1), set_up, test_swapped, tear_down);
    g_test_add("/session/pulled", Fixture, GUINT_TO_POINTER(1), set_up, test_pulled, tear_down);
    g_test_add("/session/armed", Fixture, GUINT_TO_POINTER(2), set_up, test_armed, tear_down);
    g_test_add("/session/before", Fixture, GUINT_TO_POINTER(2), set_up, test_before, tear_down);
    g_test_add("/session/next-operator", Fixture, GUINT_TO_POINTER(2), set_up, test_next_operator, tear_down);
    g_test_add("/session/by-hand", Fixture, GUINT_TO_POINTER(1), set_up, test_by_hand, tear_down);
    g_test_add("/session/disarmed", Fixture, GUINT_TO_POINTER(1), set_up, test_disarmed, tear_down);
    g_test_add("/session/closed-for-good", Fixture, GUINT_TO_POINTER(1), set_up, test_closed_for_good, tear_down);
    g_test_add_func("/session/left-open", test_left_open);
    g_test_add_func("/session/left-open/subprocess", leave_open);
    return g_test_run();
}
