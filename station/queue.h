/* A first-in first-out queue of pointers between threads, on pthreads so that ThreadSanitizer can judge it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlQueue KlQueue;

/* free_item (may be NULL) frees what is still queued when the queue is freed. */
KlQueue *kl_queue_new(GDestroyNotify free_item);
void kl_queue_free(KlQueue *queue);

/* Appends an item (not NULL); ownership passes to whoever pops it. Returns FALSE, and leaves the item with the caller,
 * when the queue is closed. */
gboolean kl_queue_push(KlQueue *queue, gpointer item);

/* Takes the oldest item. Waits until until_us (monotonic; G_MAXINT64: for ever; 0: not at all). NULL: nothing came in
 * time, or the queue is closed and empty. */
gpointer kl_queue_pop(KlQueue *queue, gint64 until_us);

/* TRUE when the queue was closed and nothing is left in it. */
gboolean kl_queue_closed(KlQueue *queue);

/* No more items are taken in; poppers get what is left and then NULL. */
void kl_queue_close(KlQueue *queue);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlQueue, kl_queue_free)

G_END_DECLS
