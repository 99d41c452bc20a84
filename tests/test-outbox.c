/* The outbox at work, over the real store and a sink that answers as it is told: order, what holds up one row and what
 * all, nothing lost and nothing sent twice without need. */
#include "station/outbox_rules.h"
#include "tests/outbox_rig.h"

/* --- the rules --- */

static void
test_rules(void)
{
    static const struct {
        KlOutboxKind kind;
        KlErrorCode code;
        KlOutboxFate fate;
    } table[] = {
        {KL_OUTBOX_REGISTRATION, KL_ERROR_NET_DOWN, KL_OUTBOX_STAYS},
        {KL_OUTBOX_CLEANUP, KL_ERROR_NET_DOWN, KL_OUTBOX_STAYS},
        {KL_OUTBOX_RECORD, KL_ERROR_CLOUD_CREDENTIALS, KL_OUTBOX_STAYS},
        {KL_OUTBOX_RECORD, KL_ERROR_CLOUD_DENIED, KL_OUTBOX_STAYS},
        {KL_OUTBOX_RECORD, KL_ERROR_CLOUD_REFUSED, KL_OUTBOX_STAYS},
        {KL_OUTBOX_CLEANUP, KL_ERROR_CLOUD_DENIED, KL_OUTBOX_PARK},
        {KL_OUTBOX_CLEANUP, KL_ERROR_CLOUD_REFUSED, KL_OUTBOX_PARK},
        {KL_OUTBOX_CLEANUP, KL_ERROR_CLOUD_LIMIT, KL_OUTBOX_STAYS},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_CLOUD_TIMEOUT, KL_OUTBOX_LATER},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_CLOUD_THROTTLED, KL_OUTBOX_LATER},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_CLOUD_IN_DOUBT, KL_OUTBOX_LATER},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_DUPLICATE_DEVICE, KL_OUTBOX_PARK},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_ROW_REFUSED, KL_OUTBOX_PARK},
        {KL_OUTBOX_REGISTRATION, KL_ERROR_INTERNAL, KL_OUTBOX_PARK},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        g_assert_cmpint(kl_outbox_fate(table[i].kind, table[i].code), ==, table[i].fate);
    /* What may be tried again is never given up. */
    for (int code = 0; code < KL_ERROR_LAST; code++) {
        if (kl_error_kind(code) == KL_ERROR_KIND_RETRY)
            g_assert_cmpint(kl_outbox_fate(KL_OUTBOX_RECORD, code), !=, KL_OUTBOX_PARK);
    }
}

static void
test_pauses(void)
{
    static const gint64 longest_ms[] = {1000, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000};
    for (guint failures = 0; failures < G_N_ELEMENTS(longest_ms); failures++) {
        g_assert_cmpint(kl_outbox_pause_us(1000, failures, 1), ==, longest_ms[failures] * 1000);
        g_assert_cmpint(kl_outbox_pause_us(1000, failures, 0), ==, longest_ms[failures] * 500);
    }
    g_assert_cmpint(kl_outbox_pause_us(1000, G_MAXUINT, 1), ==, 64000 * 1000);
}

/* --- rows --- */

static void
test_order(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "registration", 5);
    start(rig, NULL);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0005");
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, "r0001 r0002 r0003 r0004 r0005");
    KlOutboxStatus status = await_status(rig, 0, 0);
    g_assert_cmpint(status.oldest_us, ==, 0);
    assert_nothing_waits(&status);
    g_assert_cmpuint(__atomic_load_n(&rig->changes, __ATOMIC_SEQ_CST), >, 0);
}

/* What is poisonous is put aside, with its reason, and holds nobody up. */
static void
test_poison(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    queue(rig->folder.path, "registration", 4);
    plan(rig->fake, "r0002", KL_ERROR_DUPLICATE_DEVICE, 1);
    plan(rig->fake, "r0003", KL_ERROR_INTERNAL, 1);
    start(rig, NULL);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0004");
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, "r0001 r0004");
    g_assert_cmpint(wait_row(rig, KL_OUTBOX_REGISTRATION, "r0002", &error), ==, KL_ACK_PARKED);
    g_assert_error(error, KL_ERROR, KL_ERROR_DUPLICATE_DEVICE);
    await_status(rig, 0, 2);
    g_assert_cmpuint(rig->fake->calls, ==, 4); /* never tried again by itself */

    g_assert_true(CALL(rig->store, outbox_retry, 2, NULL));
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0002");
    await_status(rig, 0, 1);
}

/* A row that fails for now is tried until it is done; the others pass it. */
static void
test_later(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "registration", 4);
    plan(rig->fake, "r0001", KL_ERROR_CLOUD_UNAVAILABLE, 9);
    start(rig, NULL);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0001");
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, "r0002 r0003 r0004 r0001");
    assert_sql(rig->folder.path, "SELECT attempts, last_code FROM outbox WHERE key = 'r0001'", "10|CLOUD_UNAVAILABLE");
}

/* What is every row's trouble holds up all, is told, and loses nothing and changes no order. */
static void
outage(Rig *rig, KlErrorCode code)
{
    queue(rig->folder.path, "registration", 6);
    rig->fake->outage = (int)code;
    start(rig, NULL);
    await_calls(rig->fake, 5);
    g_assert_cmpstr(await_trouble(rig, KL_OUTBOX_REGISTRATION), ==, kl_error_name(code));
    await_status(rig, 6, 0);
    KlOp op = {0};
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(kl_outbox_wait(rig->outbox, KL_OUTBOX_REGISTRATION, "r0001", 0, &op, &error), ==, KL_ACK_WAITING);
    g_assert_no_error(error);
    g_assert_false(kl_outbox_prompt(rig->outbox, KL_OUTBOX_REGISTRATION, 1000));
    g_assert_cmpint(kl_outbox_answers(rig->outbox), ==, !kl_outbox_cuts_off(code));
    assert_sql(rig->folder.path, "SELECT DISTINCT key FROM outbox WHERE attempts > 0", "r0001");
    set_outage(rig->fake, -1);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0006");
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, "r0001 r0002 r0003 r0004 r0005 r0006");
    const KlOutboxStatus status = await_status(rig, 0, 0);
    assert_nothing_waits(&status);
    g_assert_true(kl_outbox_prompt(rig->outbox, KL_OUTBOX_REGISTRATION, 0));
    g_assert_true(kl_outbox_answers(rig->outbox));
}

static void
test_net_down(Rig *rig, gconstpointer data)
{
    outage(rig, KL_ERROR_NET_DOWN);
}

static void
test_denied(Rig *rig, gconstpointer data)
{
    outage(rig, KL_ERROR_CLOUD_DENIED);
}

/* One table is missing, may not be written, or is full: the other kinds' rows go on, and its own wait in their order.
 * The kind that is held has the oldest rows. */
static void
holds_its_own(Rig *rig, KlOutboxKind held, KlErrorCode code, guint n_calls)
{
    static const KlOutboxKind others[KL_OUTBOX_KINDS] = {KL_OUTBOX_RECORD, KL_OUTBOX_CLEANUP, KL_OUTBOX_REGISTRATION};
    KlOutboxOptions options = {.signer = &rig->fake->signer, .per_second = 500};
    const char *kinds[] = {"registration", "record", "cleanup"};
    KlOutboxKind other = others[held];
    rig->fake->outage_of = (int)held;
    rig->fake->outage = (int)code;
    queue(rig->folder.path, kinds[held], 4);
    queue(rig->folder.path, kinds[other], 4);
    start(rig, &options);
    assert_sent(rig, other, "r0004");
    await_calls(rig->fake, 4 + n_calls);
    g_assert_cmpstr(await_trouble(rig, held), ==, kl_error_name(code));
    KlOutboxStatus status = await_status(rig, 4, 0);
    g_assert_cmpuint(status.queued_of[held], ==, 4);
    g_assert_null(status.waiting_codes[other]);
    g_assert_false(kl_outbox_prompt(rig->outbox, held, 60000));
    g_assert_true(kl_outbox_prompt(rig->outbox, other, 0));  /* those that wait are not before it */
    kl_outbox_flush(rig->outbox, (guint)(ROUNDS_US / 1000)); /* nor does anybody wait for them */
    g_autofree char *before = done_keys(rig);
    g_assert_cmpstr(before, ==, "r0001 r0002 r0003 r0004");

    set_outage(rig->fake, -1);
    for (guint i = 1; i <= 4; i++) {
        g_autofree char *key = g_strdup_printf("r%04u", i);
        assert_sent(rig, held, key);
    }
    status = await_status(rig, 0, 0);
    assert_nothing_waits(&status);
}

static void
test_missing(Rig *rig, gconstpointer data)
{
    holds_its_own(rig, KL_OUTBOX_RECORD, KL_ERROR_CLOUD_MISSING, 2);
    g_autofree char *keys = done_keys(rig);
    g_assert_cmpstr(keys, ==, "r0001 r0002 r0003 r0004 r0001 r0002 r0003 r0004");
}

static void
test_denied_rows(Rig *rig, gconstpointer data)
{
    holds_its_own(rig, KL_OUTBOX_REGISTRATION, KL_ERROR_CLOUD_DENIED, 2);
}

static void
test_limit(Rig *rig, gconstpointer data)
{
    holds_its_own(rig, KL_OUTBOX_CLEANUP, KL_ERROR_CLOUD_LIMIT, 2);
}

/* The way to one service may be closed alone. */
static void
test_one_service(Rig *rig, gconstpointer data)
{
    holds_its_own(rig, KL_OUTBOX_CLEANUP, KL_ERROR_NET_DOWN, 2);
}

static void
test_run_of_one(Rig *rig, gconstpointer data)
{
    holds_its_own(rig, KL_OUTBOX_RECORD, KL_ERROR_CLOUD_UNAVAILABLE, KL_OUTBOX_RUN);
    g_assert_true(kl_outbox_answers(rig->outbox));
}

/* Row after row failing alike is no row's own trouble: they wait, too, and all arrive in the end. */
static void
run_of(Rig *rig, KlErrorCode code, gboolean answers)
{
    queue(rig->folder.path, "registration", 8);
    rig->fake->outage = (int)code;
    start(rig, NULL);
    await_calls(rig->fake, KL_OUTBOX_RUN);
    g_assert_cmpstr(await_trouble(rig, KL_OUTBOX_REGISTRATION), ==, kl_error_name(code));
    g_assert_cmpint(kl_outbox_answers(rig->outbox), ==, answers);
    set_outage(rig->fake, -1);
    for (guint i = 1; i <= 8; i++) {
        g_autofree char *key = g_strdup_printf("r%04u", i);
        assert_sent(rig, KL_OUTBOX_REGISTRATION, key);
    }
    await_status(rig, 0, 0);
}

static void
test_run(Rig *rig, gconstpointer data)
{
    run_of(rig, KL_ERROR_CLOUD_TIMEOUT, FALSE);
}

/* Who answers that it has trouble with rows may be asked something. */
static void
test_run_answered(Rig *rig, gconstpointer data)
{
    run_of(rig, KL_ERROR_CLOUD_UNAVAILABLE, TRUE);
}

/* --- clean-up --- */

static void
test_cleanup(Rig *rig, gconstpointer data)
{
    KlOutboxOptions options = {.signer = &rig->fake->signer};
    g_autoptr(GError) error = NULL;
    queue(rig->folder.path, "cleanup", 3);
    plan(rig->fake, "r0001", KL_ERROR_CLOUD_UNAVAILABLE, 2); /* detaching takes its time */
    plan(rig->fake, "r0002", KL_ERROR_CLOUD_DENIED, 1);      /* another role's business */
    start(rig, &options);
    assert_sent(rig, KL_OUTBOX_CLEANUP, "r0001");
    assert_sent(rig, KL_OUTBOX_CLEANUP, "r0003");
    g_assert_cmpint(wait_row(rig, KL_OUTBOX_CLEANUP, "r0002", &error), ==, KL_ACK_PARKED);
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_DENIED);
}

static void
test_cleanup_by_nobody(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "cleanup", 2);
    start(rig, NULL);
    await_status(rig, 0, 2);
    g_assert_cmpuint(rig->fake->calls, ==, 0);
}

/* --- many rows --- */

/* What an outage of 12 hours leaves at 500 units an hour: each row arrives, each once. */
static void
test_drain(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "registration", 6000);
    start(rig, NULL);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r6000");
    await_status(rig, 0, 0);
    g_assert_cmpuint(rig->fake->done->len, ==, 6000);
    for (guint i = 0; i < 6000; i++) {
        g_autofree char *key = g_strdup_printf("r%04u", i + 1);
        g_assert_cmpstr(rig->fake->done->pdata[i], ==, key);
    }
    assert_sql(rig->folder.path, "SELECT count(*) FROM outbox WHERE state = 'sent' AND attempts = 1", "6000");
}

/* Never faster than the configured rate. */
static void
test_rate(Rig *rig, gconstpointer data)
{
    KlOutboxOptions options = {.per_second = 100};
    gint64 from_us = g_get_monotonic_time();
    queue(rig->folder.path, "registration", 31);
    start(rig, &options);
    assert_sent(rig, KL_OUTBOX_REGISTRATION, "r0031");
    g_assert_cmpint(g_get_monotonic_time() - from_us, >=, 30 * G_USEC_PER_SEC / 100);
}

/* --- waiting --- */

static void
test_wait(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    KlOp cancelled = {.cancel = cancel}, late = {.deadline_us = 1};
    queue(rig->folder.path, "record", 1);
    rig->fake->outage = KL_ERROR_NET_DOWN;
    start(rig, NULL);
    g_assert_cmpint(kl_outbox_wait(rig->outbox, KL_OUTBOX_RECORD, "r0001", 60000, &late, &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    g_clear_error(&error);
    g_cancellable_cancel(cancel);
    g_assert_cmpint(kl_outbox_wait(rig->outbox, KL_OUTBOX_RECORD, "r0001", 60000, &cancelled, &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
    g_clear_error(&error);
    g_assert_cmpint(wait_row(rig, KL_OUTBOX_RECORD, "nobody", &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_INTERNAL);
}

static void *
wait_in_thread(void *data)
{
    assert_sent(data, KL_OUTBOX_REGISTRATION, "r0040");
    return NULL;
}

/* Everybody who waits learns of it, while others poke. */
static void
test_many_wait(Rig *rig, gconstpointer data)
{
    pthread_t threads[16];
    rig->fake->outage = KL_ERROR_NET_DOWN;
    queue(rig->folder.path, "registration", 40);
    start(rig, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, wait_in_thread, rig), ==, 0);
    await_calls(rig->fake, 3);
    set_outage(rig->fake, -1);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_join(threads[i], NULL), ==, 0);
}

/* Waits for all rows, and not for a cloud that is away. */
static void
test_flush(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "registration", 200);
    start(rig, NULL);
    kl_outbox_flush(rig->outbox, (guint)(ROUNDS_US / 1000));
    assert_sql(rig->folder.path, "SELECT count(*) FROM outbox WHERE state = 'sent'", "200");
    set_outage(rig->fake, KL_ERROR_NET_DOWN);
    queue(rig->folder.path, "record", 1);
    gint64 from_us = g_get_monotonic_time();
    kl_outbox_flush(rig->outbox, (guint)(ROUNDS_US / 1000));
    g_assert_cmpint(g_get_monotonic_time() - from_us, <, ROUNDS_US / 2);
    assert_sql(rig->folder.path, "SELECT state FROM outbox WHERE kind = 'record'", "queued");
}

/* The call under way is cancelled; its row counts as not tried. */
static void
test_stop(Rig *rig, gconstpointer data)
{
    queue(rig->folder.path, "registration", 1);
    rig->fake->stuck = TRUE;
    start(rig, NULL);
    await_calls(rig->fake, 1);
    g_clear_pointer(&rig->outbox, kl_outbox_free);
    assert_sql(rig->folder.path, "SELECT state, attempts FROM outbox", "queued|0");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outbox/rules", test_rules);
    g_test_add_func("/outbox/pauses", test_pauses);
#define ADD(name, function) g_test_add("/outbox/" name, Rig, NULL, rig_set_up, function, rig_tear_down)
    ADD("order", test_order);
    ADD("poison", test_poison);
    ADD("later", test_later);
    ADD("net-down", test_net_down);
    ADD("denied", test_denied);
    ADD("missing", test_missing);
    ADD("denied-rows", test_denied_rows);
    ADD("limit", test_limit);
    ADD("one-service", test_one_service);
    ADD("run-of-one", test_run_of_one);
    ADD("run", test_run);
    ADD("run-answered", test_run_answered);
    ADD("cleanup", test_cleanup);
    ADD("cleanup-by-nobody", test_cleanup_by_nobody);
    ADD("drain", test_drain);
    ADD("rate", test_rate);
    ADD("wait", test_wait);
    ADD("many-wait", test_many_wait);
    ADD("flush", test_flush);
    ADD("stop", test_stop);
    return g_test_run();
}
