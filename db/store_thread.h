/* The one thread that owns the database connection, and the calls that other threads have it make.
 *
 * A caller hands over a piece of work and waits until it is done. Work that changes something is done inside a
 * transaction that it may share with the work of other callers (group commit: many slots, one fsync); a savepoint
 * around each of several keeps the failure of one from touching the others. Nobody who writes is told "done" before the
 * COMMIT has succeeded, and if it fails, everybody in it is told so. */
#pragma once

#include <glib.h>
#include <sqlite3.h>

G_BEGIN_DECLS

typedef struct KlStoreThread KlStoreThread;

/* Runs on the store thread, in a transaction: statements only, no BEGIN or COMMIT. FALSE with an error undoes all that
 * it did. */
typedef gboolean (*KlStoreWork)(sqlite3 *db, gpointer data, GError **error);

typedef enum {
    KL_STORE_READ,
    KL_STORE_WRITE,
    KL_STORE_WRITE_ALONE, /* shares its transaction with nobody: for many changes, which savepoints make slow */
} KlStoreAccess;

/* Starts the thread. Takes the connection over and closes it in the end, also when there can be no thread (NULL,
 * STORE_FAILED). */
KlStoreThread *kl_store_thread_new(sqlite3 *db, GError **error);

/* Waits for work under way, closes the connection. Later calls are an error of the caller's. */
void kl_store_thread_free(KlStoreThread *self);

/* Has the work done and waits. TRUE: done, and, unless it only reads, committed durably. What work left in data is to
 * be thrown away on FALSE: the work may have succeeded and the commit failed. Safe from any thread but the store's own.
 */
gboolean kl_store_thread_run(KlStoreThread *self, KlStoreAccess access, KlStoreWork work, gpointer data,
                             GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStoreThread, kl_store_thread_free)

G_END_DECLS
