/* A gate with so many places behind it: who comes first enters first. On pthreads, so that ThreadSanitizer can judge
 * it. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct KlGate KlGate;

/* places: how many may be behind it at once; 0: any number. */
KlGate *kl_gate_new(guint places);
void kl_gate_free(KlGate *gate);

/* Waits for a place, however long that takes; FALSE with CANCELLED. NULL gate: enters at once. */
gboolean kl_gate_enter(KlGate *gate, GCancellable *cancel, GError **error);

/* Gives the place back. */
void kl_gate_leave(KlGate *gate);

/* How many wait. */
guint kl_gate_waiting(KlGate *gate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlGate, kl_gate_free)

G_END_DECLS
