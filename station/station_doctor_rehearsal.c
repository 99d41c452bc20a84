/* The doctor's look at the rehearsal of first boots. */
#include "station/i18n.h"
#include "station/station_doctor.h"
#include "station/station_rehearsal.h"

/* A station that is only looked at starts no broker: who runs the line may have its port. */
static gboolean
try_broker(const KlDoctor *doctor, GError **error)
{
    if (doctor->running != NULL && kl_station_unlocked(doctor->running))
        return kl_station_rehearsal_ready(doctor->running, error);
    return kl_station_rehearsal_check(doctor->config, doctor->profile, error) &&
           kl_station_rehearsal_find(doctor->config, error);
}

void
kl_doctor_rehearsal(KlDoctor *doctor)
{
    const KlRehearsalSection *section = &doctor->config->rehearsal;
    GError *error = NULL;
    if (doctor->profile == NULL || !doctor->profile->rehearse)
        return;
    if (!try_broker(doctor, &error))
        kl_doctor_bad(doctor, N_("Rehearsal"), error);
    else
        kl_doctor_good(doctor, N_("Rehearsal"), NULL, N_("the broker is there; units reach it at %s"),
                       section->host != NULL ? section->host : section->listen);
}
