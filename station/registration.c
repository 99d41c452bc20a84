#include "station/registration.h"

KlRegistration *
kl_registration_new(const KlProfile *profile, const char *device_id)
{
    /* A device id has no character that JSON would have to escape (kl_device_id_valid). */
    GString *parameters = g_string_new(profile->parameters);
    g_string_replace(parameters, "DEVICE_ID", device_id, 0);

    KlRegistration *row = g_new0(KlRegistration, 1);
    row->device = g_strdup(device_id);
    row->registered = g_strdup("false");
    row->policy = g_strdup(profile->policy);
    row->firmware = g_strdup(profile->registration_firmware);
    row->parameters = g_string_free(parameters, FALSE);
    return row;
}

void
kl_registration_free(KlRegistration *row)
{
    if (row == NULL)
        return;
    g_free(row->device);
    g_free(row->registered);
    g_free(row->policy);
    g_free(row->firmware);
    g_free(row->parameters);
    g_free(row);
}
