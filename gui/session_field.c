/* Units in the field, where a cloud has to be asked how they are. */
#include "gui/session_private.h"

/* How long that may take. */
#define ASK_US (15 * G_USEC_PER_SEC)

static gboolean
ask(const KlStation *station, const char *device, GCancellable *cancel, GError **error)
{
    const char *const devices[] = {device, NULL};
    KlOp op = {.deadline_us = g_get_monotonic_time() + ASK_US, .cancel = cancel};
    g_auto(KlFieldAsked) asked = {0};
    if (!kl_station_ask_field(station, devices, NULL, &op, &asked, error))
        return FALSE;
    if (asked.n_problems == 0)
        return TRUE;
    const KlCloudRow *said = asked.problems->pdata[0];
    g_propagate_error(error, g_error_copy(said->problem));
    return FALSE;
}

static void
ask_in_thread(GTask *task, gpointer session, gpointer device, GCancellable *cancel)
{
    GError *error = NULL;
    if (ask(kl_session_station(session), device, cancel, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

void
kl_session_ask_field(KlSession *session, const char *device, GCancellable *cancel, GAsyncReadyCallback done,
                     gpointer data)
{
    g_autoptr(GTask) task = g_task_new(session, cancel, done, data);
    g_task_set_task_data(task, g_strdup(device), g_free);
    g_task_run_in_thread(task, ask_in_thread);
}

gboolean
kl_session_ask_field_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_boolean(G_TASK(result), error);
}
