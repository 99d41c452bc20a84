#include "db/store_thread.h"

#include <pthread.h>

#include "db/database.h"
#include "station/error.h"
#include "station/queue.h"

/* How many calls one turn of the thread takes together at most. */
#define TURN_MAX 128

struct KlStoreThread {
    sqlite3 *db; /* the thread's alone */
    KlQueue *queue;
    pthread_mutex_t mutex; /* guards Call.done of every call */
    pthread_t thread;
};

/* Lives on the stack of the caller that waits for it. The store thread must not touch it once done is set and the mutex
 * released. */
typedef struct {
    KlStoreAccess access;
    KlStoreWork work;
    gpointer data;
    gboolean ok;
    GError *error;
    gboolean done;
    pthread_cond_t finished;
} Call;

static void
finish(KlStoreThread *self, Call *call)
{
    pthread_mutex_lock(&self->mutex);
    call->done = TRUE;
    pthread_cond_signal(&call->finished);
    pthread_mutex_unlock(&self->mutex);
}

static void
roll_back(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db))
        kl_database_exec(db, "ROLLBACK", NULL);
}

/* All of one call's queries see the same state of the database, whatever other programs write meanwhile. */
static void
answer_read(KlStoreThread *self, Call *call)
{
    call->ok = kl_database_exec(self->db, "BEGIN", &call->error) && call->work(self->db, call->data, &call->error);
    roll_back(self->db);
    finish(self, call);
}

/* FALSE when the whole transaction is lost; a call that only failed by itself is undone, and the others go on. */
static gboolean
run_in_savepoint(sqlite3 *db, Call *call, GError **error)
{
    if (!kl_database_exec(db, "SAVEPOINT one_call", error))
        return FALSE;
    call->ok = call->work(db, call->data, &call->error);
    if (sqlite3_get_autocommit(db)) {
        /* SQLite itself has given the transaction up, as it may on a full disk or an I/O error. */
        const char *why = call->error != NULL ? call->error->message : "SQLite rolled back";
        KlErrorCode code = call->error != NULL ? kl_error_code(call->error) : KL_ERROR_STORE_FAILED;
        return kl_fail(error, code, "%s", why);
    }
    if (!call->ok && !kl_database_exec(db, "ROLLBACK TO one_call", error))
        return FALSE;
    return kl_database_exec(db, "RELEASE one_call", error);
}

/* Undone with its transaction. */
static gboolean
run_alone(sqlite3 *db, Call *call, GError **error)
{
    call->ok = call->work(db, call->data, &call->error);
    if (!call->ok)
        g_propagate_error(error, g_steal_pointer(&call->error));
    return call->ok;
}

static gboolean
run_in_transaction(sqlite3 *db, GPtrArray *calls, GError **error)
{
    if (!kl_database_in_place(db, error) || !kl_database_exec(db, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (calls->len == 1 && !run_alone(db, g_ptr_array_index(calls, 0), error))
        return FALSE;
    for (guint i = 0; i < calls->len && calls->len > 1; i++) {
        if (!run_in_savepoint(db, g_ptr_array_index(calls, i), error))
            return FALSE;
    }
    return kl_database_exec(db, "COMMIT", error);
}

static void
commit_together(KlStoreThread *self, GPtrArray *calls)
{
    g_autoptr(GError) error = NULL;
    if (!run_in_transaction(self->db, calls, &error)) {
        roll_back(self->db);
        for (guint i = 0; i < calls->len; i++) {
            Call *call = g_ptr_array_index(calls, i);
            call->ok = FALSE;
            if (call->error == NULL)
                call->error = g_error_copy(error);
        }
    }
    for (guint i = 0; i < calls->len; i++)
        finish(self, g_ptr_array_index(calls, i));
    g_ptr_array_set_size(calls, 0);
}

/* A turn takes whatever has piled up while the one before was committing: the slower the disk, the larger the group. */
static void *
serve(void *data)
{
    KlStoreThread *self = data;
    g_autoptr(GPtrArray) writes = g_ptr_array_new(), alone = g_ptr_array_new();
    Call *call;

    while ((call = kl_queue_pop(self->queue, G_MAXINT64)) != NULL) {
        for (guint taken = 1; call != NULL; taken++) {
            if (call->access == KL_STORE_READ)
                answer_read(self, call);
            else
                g_ptr_array_add(call->access == KL_STORE_WRITE ? writes : alone, call);
            if (alone->len > 0)
                commit_together(self, alone);
            call = taken < TURN_MAX ? kl_queue_pop(self->queue, 0) : NULL;
        }
        if (writes->len > 0)
            commit_together(self, writes);
    }
    return NULL;
}

static void
dispose(KlStoreThread *self)
{
    kl_queue_free(self->queue);
    pthread_mutex_destroy(&self->mutex);
    kl_database_close(self->db);
    g_free(self);
}

KlStoreThread *
kl_store_thread_new(sqlite3 *db, GError **error)
{
    KlStoreThread *self = g_new0(KlStoreThread, 1);
    self->db = db;
    self->queue = kl_queue_new(NULL);
    pthread_mutex_init(&self->mutex, NULL);
    int result = pthread_create(&self->thread, NULL, serve, self);
    if (result == 0)
        return self;
    dispose(self);
    kl_fail(error, KL_ERROR_STORE_FAILED, "no thread for the store: %s", g_strerror(result));
    return NULL;
}

void
kl_store_thread_free(KlStoreThread *self)
{
    if (self == NULL)
        return;
    kl_queue_close(self->queue);
    pthread_join(self->thread, NULL);
    dispose(self);
}

gboolean
kl_store_thread_run(KlStoreThread *self, KlStoreAccess access, KlStoreWork work, gpointer data, GError **error)
{
    Call call = {.access = access, .work = work, .data = data, .finished = PTHREAD_COND_INITIALIZER};
    if (!kl_queue_push(self->queue, &call))
        return kl_fail(error, KL_ERROR_INTERNAL, "the store is closed");

    pthread_mutex_lock(&self->mutex);
    while (!call.done)
        pthread_cond_wait(&call.finished, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    pthread_cond_destroy(&call.finished);
    if (!call.ok)
        g_propagate_error(error, call.error);
    return call.ok;
}
