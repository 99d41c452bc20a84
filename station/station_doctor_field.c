/* The doctor's look at units in the field. */
#include "db/store_sqlite.h"
#include "station/i18n.h"
#include "station/station_doctor.h"
#include "station/station_private.h"

#define ALARMS_MOST 1000

static void
tell_alarms(KlDoctor *doctor, const GPtrArray *alarms)
{
    const KlFieldUnit *first = alarms->pdata[0];
    if (alarms->len == 1)
        kl_doctor_good(
            doctor, N_("Units in the field"),
            N_("Somebody may have its credentials. See keyline registry show; if the unit itself does not ask "
               "so often, revoke its certificate or provision it anew."),
            N_("%s has too many connections: %d"), first->row->device, (int)MIN(first->row->connections, G_MAXINT));
    else
        kl_doctor_good(
            doctor, N_("Units in the field"),
            N_("Somebody may have their credentials. See keyline registry list --alarms; where the unit itself "
               "does not ask so often, revoke its certificate or provision it anew."),
            N_("%d units have too many connections, %s among them"), (int)alarms->len, first->row->device);
}

/* Nothing as long as no unit is known to be activated. A database that can't be read is told by its own finding. */
void
kl_doctor_field(KlDoctor *doctor)
{
    const char *cloud = doctor->config != NULL ? kl_config_field_table(doctor->config) : NULL;
    const KlFieldFilter alarming = {.cloud = cloud, .state = -1, .alarms = TRUE, .limit = ALARMS_MOST};
    const KlFieldFilter active = {.cloud = cloud, .state = KL_FIELD_OK, .limit = 1};
    g_autofree char *path = kl_station_database_path(doctor->dir);
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, TRUE, NULL);
    if (store == NULL)
        return;
    g_autoptr(GPtrArray) alarms = store->klass->field(store, &alarming, NULL);
    g_autoptr(GPtrArray) activated = store->klass->field(store, &active, NULL);
    if (alarms != NULL && alarms->len > 0)
        tell_alarms(doctor, alarms);
    else if (activated != NULL && activated->len > 0)
        kl_doctor_good(doctor, N_("Units in the field"), NULL,
                       cloud == NULL ? N_("none has too many connections")
                                     : N_("none had too many connections when the cloud was asked last"));
}
