/* The cloud's part of the composition root. */
#pragma once

#include "station/net/aws.h"
#include "station/station_private.h"

G_BEGIN_DECLS

/* What a station with an [aws] group has, besides what every station has. */
typedef struct {
    KlAws *aws;
    KlSink *sink;
    char *anchors;     /* PEM: the CA whose certificates the private CA's are; else NULL */
    KlSigner *cleaner; /* the outbox's, as it: NULL until it is started */
    KlOutbox *outbox;
    gboolean in_field; /* the signer is for units that boot in the field: see KlSignerIotOptions */
} KlStationCloud;

/* Asks nobody anything yet. The caller frees. CONFIG_INVALID. */
KlStationCloud *kl_station_cloud_new(const KlConfig *config, GError **error);

/* Stops the outbox; no other call may be under way. The signer is to be freed before this, the store after it. */
void kl_station_cloud_free(KlStationCloud *cloud);
void kl_station_cloud_stop(KlStationCloud *cloud);

/* Starts the outbox; what it works with is borrowed. */
void kl_station_cloud_start(KlStationCloud *cloud, const KlConfig *config, const KlProfile *profile, KlStore *store);

/* Whether the station's signer has AWS IoT Core know its certificates. */
gboolean kl_station_knows_iot(const KlConfig *config);

/* Whether the configured signer needs the station's own CA. */
gboolean kl_station_signs_itself(const KlConfig *config);

/* The configured signer, and the checks that its certificates have to pass. cloud NULL: the station has none; ca NULL:
 * the signer needs none; borrowed, as both. CONFIG_INVALID, CLOUD_*. */
KlSigner *kl_station_cloud_signer(KlStationCloud *cloud, const KlConfig *config, KlCa *ca, KlPki **pki, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStationCloud, kl_station_cloud_free)

G_END_DECLS
