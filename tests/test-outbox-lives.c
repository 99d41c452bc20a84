/* The outbox over time: leased numbers in stock, and SIGKILL at every sending. */
#include <sys/wait.h>

#include "tests/outbox_rig.h"

/* --- leases --- */

static void
test_leases(Rig *rig, gconstpointer data)
{
    KlOutboxOptions options = {.sequence = "fx", .block = 10};
    KlIdRequest request = {.sequence = "fx", .pattern = "FX-%u", .leased = TRUE};
    KlOp op = {0};
    g_autoptr(GError) error = NULL;
    plan(rig->fake, "fx", KL_ERROR_CLOUD_TIMEOUT, 2);
    start(rig, &options);
    g_assert_true(kl_outbox_wait_ids(rig->outbox, 60000, &op, &error));
    g_assert_no_error(error);
    /* More than half of a block is always there. */
    for (guint n = 1; n <= 36; n++) {
        g_autoptr(KlRecord) record = make_record(n + 100);
        g_autoptr(KlUnit) unit = make_unit(n + 100);
        g_autofree char *expected = g_strdup_printf("FX-%u", n);
        CALL(rig->store, job_begin, record, NULL);
        kl_unit_state_free(CALL(rig->store, unit_claim, record->id, unit, NULL));
        g_autofree char *id = CALL(rig->store, device_id, unit->imei, &request, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(id, ==, expected);
        g_assert_true(kl_outbox_wait_ids(rig->outbox, 60000, &op, NULL));
    }
    g_assert_null(kl_outbox_status(rig->outbox).ids_code);
    g_clear_pointer(&rig->outbox, kl_outbox_free);
    guint64 left = 0;
    g_assert_true(CALL(rig->store, lease_left, "fx", &left, NULL));
    g_assert_cmpuint(left + 36, ==, rig->fake->leased);
    g_assert_cmpuint(rig->fake->leased, <=, 60);
}

static void
test_no_leases(Rig *rig, gconstpointer data)
{
    KlOutboxOptions options = {.sequence = "fx", .block = 10};
    KlOp op = {0};
    g_autoptr(GError) error = NULL;
    plan(rig->fake, "fx", KL_ERROR_CLOUD_DENIED, 100000);
    queue(rig->folder.path, "registration", 3);
    start(rig, &options);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0003"); /* rows go on */
    await_calls(rig->fake, 6);
    g_assert_false(kl_outbox_wait_ids(rig->outbox, 5, &op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_IDS_EXHAUSTED);
    g_assert_nonnull(strstr(error->message, "CLOUD_DENIED"));
    /* It is no trouble of the rows. */
    const KlOutboxStatus status = await_status(rig, 0, 0);
    g_assert_cmpstr(status.ids_code, ==, "CLOUD_DENIED");
    assert_nothing_waits(&status);
    g_assert_true(kl_outbox_prompt(rig->outbox, KL_OUTBOX_REGISTRATION, 0));
    g_assert_true(kl_outbox_answers(rig->outbox));
}

/* --- killed at any instant --- */

static char *program;

/* Runs as "--child DATABASE DIARY before|after NTH". */
static int
child(char **argv)
{
    Rig rig = {.store = open_store(argv[2]), .fake = fake_new()};
    guint nth = (guint)atoi(argv[5]);
    rig.fake->diary = argv[3];
    rig.fake->kill_before = g_str_equal(argv[4], "before") ? nth : 0;
    rig.fake->kill_after = g_str_equal(argv[4], "after") ? nth : 0;
    start(&rig, NULL);
    await_status(&rig, 0, 0);
    kl_outbox_free(rig.outbox);
    kl_store_free(rig.store);
    kl_sink_free(&rig.fake->base);
    return 0;
}

/* TRUE: it was killed. */
static gboolean
run_child(const char *path, const char *diary, const char *when, guint nth)
{
    g_autofree char *number = g_strdup_printf("%u", nth);
    const char *argv[] = {program, "--child", path, diary, when, number, NULL};
    g_autoptr(GError) error = NULL;
    int status = 0;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    if (WIFSIGNALED(status)) {
        g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
        return TRUE;
    }
    g_assert_cmpint(status, ==, 0);
    return FALSE;
}

/* Each life ends at its second sending: every row arrives, in order; again only where the death came between the
 * cloud's having it and the store's knowing so. */
static void
killed(Rig *rig, const char *when)
{
    g_autofree char *diary = g_build_filename(rig->folder.dir, "diary", NULL);
    g_autofree char *text = NULL;
    guint lives = 1, repeated = 0, rows = 0;
    queue(rig->folder.path, "registration", 12);
    while (run_child(rig->folder.path, diary, when, 2))
        lives++;
    g_assert_cmpuint(lives, >=, 11);
    g_assert_true(g_file_get_contents(diary, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (i > 0 && g_str_equal(lines[i], lines[i - 1]))
            repeated++;
        else
            g_assert_cmpint(atoi(lines[i] + 1), ==, (int)++rows);
    }
    g_assert_cmpuint(rows, ==, 12);
    g_assert_cmpuint(repeated, <=, g_str_equal(when, "after") ? lives - 1 : 0);
    assert_sql(rig->folder.path, "SELECT count(*) FROM outbox WHERE state = 'sent'", "12");
}

static void
test_killed_before(Rig *rig, gconstpointer data)
{
    killed(rig, "before");
}

static void
test_killed_after(Rig *rig, gconstpointer data)
{
    killed(rig, "after");
}

int
main(int argc, char **argv)
{
    if (argc == 6 && g_str_equal(argv[1], "--child"))
        return child(argv);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/outbox/" name, Rig, NULL, rig_set_up, function, rig_tear_down)
    ADD("leases", test_leases);
    ADD("no-leases", test_no_leases);
    ADD("killed-before", test_killed_before);
    ADD("killed-after", test_killed_after);
    return g_test_run();
}
