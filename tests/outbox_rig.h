/* What the tests of the outbox share: the real store, and a sink and a signer that answer as they are told. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "station/outbox.h"
#include "tests/store-fixture.h"

#define PAUSE_MS 1 /* so that what is tried again is so soon */
#define ROUNDS_US (120 * G_USEC_PER_SEC)

/* --- a sink that does what it is told --- */

typedef struct {
    KlSink base;
    KlSigner signer;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t called;
    GHashTable *answers; /* key -> GArray of int: codes of the next attempts at it, -1: done; then it is done */
    int outage;          /* a code for every call; -1: none */
    int outage_of;       /* the kind of rows that it is for alone; -1: all calls */
    GPtrArray *done;     /* keys, in the order in which they were done */
    guint calls;
    gboolean stuck;  /* a call returns when it is cancelled */
    guint64 leased;  /* last number */
    guint asked;     /* what other stations did */
    int question;    /* a code for who asks; -1: an answer */
    gboolean passed; /* the answer */
    const char *diary;
    guint kill_before, kill_after; /* the nth call kills the program */
} FakeSink;

/* With the lock held. kind -1: no row. */
static inline int
next_answer(FakeSink *fake, int kind, const char *key)
{
    GArray *codes = g_hash_table_lookup(fake->answers, key);
    int code = fake->outage_of < 0 || fake->outage_of == kind ? fake->outage : -1;
    if (code < 0 && codes != NULL && codes->len > 0) {
        code = g_array_index(codes, int, 0);
        g_array_remove_index(codes, 0);
    }
    return code;
}

static inline void
write_diary(const FakeSink *fake, const char *key)
{
    if (fake->diary == NULL)
        return;
    FILE *file = fopen(fake->diary, "a");
    g_assert_nonnull(file);
    fprintf(file, "%s\n", key);
    g_assert_cmpint(fclose(file), ==, 0);
}

static inline gboolean
answer(FakeSink *fake, int kind, const char *key, KlOp *op, GError **error)
{
    pthread_mutex_lock(&fake->lock);
    guint n = ++fake->calls;
    gboolean stuck = fake->stuck;
    int code = next_answer(fake, kind, key);
    if (n == fake->kill_before)
        kill(getpid(), SIGKILL);
    if (code < 0 && !stuck) {
        g_ptr_array_add(fake->done, g_strdup(key));
        write_diary(fake, key);
    }
    if (n == fake->kill_after)
        kill(getpid(), SIGKILL);
    pthread_cond_broadcast(&fake->called);
    pthread_mutex_unlock(&fake->lock);
    while (stuck && kl_op_check(op, error))
        g_usleep(1000);
    if (stuck)
        return FALSE;
    return code < 0 || kl_fail(error, (KlErrorCode)code, "as planned for %s", key);
}

static inline gboolean
fake_put(KlSink *sink, const KlOutboxRow *row, KlOp *op, GError **error)
{
    g_assert_cmpint(row->kind, !=, KL_OUTBOX_CLEANUP);
    return answer((FakeSink *)sink, (int)row->kind, row->key, op, error);
}

static inline gboolean
fake_lease(KlSink *sink, const char *sequence, guint count, guint64 *first, KlOp *op, GError **error)
{
    FakeSink *fake = (FakeSink *)sink;
    if (!answer(fake, -1, sequence, op, error))
        return FALSE;
    pthread_mutex_lock(&fake->lock);
    *first = fake->leased + 1;
    fake->leased += count;
    pthread_mutex_unlock(&fake->lock);
    return TRUE;
}

static inline gboolean
fake_passed_elsewhere(KlSink *sink, const char *imei, KlPassedElsewhere **passed, KlOp *op, GError **error)
{
    FakeSink *fake = (FakeSink *)sink;
    pthread_mutex_lock(&fake->lock);
    int code = fake->question;
    fake->asked++;
    *passed = code < 0 && fake->passed ? g_new0(KlPassedElsewhere, 1) : NULL;
    pthread_mutex_unlock(&fake->lock);
    if (*passed != NULL) {
        (*passed)->station = g_strdup("other");
        (*passed)->record = g_strdup("record");
    }
    return code < 0 || kl_fail(error, (KlErrorCode)code, "as planned for the question");
}

static inline gboolean
fake_withdraw(KlSigner *signer, const char *sha256, const char *device_id, KlOp *op, GError **error)
{
    FakeSink *fake = (FakeSink *)(void *)((char *)signer - G_STRUCT_OFFSET(FakeSink, signer));
    g_assert_nonnull(device_id); /* out of the row's body */
    return answer(fake, KL_OUTBOX_CLEANUP, sha256, op, error);
}

static inline void
fake_free(KlSink *sink)
{
    FakeSink *fake = (FakeSink *)sink;
    g_hash_table_unref(fake->answers);
    g_ptr_array_unref(fake->done);
    pthread_cond_destroy(&fake->called);
    pthread_mutex_destroy(&fake->lock);
    g_free(fake);
}

static inline FakeSink *
fake_new(void)
{
    static const KlSinkClass klass = {
        .id = "fake",
        .put = fake_put,
        .passed_elsewhere = fake_passed_elsewhere,
        .lease = fake_lease,
        .free = fake_free,
    };
    static const KlSignerClass signer_class = {.id = "fake", .withdraw = fake_withdraw};
    FakeSink *fake = g_new0(FakeSink, 1);
    fake->base.klass = &klass;
    fake->signer.klass = &signer_class;
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->called, NULL);
    fake->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    fake->done = g_ptr_array_new_with_free_func(g_free);
    fake->outage = fake->outage_of = fake->question = -1;
    return fake;
}

/* The next attempts at key fail so, so many times. */
static inline void
plan(FakeSink *fake, const char *key, KlErrorCode code, guint times)
{
    GArray *codes = g_array_new(FALSE, FALSE, sizeof(int));
    for (guint i = 0; i < times; i++) {
        int number = (int)code;
        g_array_append_val(codes, number);
    }
    g_hash_table_insert(fake->answers, g_strdup(key), codes);
}

static inline void
set_outage(FakeSink *fake, int code)
{
    pthread_mutex_lock(&fake->lock);
    fake->outage = code;
    pthread_mutex_unlock(&fake->lock);
}

/* Waits until the sink was called so often. */
static inline void
await_calls(FakeSink *fake, guint calls)
{
    pthread_mutex_lock(&fake->lock);
    while (fake->calls < calls)
        pthread_cond_wait(&fake->called, &fake->lock);
    pthread_mutex_unlock(&fake->lock);
}

/* --- a store with rows in it --- */

typedef struct {
    Folder folder;
    KlStore *store;
    FakeSink *fake;
    KlOutbox *outbox;
    guint changes;
} Rig;

static inline void
rig_set_up(Rig *rig, gconstpointer data)
{
    folder_set_up(&rig->folder, NULL);
    rig->store = open_store(rig->folder.path);
    CALL(rig->store, use_outbox, FALSE);
    g_free(pass_unit(rig->store, 1));
    rig->fake = fake_new();
}

static inline void
rig_tear_down(Rig *rig, gconstpointer data)
{
    g_clear_pointer(&rig->outbox, kl_outbox_free);
    kl_sink_free(&rig->fake->base);
    kl_store_free(rig->store);
    check_invariants(rig->folder.path);
    folder_tear_down(&rig->folder, NULL);
}

/* Queues rows r0001 .. of a kind, past the store: it is not its queueing that is tried here. */
static inline void
queue(const char *path, const char *kind, guint count)
{
    g_autofree char *sql = g_strdup_printf(
        "PRAGMA busy_timeout = 10000; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)"
        " INSERT INTO outbox (kind, key, run, body, queued_us) SELECT '%s', printf('r%%04d', i),"
        " (SELECT id FROM jobs LIMIT 1), json_object('device_id', 'D' || i), i FROM n",
        count, kind);
    g_free(sqlite(path, sql));
}

static inline void
note_change(gpointer data)
{
    __atomic_add_fetch(&((Rig *)data)->changes, 1, __ATOMIC_SEQ_CST);
}

static inline void
start(Rig *rig, const KlOutboxOptions *special)
{
    KlOutboxOptions options = special != NULL ? *special : (KlOutboxOptions){0};
    options.store = rig->store;
    options.sink = &rig->fake->base;
    options.pause_ms = PAUSE_MS;
    options.changed = note_change;
    options.changed_data = rig;
    rig->outbox = kl_outbox_new(&options);
}

/* Waits for a row; returns what became of it. */
static inline int
wait_row(Rig *rig, KlOutboxKind kind, const char *key, GError **error)
{
    KlOp op = {0};
    return kl_outbox_wait(rig->outbox, kind, key, (guint)(ROUNDS_US / 1000), &op, error);
}

static inline void
assert_sent(Rig *rig, KlOutboxKind kind, const char *key)
{
    g_autoptr(GError) error = NULL;
    int ack = wait_row(rig, kind, key, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ack, ==, KL_ACK_SENT);
}

static inline char *
done_keys(Rig *rig)
{
    pthread_mutex_lock(&rig->fake->lock);
    g_ptr_array_add(rig->fake->done, NULL);
    char *text = g_strjoinv(" ", (char **)rig->fake->done->pdata);
    g_ptr_array_set_size(rig->fake->done, (gint)rig->fake->done->len - 1);
    pthread_mutex_unlock(&rig->fake->lock);
    return text;
}

/* Waits until the status says so. */
static inline KlOutboxStatus
await_status(Rig *rig, guint queued, guint parked)
{
    for (gint64 until = g_get_monotonic_time() + ROUNDS_US; g_get_monotonic_time() < until; g_usleep(2000)) {
        KlOutboxStatus status = kl_outbox_status(rig->outbox);
        if (status.queued == queued && status.parked == parked)
            return status;
    }
    g_error("the status never came");
}

/* What holds up the rows of that kind, as soon as something does. */
static inline const char *
await_trouble(Rig *rig, KlOutboxKind kind)
{
    const char *code = NULL;
    for (gint64 until = g_get_monotonic_time() + ROUNDS_US; code == NULL && g_get_monotonic_time() < until;) {
        g_usleep(1000);
        code = kl_outbox_status(rig->outbox).waiting_codes[kind];
    }
    return code;
}

/* Nothing holds up any row. */
static inline void
assert_nothing_waits(const KlOutboxStatus *status)
{
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++)
        g_assert_cmpstr(status->waiting_codes[kind], ==, NULL);
}
