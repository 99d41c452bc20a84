/* The cloud's part of the composition root: puts the AWS client, the sink, the signer and the outbox together. */
#include "station/station_cloud.h"

#include "certs/pki.h"
#include "certs/signer_iot.h"
#include "certs/signer_local.h"
#include "certs/signer_pca.h"
#include "certs/signer_register.h"
#include "db/sink_dynamodb.h"
#include "station/station_cleaner.h"

/* How long the private CA may take to show its certificate. */
#define ANCHORS_US (20 * G_USEC_PER_SEC)

/* How long the last unit's record may take before the program ends without it. */
#define FLUSH_MS 2000

gboolean
kl_station_signs_itself(const KlConfig *config)
{
    return config->signer == KL_SIGNER_LOCAL || config->signer == KL_SIGNER_REGISTER;
}

gboolean
kl_station_knows_iot(const KlConfig *config)
{
    return config->aws.on && config->signer != KL_SIGNER_LOCAL &&
           (config->signer != KL_SIGNER_PCA || config->aws.register_mode != KL_REGISTER_NO);
}

KlStationCloud *
kl_station_cloud_new(const KlConfig *config, GError **error)
{
    const KlAwsSection *section = &config->aws;
    const KlAwsOptions options = {
        .settings = {.profile = section->profile, .region = section->region, .endpoint = section->endpoint},
        .rate_percent = section->rate_percent,
    };
    KlAws *aws = kl_aws_new(&options, error);
    if (aws == NULL) {
        g_prefix_error(error, "[aws]: ");
        return NULL;
    }
    KlStationCloud *cloud = g_new0(KlStationCloud, 1);
    cloud->aws = aws;
    cloud->sink = kl_sink_dynamodb_new(aws, section, config->name);
    return cloud;
}

void
kl_station_cloud_start(KlStationCloud *cloud, const KlConfig *config, const KlProfile *profile, KlStore *store)
{
    cloud->cleaner = kl_station_cleaner_new(cloud->aws, config, store);
    const KlOutboxOptions options = {
        .store = store,
        .sink = cloud->sink,
        .signer = cloud->cleaner,
        .per_second = config->aws.per_second,
        .sequence = profile->id_sequence,
        .block = config->aws.id_block,
    };
    cloud->outbox = kl_outbox_new(&options);
}

void
kl_station_cloud_stop(KlStationCloud *cloud)
{
    if (cloud->outbox != NULL)
        kl_outbox_flush(cloud->outbox, FLUSH_MS);
    g_clear_pointer(&cloud->outbox, kl_outbox_free);
}

void
kl_station_cloud_free(KlStationCloud *cloud)
{
    if (cloud == NULL)
        return;
    kl_station_cloud_stop(cloud);
    if (cloud->cleaner != NULL)
        cloud->cleaner->klass->free(cloud->cleaner);
    kl_sink_free(cloud->sink);
    kl_aws_free(cloud->aws);
    g_free(cloud->anchors);
    g_free(cloud);
}

/* Amazon tells nobody which CA its certificates come from: they are checked but for their issuer. */
static KlSigner *
iot_signer(KlStationCloud *cloud, const KlConfig *config, KlPki **pki, GError **error)
{
    const KlSignerIotOptions options = {.aws = cloud->aws, .policy = config->aws.policy, .in_field = cloud->in_field};
    *pki = kl_pki_new_for(KL_PKI_IOT, NULL, error);
    return *pki != NULL ? kl_signer_iot_new(&options) : NULL;
}

/* Asks the private CA for its certificate: without it nothing that it signs can be checked. */
static KlSigner *
pca_signer(KlStationCloud *cloud, const KlConfig *config, KlPki **pki, GError **error)
{
    const KlSignerPcaOptions options = {cloud->aws, config->aws.pca_arn, config->aws.pca_template, config->dir};
    KlOp op = {.deadline_us = g_get_monotonic_time() + ANCHORS_US};
    KlSigner *signer = kl_signer_pca_new(&options, error);
    if (signer == NULL)
        return NULL;
    g_autofree char *anchors = kl_signer_pca_anchors(signer, &op, error);
    *pki = anchors != NULL ? kl_pki_new_for(KL_PKI_PCA, anchors, error) : NULL;
    if (*pki == NULL) {
        signer->klass->free(signer);
        return NULL;
    }
    g_free(cloud->anchors);
    cloud->anchors = g_steal_pointer(&anchors);
    if (config->aws.register_mode == KL_REGISTER_NO)
        return signer;
    return kl_signer_register_new(signer, cloud->aws, config->aws.policy, config->aws.register_mode, cloud->in_field);
}

KlSigner *
kl_station_cloud_signer(KlStationCloud *cloud, const KlConfig *config, KlCa *ca, KlPki **pki, GError **error)
{
    switch (config->signer) {
    case KL_SIGNER_IOT:
        return iot_signer(cloud, config, pki, error);
    case KL_SIGNER_PCA:
        return pca_signer(cloud, config, pki, error);
    case KL_SIGNER_LOCAL:
    case KL_SIGNER_REGISTER:
        break;
    }
    *pki = kl_pki_new(kl_ca_chain_pem(ca), error);
    if (*pki == NULL)
        return NULL;
    KlSigner *own = kl_signer_local_new(ca);
    if (config->signer == KL_SIGNER_LOCAL)
        return own;
    return kl_signer_register_new(own, cloud->aws, config->aws.policy, config->aws.register_mode, cloud->in_field);
}
