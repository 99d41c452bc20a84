/* What has to be there before the line starts. */
#include "station/station_rehearsal.h"

/* A line that is about to start does not wait longer for an answer. */
#define LOOK_US (5 * G_USEC_PER_SEC)

static gboolean
firmware_is_there(const KlStation *station, GError **error)
{
    const KlProfile *profile = kl_station_profile(station);
    const char *table = kl_station_config(station)->aws.firmware_table;
    KlSink *sink = kl_station_bench(station)->sink;
    KlOp op = {.deadline_us = g_get_monotonic_time() + LOOK_US};
    g_autoptr(GError) failure = NULL;
    gboolean found = FALSE;
    if (sink == NULL || table == NULL)
        return TRUE;
    if (sink->klass->has_firmware(sink, profile->registration_firmware, &found, &op, &failure))
        return found ||
               kl_fail(error, KL_ERROR_FIRMWARE_MISSING, "product %s: [registration] firmware=%s is not in table %s",
                       profile->name, profile->registration_firmware, table);
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_CLOUD_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_message("whether firmware %s is in table %s is not known; the line starts all the same: %s: %s",
              profile->registration_firmware, table, kl_error_name(kl_error_code(failure)), failure->message);
    return TRUE;
}

gboolean
kl_station_ready(const KlStation *station, GError **error)
{
    return firmware_is_there(station, error) && kl_station_rehearsal_ready(station, error);
}
