/* The USB bus, as far as the window needs it. */
#include "gui/session_private.h"

static gboolean
tell(gpointer data)
{
    KlSession *session = data;
    g_atomic_int_set(&session->bus_told, FALSE);
    g_signal_emit_by_name(session, "bus-changed");
    return G_SOURCE_REMOVE;
}

/* On the bus's thread. The line looks at once; the window is told once for all that comes together. */
static void
on_change(gpointer data)
{
    KlSession *session = data;
    kl_line_poke(session->line);
    if (g_atomic_int_compare_and_exchange(&session->bus_told, FALSE, TRUE))
        g_idle_add_full(G_PRIORITY_DEFAULT, tell, g_object_ref(session), g_object_unref);
}

KlBus *
kl_session_bus(KlSession *session, GError **error)
{
    if (session->bus != NULL)
        return session->bus;
    if (session->line == NULL) {
        kl_fail(error, KL_ERROR_STATION_STOPPED, "the station is being closed");
        return NULL;
    }
    session->bus = kl_station_bus(session->station, error);
    if (session->bus != NULL)
        session->bus->klass->watch(session->bus, on_change, session);
    return session->bus;
}

void
kl_session_leave_bus(KlSession *session)
{
    if (session->bus != NULL)
        session->bus->klass->watch(session->bus, NULL, NULL);
    session->bus = NULL;
}

gboolean
kl_session_uses_bus(KlSession *session)
{
    const GPtrArray *slots = kl_station_config(session->station)->slots;
    for (guint i = 0; i < slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(slots, i);
        if (g_str_has_prefix(slot->agent, "usb:"))
            return TRUE;
    }
    return FALSE;
}

static void
look_in_thread(GTask *task, gpointer source, gpointer bus, GCancellable *cancel)
{
    GError *error = NULL;
    GPtrArray *devices = ((KlBus *)bus)->klass->devices(bus, &error);
    if (devices != NULL)
        g_task_return_pointer(task, devices, (GDestroyNotify)g_ptr_array_unref);
    else
        g_task_return_error(task, error);
}

void
kl_session_look(KlSession *session, GCancellable *cancel, GAsyncReadyCallback done, gpointer data)
{
    GError *error = NULL;
    KlBus *bus = kl_session_bus(session, &error);
    g_autoptr(GTask) task = g_task_new(session, cancel, done, data);
    if (bus == NULL) {
        g_task_return_error(task, error);
        return;
    }
    g_task_set_task_data(task, bus, NULL);
    g_task_run_in_thread(task, look_in_thread);
}

GPtrArray *
kl_session_look_finish(GAsyncResult *result, GError **error)
{
    return g_task_propagate_pointer(G_TASK(result), error);
}
