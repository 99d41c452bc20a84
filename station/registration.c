#include "station/registration.h"

#include "station/json_member.h"

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

KlRegistration *
kl_registration_copy(const KlRegistration *row)
{
    KlRegistration *copy = g_new0(KlRegistration, 1);
    copy->device = g_strdup(row->device);
    copy->registered = g_strdup(row->registered);
    copy->policy = g_strdup(row->policy);
    copy->firmware = g_strdup(row->firmware);
    copy->parameters = g_strdup(row->parameters);
    copy->version = row->version;
    copy->connections = row->connections;
    return copy;
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

char *
kl_parameters_topic(const char *parameters)
{
    g_autoptr(JsonNode) root = json_from_string(parameters, NULL);
    if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    return g_strdup(kl_member_text(json_node_get_object(root), "topic"));
}
