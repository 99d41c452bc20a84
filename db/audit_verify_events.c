#include "db/audit_verify_events.h"

#include <pthread.h>
#include <string.h>

#include "db/statement.h"

#define BATCHES 16
#define BATCH_ROWS 256
#define BATCH_BYTES (1 << 20)
#define CHECKERS 2

typedef enum { FREE, READ, CHECKING, CHECKED } BatchState;

/* Rows on their way. Only the state is shared: between two changes of it a batch belongs to one thread. */
typedef struct {
    BatchState state;
    guint8 before[KL_HASH_SIZE]; /* the hash column of the row before the first */
    guint count;
    GByteArray *bytes; /* what the rows point to, by offset until all of the batch is read */
    KlAuditRow rows[BATCH_ROWS];
} Batch;

/* The batches go round: each thread that reads or takes them goes on from the one it had to the next. */
typedef struct {
    sqlite3 *db;
    gint64 first;
    guint8 before[KL_HASH_SIZE];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    guint next_check;  /* locked, as all that follows */
    gboolean all_read; /* or reading has failed: nothing comes behind what is READ */
    gboolean given_up; /* the taker has */
    GError *error;     /* why reading failed */
    Batch batches[BATCHES];
} Pipe;

static void
set_state(Pipe *pipe, Batch *batch, BatchState state)
{
    pthread_mutex_lock(&pipe->lock);
    batch->state = state;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
}

/* --- reading --- */

/* Keeps the offset in place of the pointer: the bytes may still move. */
static KlAuditSpan
keep_column(Batch *batch, sqlite3_stmt *query, int column)
{
    if (sqlite3_column_type(query, column) == SQLITE_NULL)
        return (KlAuditSpan){NULL, 0};
    const void *data = sqlite3_column_blob(query, column);
    gsize length = (gsize)sqlite3_column_bytes(query, column);
    gsize offset = batch->bytes->len;
    if (length > 0)
        g_byte_array_append(batch->bytes, data, (guint)length);
    return (KlAuditSpan){(const char *)offset + 1, length};
}

static void
settle_span(const Batch *batch, KlAuditSpan *span)
{
    if (span->at != NULL)
        span->at = (const char *)batch->bytes->data + ((gsize)span->at - 1);
}

static void
settle_batch(Batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        KlAuditRow *row = &batch->rows[i];
        settle_span(batch, &row->type);
        settle_span(batch, &row->job);
        settle_span(batch, &row->imei);
        settle_span(batch, &row->body);
        if (row->body.at == NULL)
            row->body.at = "";
    }
}

static void
read_row(Batch *batch, sqlite3_stmt *query, KlAuditRow *row)
{
    row->n = sqlite3_column_int64(query, 0);
    row->type = keep_column(batch, query, 1);
    row->job = keep_column(batch, query, 2);
    row->imei = keep_column(batch, query, 3);
    row->time_us = sqlite3_column_int64(query, 4);
    row->body = keep_column(batch, query, 5);
    const void *hash = sqlite3_column_blob(query, 6);
    row->hash_good = hash != NULL && sqlite3_column_bytes(query, 6) == KL_HASH_SIZE;
    memset(row->hash, 0, KL_HASH_SIZE);
    if (row->hash_good)
        memcpy(row->hash, hash, KL_HASH_SIZE);
}

static gboolean
read_batch(Pipe *pipe, Batch *batch, sqlite3_stmt *query, gboolean *more, GError **error)
{
    batch->count = 0;
    g_byte_array_set_size(batch->bytes, 0);
    memcpy(batch->before, pipe->before, KL_HASH_SIZE);
    while (batch->count < BATCH_ROWS && batch->bytes->len < BATCH_BYTES) {
        if (!kl_next(pipe->db, query, more, error))
            return FALSE;
        if (!*more)
            break;
        read_row(batch, query, &batch->rows[batch->count++]);
    }
    settle_batch(batch);
    if (batch->count > 0)
        memcpy(pipe->before, batch->rows[batch->count - 1].hash, KL_HASH_SIZE);
    return TRUE;
}

/* FALSE: nobody wants more. */
static gboolean
wait_until_free(Pipe *pipe, const Batch *batch)
{
    pthread_mutex_lock(&pipe->lock);
    while (batch->state != FREE && !pipe->given_up)
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    gboolean wanted = !pipe->given_up;
    pthread_mutex_unlock(&pipe->lock);
    return wanted;
}

static void
end_reading(Pipe *pipe, GError *error)
{
    pthread_mutex_lock(&pipe->lock);
    pipe->all_read = TRUE;
    pipe->error = error;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
}

static void *
run_reader(void *data)
{
    Pipe *pipe = data;
    GError *error = NULL;
    gboolean more = TRUE;
    g_autoptr(sqlite3_stmt) query = kl_query(
        pipe->db, &error, "SELECT n, type, job, imei, time_us, body, hash FROM audit_events WHERE n >= ?1 ORDER BY n",
        kl_int(pipe->first));
    for (guint i = 0; query != NULL && more; i = (i + 1) % BATCHES) {
        Batch *batch = &pipe->batches[i];
        if (!wait_until_free(pipe, batch) || !read_batch(pipe, batch, query, &more, &error))
            break;
        if (batch->count > 0)
            set_state(pipe, batch, READ);
    }
    end_reading(pipe, error);
    return NULL;
}

/* --- checking --- */

/* The oldest batch that nobody has checked; NULL: there will be none. */
static Batch *
take_read(Pipe *pipe)
{
    Batch *batch = NULL;
    pthread_mutex_lock(&pipe->lock);
    while (batch == NULL && !pipe->given_up) {
        Batch *next = &pipe->batches[pipe->next_check];
        if (next->state == READ) {
            next->state = CHECKING;
            pipe->next_check = (pipe->next_check + 1) % BATCHES;
            batch = next;
        } else if (pipe->all_read) {
            break;
        } else {
            pthread_cond_wait(&pipe->changed, &pipe->lock);
        }
    }
    pthread_mutex_unlock(&pipe->lock);
    return batch;
}

static void *
run_checker(void *data)
{
    Pipe *pipe = data;
    for (Batch *batch; (batch = take_read(pipe)) != NULL;) {
        for (guint i = 0; i < batch->count; i++)
            kl_audit_row_check(&batch->rows[i], i == 0 ? batch->before : batch->rows[i - 1].hash);
        set_state(pipe, batch, CHECKED);
    }
    return NULL;
}

/* --- taking --- */

/* FALSE: there is no more. */
static gboolean
wait_until_checked(Pipe *pipe, const Batch *batch)
{
    pthread_mutex_lock(&pipe->lock);
    while (batch->state != CHECKED && !(pipe->all_read && batch->state == FREE))
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    gboolean there = batch->state == CHECKED;
    pthread_mutex_unlock(&pipe->lock);
    return there;
}

static gboolean
take_all(Pipe *pipe, KlAuditRowCall call, gpointer data, GError **error)
{
    gboolean ok = TRUE;
    for (guint i = 0; ok && wait_until_checked(pipe, &pipe->batches[i]); i = (i + 1) % BATCHES) {
        Batch *batch = &pipe->batches[i];
        for (guint row = 0; ok && row < batch->count; row++)
            ok = call(&batch->rows[row], data, error);
        set_state(pipe, batch, FREE);
    }
    pthread_mutex_lock(&pipe->lock);
    pipe->given_up = TRUE;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    return ok;
}

static Pipe *
pipe_new(sqlite3 *db, gint64 first, const guint8 before[KL_HASH_SIZE])
{
    Pipe *pipe = g_new0(Pipe, 1);
    pipe->db = db;
    pipe->first = first;
    memcpy(pipe->before, before, KL_HASH_SIZE);
    pthread_mutex_init(&pipe->lock, NULL);
    pthread_cond_init(&pipe->changed, NULL);
    for (guint i = 0; i < BATCHES; i++)
        pipe->batches[i].bytes = g_byte_array_new();
    return pipe;
}

static void
pipe_free(Pipe *pipe)
{
    for (guint i = 0; i < BATCHES; i++)
        g_byte_array_unref(pipe->batches[i].bytes);
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->lock);
    g_free(pipe);
}

gboolean
kl_audit_events_read(sqlite3 *db, gint64 first, const guint8 before[KL_HASH_SIZE], KlAuditRowCall call, gpointer data,
                     GError **error)
{
    Pipe *pipe = pipe_new(db, first, before);
    pthread_t threads[1 + CHECKERS];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
        int failed = pthread_create(&threads[i], NULL, i == 0 ? run_reader : run_checker, pipe);
        g_assert(failed == 0);
    }
    gboolean ok = take_all(pipe, call, data, error);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    if (ok && pipe->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&pipe->error));
        ok = FALSE;
    }
    g_clear_error(&pipe->error);
    pipe_free(pipe);
    return ok;
}
