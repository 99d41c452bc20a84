/* Threads that work through chains of items, many chains at a time and the items of one chain in their order. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlWorkers KlWorkers;

/* What is done with a chain, in any of the threads. */
typedef void (*KlWork)(gpointer chain, gpointer data);

KlWorkers *kl_workers_new(guint threads, gpointer data);
void kl_workers_free(KlWorkers *workers);

/* Has all of the chains worked through, which are borrowed until each of them was given back by kl_workers_done(). */
void kl_workers_start(KlWorkers *workers, KlWork work, GPtrArray *chains);

/* A chain that is done; NULL: none is that was not given back before. */
gpointer kl_workers_done(KlWorkers *workers);

/* Waits until there is one; or by the descriptor, which is readable then. */
void kl_workers_wait(KlWorkers *workers);
int kl_workers_fd(const KlWorkers *workers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlWorkers, kl_workers_free)

G_END_DECLS
