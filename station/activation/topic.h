/* The topics of first boot and of the device manager (the seed's names). Pure. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_ACTIVATION_DEVICE_MAX 128 /* characters of a device id, as of a thing's name at AWS */

/* What devices publish, and what we do. */
typedef enum {
    KL_TOPIC_NONE,     /* neither: nobody of this system publishes there */
    KL_TOPIC_OWN,      /* one that only we publish on: never reacted to */
    KL_TOPIC_REQUEST,  /* bs/device/ID/register/request: a unit woke up */
    KL_TOPIC_CONFIRM,  /* bs/device/ID/register/ok: it has its parameters */
    KL_TOPIC_SOFTWARE, /* dm/device/ID/version/request, or .../update/request: it asks for its software */
    KL_TOPIC_VERSION,  /* dm/device/ID/update/ok: it runs a version */
} KlTopicKind;

typedef struct {
    KlTopicKind kind;
    char device[KL_ACTIVATION_DEVICE_MAX + 1]; /* "" with KL_TOPIC_NONE */
} KlTopic;

/* Reads a topic, which need not be valid in any way. Device ids: [A-Za-z0-9.:_-]{1,128}, what things at AWS and
 * kl_device_id_valid() may be called. */
KlTopic kl_topic_parse(const char *topic);

/* What a service subscribes to, NULL-terminated: everything that devices publish. */
extern const char *const kl_topic_filters[];

/* Topics we publish on; the caller frees. */
char *kl_topic_credential(const char *device, const char *what); /* bs/device/ID/credentials/WHAT */
char *kl_topic_parameters(const char *device);                   /* bs/device/ID/parameters/ */
char *kl_topic_parameters_topic(const char *device);             /* bs/device/ID/parameters/topic */
char *kl_topic_software(const char *device);                     /* dm/device/ID/update/ */
char *kl_topic_software_parameters(const char *device);          /* dm/device/ID/update/parameters/ */

G_END_DECLS
