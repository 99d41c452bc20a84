#include "station/activation/topic.h"

#include <string.h>

/* The topics below bs/device/ID and dm/device/ID that mean something. */
static const struct {
    const char *root;
    const char *rest;
    KlTopicKind kind;
} topics[] = {
    {"bs", "register/request", KL_TOPIC_REQUEST},
    {"bs", "register/ok", KL_TOPIC_CONFIRM},
    {"bs", "credentials/certificate", KL_TOPIC_OWN},
    {"bs", "credentials/key", KL_TOPIC_OWN},
    {"bs", "parameters/", KL_TOPIC_OWN},
    {"bs", "parameters/topic", KL_TOPIC_OWN},
    {"dm", "version/request", KL_TOPIC_SOFTWARE},
    {"dm", "update/request", KL_TOPIC_SOFTWARE},
    {"dm", "update/ok", KL_TOPIC_VERSION},
    {"dm", "update/", KL_TOPIC_OWN},
    {"dm", "update/parameters/", KL_TOPIC_OWN},
};

const char *const kl_topic_filters[] = {
    "bs/device/+/register/request", "bs/device/+/register/ok", "dm/device/+/version/request",
    "dm/device/+/update/request",   "dm/device/+/update/ok",   NULL,
};

static gboolean
is_device(const char *text, gsize length)
{
    if (length == 0 || length > KL_ACTIVATION_DEVICE_MAX)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && strchr(".:_-", text[i]) == NULL)
            return FALSE;
    }
    return TRUE;
}

KlTopic
kl_topic_parse(const char *topic)
{
    static const char device_level[] = "/device/";
    KlTopic parsed = {KL_TOPIC_NONE, ""};
    const char *level = strchr(topic, '/');
    if (level == NULL || !g_str_has_prefix(level, device_level))
        return parsed;
    const char *device = level + strlen(device_level);
    const char *end = strchr(device, '/');
    if (end == NULL || !is_device(device, (gsize)(end - device)))
        return parsed;
    for (guint i = 0; i < G_N_ELEMENTS(topics); i++) {
        gsize root = strlen(topics[i].root);
        if ((gsize)(level - topic) != root || memcmp(topic, topics[i].root, root) != 0 ||
            strcmp(end + 1, topics[i].rest) != 0)
            continue;
        parsed.kind = topics[i].kind;
        memcpy(parsed.device, device, (gsize)(end - device));
        return parsed;
    }
    return parsed;
}

char *
kl_topic_credential(const char *device, const char *what)
{
    return g_strdup_printf("bs/device/%s/credentials/%s", device, what);
}

char *
kl_topic_parameters(const char *device)
{
    return g_strdup_printf("bs/device/%s/parameters/", device);
}

char *
kl_topic_parameters_topic(const char *device)
{
    return g_strdup_printf("bs/device/%s/parameters/topic", device);
}

char *
kl_topic_software(const char *device)
{
    return g_strdup_printf("dm/device/%s/update/", device);
}

char *
kl_topic_software_parameters(const char *device)
{
    return g_strdup_printf("dm/device/%s/update/parameters/", device);
}
