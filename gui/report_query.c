#include "gui/report_query.h"

typedef struct {
    KlSession *session;
    KlPeriod period;
    char *work_order;
    guint target;
    GDateTime *now;
} Query;

static void
query_free(Query *query)
{
    g_clear_object(&query->session);
    g_free(query->work_order);
    g_date_time_unref(query->now);
    g_free(query);
}

static void
ask(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const Query *query = data;
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_session_statistics_reader(query->session);
    KlStatisticsRequest request = {.work_order = query->work_order};
    kl_period_bounds(query->period, query->now, &request.from_us, &request.to_us);
    KlStatistics *statistics = store->klass->statistics(store, &request, &error);
    if (statistics == NULL) {
        g_task_return_error(task, g_steal_pointer(&error));
        return;
    }
    const char *station = kl_station_config(kl_session_station(query->session))->name;
    g_task_return_pointer(
        task, kl_report_new(station, query->work_order, query->period, query->now, query->target, statistics),
        (GDestroyNotify)kl_report_free);
}

void
kl_report_query(KlSession *session, KlPeriod period, const char *work_order, guint target, GObject *source,
                GAsyncReadyCallback done, gpointer data)
{
    g_autoptr(GTask) task = g_task_new(source, NULL, done, data);
    Query *query = g_new0(Query, 1);
    query->session = g_object_ref(session);
    query->period = period;
    query->work_order = g_strdup(work_order);
    query->target = target;
    query->now = g_date_time_new_now_local();
    g_task_set_task_data(task, query, (GDestroyNotify)query_free);
    g_task_run_in_thread(task, ask);
}

KlReport *
kl_report_query_finish(GAsyncResult *result, GError **error)
{
    /* The thread may let go of the task last, and the session has to end in this one. */
    Query *query = g_task_get_task_data(G_TASK(result));
    g_clear_object(&query->session);
    return g_task_propagate_pointer(G_TASK(result), error);
}
