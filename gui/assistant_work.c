#include "gui/assistant_work.h"

#include "station/station.h"
#include "station/supervisor.h"

void
kl_station_request_free(KlStationRequest *request)
{
    g_free(request->dir);
    g_free(request->name);
    g_free(request->line_file);
    kl_secret_free(request->pin);
    kl_ca_request_free(request->ca);
    g_free(request);
}

static gboolean
keep_pin(const KlStationRequest *request, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(request->dir, KL_STATION_RUN, NULL, error);
    if (station == NULL)
        return FALSE;
    KlStore *store = kl_station_store(station);
    const KlAct act = {.role = (char *)"engineer", .what = (char *)"pin", .subject = (char *)"first"};
    return kl_supervisor_set_pin(store, request->pin, error) && store->klass->add_act(store, &act, error);
}

void
kl_station_request_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    const KlStationRequest *request = data;
    GError *error = NULL;
    if (kl_station_setup(request->dir, request->name, request->line_file, &error) && keep_pin(request, &error) &&
        kl_ca_request_run(request->ca, request->dir, &error) &&
        kl_station_note_act(request->dir, request->ca->name != NULL ? "ca-create" : "ca-import", request->ca->name,
                            NULL, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}
