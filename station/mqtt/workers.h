/* Threads that work through chains of items, many chains at a time and the items of one chain in their order. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlWorkers KlWorkers;

/* work is called, in any of the threads, with a chain. */
KlWorkers *kl_workers_new(guint threads, void (*work)(gpointer chain, gpointer data), gpointer data);
void kl_workers_free(KlWorkers *workers);

/* Has all of the chains worked through, and waits until that is done. */
void kl_workers_run(KlWorkers *workers, GPtrArray *chains);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlWorkers, kl_workers_free)

G_END_DECLS
