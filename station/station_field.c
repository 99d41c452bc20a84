/* Asking the cloud how units in the field are, for a station that works and for one that is only looked at. */
#include "station/station_cloud.h"

gboolean
kl_station_ask_field(const KlStation *station, const char *const *devices, const KlFieldWatch *watch, KlOp *op,
                     KlFieldAsked *asked, GError **error)
{
    const KlConfig *config = kl_station_config(station);
    const KlFieldQuestion question = {config->aws.registration_table, config->aws.connections_alarm, devices,
                                      watch != NULL ? watch->told : NULL, watch != NULL ? watch->data : NULL};
    KlSink *sink = kl_station_bench(station)->sink;
    *asked = (KlFieldAsked){0};
    if (!config->aws.on)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "station.conf has no [aws] group: the rows here are the ones that first boot changes");
    if (sink != NULL)
        return kl_field_ask(kl_station_store(station), sink, &question, op, asked, error);
    g_autoptr(KlStationCloud) cloud = kl_station_cloud_new(config, error);
    g_autoptr(KlStore) store = cloud != NULL ? kl_station_open_writer(station, error) : NULL;
    return store != NULL && kl_field_ask(store, cloud->sink, &question, op, asked, error);
}
