/* How the rows fare that go to the cloud: pure, from what the outbox says of itself. */
#pragma once

#include "gui/chip.h"
#include "station/outbox.h"

G_BEGIN_DECLS

typedef struct {
    KlChipLevel level;
    char *words;   /* a few, translated: "Cloud · 3 queued" */
    char *details; /* a line for each trouble, with its remedy; never NULL */
} KlCloudHealth;

/* status NULL: nothing is sent yet, as the station is locked. now_us: UTC. */
KlCloudHealth *kl_cloud_health_new(const KlOutboxStatus *status, gint64 now_us);
void kl_cloud_health_free(KlCloudHealth *health);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCloudHealth, kl_cloud_health_free)

G_END_DECLS
