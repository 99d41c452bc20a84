/* Who works, on which order, how it goes. */
#include "gui/session_private.h"

const char *
kl_session_operator(KlSession *session)
{
    return session->operator_id;
}

void
kl_session_keep_sign(gpointer act, gpointer data)
{
    g_autoptr(KlAct) sign = act;
    g_autoptr(GError) error = NULL;
    KlStore *store = kl_station_store(KL_SESSION(data)->station);
    if (!store->klass->add_act(store, sign, &error))
        g_warning("%s of %s is not recorded: %s", sign->what, sign->who, error->message);
    else if (g_str_equal(sign->what, "sign-off") && !store->klass->checkpoint(store, "shift", NULL, &error))
        g_warning("no checkpoint at the end of the shift: %s", error->message);
}

/* Not here: its commit waits for the disk, behind those of all slots. */
void
kl_session_note(KlSession *session, const char *what)
{
    KlAct *sign = g_new0(KlAct, 1);
    sign->who = g_strdup(session->operator_id);
    sign->role = g_strdup("operator");
    sign->what = g_strdup(what);
    g_thread_pool_push(session->signs, sign, NULL);
}

void
kl_session_sign_on(KlSession *session, const char *operator_id)
{
    g_autofree char *mine = g_strdup(operator_id);
    if (g_strcmp0(operator_id, session->operator_id) != 0)
        kl_session_disarm(session);
    g_free(session->operator_id);
    session->operator_id = g_steal_pointer(&mine);
    session->since_us = g_get_real_time();
    kl_session_note(session, "sign-on");
    kl_session_count(session);
    kl_session_tell_changed(session);
}

void
kl_session_sign_off(KlSession *session)
{
    if (session->operator_id == NULL)
        return;
    kl_session_disarm(session);
    kl_session_note(session, "sign-off");
    g_clear_pointer(&session->operator_id, g_free);
    kl_session_tell_changed(session);
}

gboolean
kl_session_auditor(KlSession *session)
{
    return session->auditor;
}

void
kl_session_set_auditor(KlSession *session, gboolean auditor)
{
    if (auditor)
        kl_session_disarm(session);
    session->auditor = auditor;
    kl_session_tell_changed(session);
}

const char *
kl_session_work_order(KlSession *session)
{
    return session->work_order;
}

void
kl_session_set_work_order(KlSession *session, const char *work_order, guint target)
{
    g_autofree char *mine = g_strdup(work_order);
    if (g_strcmp0(work_order, session->work_order) != 0)
        kl_session_disarm(session);
    g_free(session->work_order);
    session->work_order = g_steal_pointer(&mine);
    session->target = target;
    session->counters = (KlCounters){.target = target};
    kl_session_count(session);
    kl_session_tell_changed(session);
}

KlCounters
kl_session_counters(KlSession *session)
{
    return session->counters;
}

gboolean
kl_session_record_act(KlSession *session, const char *role, const char *what, const char *subject, const char *reason,
                      GError **error)
{
    KlAct act = {.who = session->operator_id,
                 .role = (char *)role,
                 .what = (char *)what,
                 .subject = (char *)subject,
                 .reason = (char *)reason};
    KlStore *store = kl_station_store(session->station);
    return store->klass->add_act(store, &act, error);
}

/* What a count is about, and what came of it. */
typedef struct {
    KlStore *reader;
    char *work_order;
    gint64 since_us;
    KlCounters counters;
} Count;

static void
count_free(gpointer data)
{
    Count *count = data;
    g_free(count->work_order);
    g_free(count);
}

static void
count_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    Count *count = data;
    GError *error = NULL;
    KlStatisticsRequest all = {.from_us = count->work_order == NULL ? count->since_us : 0,
                               .work_order = count->work_order};
    KlStatisticsRequest hour = {.from_us = g_get_real_time() - G_TIME_SPAN_HOUR, .work_order = count->work_order};
    g_autoptr(KlStatistics) total = count->reader->klass->statistics(count->reader, &all, &error);
    g_autoptr(KlStatistics) recent =
        total != NULL ? count->reader->klass->statistics(count->reader, &hour, &error) : NULL;
    if (recent == NULL) {
        g_task_return_error(task, error);
        return;
    }
    count->counters.passed = total->passed_units;
    count->counters.failed = total->failed_jobs;
    count->counters.units = total->units;
    count->counters.first_pass = total->first_pass_units;
    count->counters.per_hour = recent->passed_units;
    g_task_return_boolean(task, TRUE);
}

static void
counted(GObject *source, GAsyncResult *result, gpointer data)
{
    KlSession *session = KL_SESSION(source);
    g_autoptr(GError) error = NULL;
    const Count *count = g_task_get_task_data(G_TASK(result));
    session->counting = FALSE;
    if (!g_task_propagate_boolean(G_TASK(result), &error)) {
        g_warning("the counters are not up to date: %s", error->message);
        return;
    }
    if (g_strcmp0(count->work_order, session->work_order) == 0) {
        guint target = session->target;
        session->counters = count->counters;
        session->counters.target = target;
        kl_session_tell_changed(session);
    }
    if (session->count_again)
        kl_session_count(session);
}

/* One count at a time: what happens meanwhile is counted by the next. */
void
kl_session_count(KlSession *session)
{
    session->count_again = session->counting;
    if (session->counting || session->reader == NULL)
        return;
    session->counting = TRUE;
    Count *count = g_new0(Count, 1);
    count->reader = session->statistics_reader;
    count->work_order = g_strdup(session->work_order);
    count->since_us = session->since_us;
    g_autoptr(GTask) task = g_task_new(session, NULL, counted, NULL);
    g_task_set_task_data(task, count, count_free);
    g_task_run_in_thread(task, count_in_thread);
}
