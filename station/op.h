/* One blocking operation: until when it may run, how it is stopped, what it reports and what it cost.
 * Every blocking contract function (driver, signer, transport) takes one. Belongs to one thread. */
#pragma once

#include <gio/gio.h>

#include "station/transcript.h"

G_BEGIN_DECLS

typedef struct {
    gint64 deadline_us;       /* g_get_monotonic_time() after which the operation must give up; 0: none */
    GCancellable *cancel;     /* borrowed, may be NULL */
    KlTranscript *transcript; /* borrowed, may be NULL: every byte on the wire goes here */
    void (*progress)(double fraction, gpointer data); /* may be NULL; fraction 0..1 of this operation */
    gpointer progress_data;
    gint64 device_us; /* grows by the time spent waiting for the device */
} KlOp;

/* FALSE with CANCELLED when the operation was stopped, with STEP_TIMEOUT when its deadline has passed. */
gboolean kl_op_check(const KlOp *op, GError **error);

/* The earlier of now + timeout_ms and the operation's deadline, as g_get_monotonic_time(). */
gint64 kl_op_until(const KlOp *op, guint timeout_ms);

/* Moves the deadline by time that was spent on something which it does not bound. */
void kl_op_extend(KlOp *op, gint64 by_us);

/* Reports the fraction done, 0..1. */
void kl_op_progress(const KlOp *op, double fraction);

G_END_DECLS
