#include "station/op.h"

#include "station/error.h"

gboolean
kl_op_check(const KlOp *op, GError **error)
{
    if (op->cancel != NULL && g_cancellable_is_cancelled(op->cancel))
        return kl_fail(error, KL_ERROR_CANCELLED, "stopped");
    if (op->deadline_us != 0 && g_get_monotonic_time() >= op->deadline_us)
        return kl_fail(error, KL_ERROR_STEP_TIMEOUT, "the operation's time is up");
    return TRUE;
}

gint64
kl_op_until(const KlOp *op, guint timeout_ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    return op->deadline_us != 0 ? MIN(until, op->deadline_us) : until;
}

void
kl_op_extend(KlOp *op, gint64 by_us)
{
    if (op->deadline_us != 0)
        op->deadline_us += by_us;
}

void
kl_op_progress(const KlOp *op, double fraction)
{
    if (op->progress != NULL)
        op->progress(CLAMP(fraction, 0.0, 1.0), op->progress_data);
}
