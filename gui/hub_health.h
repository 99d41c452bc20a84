/* Whether the hubs are there, and what keeps the station from their ports: pure, from what is on the bus. */
#pragma once

#include "station/bus.h"
#include "station/config.h"

G_BEGIN_DECLS

typedef struct {
    gboolean ok;
    char *words;   /* a few, translated: "Hub A is not there" */
    char *details; /* a line for each trouble, with its remedy; NULL when there is none */
} KlHubHealth;

/* devices: KlUsbDevice array. Only what stands at the station's own places counts. */
KlHubHealth *kl_hub_health_new(const KlConfig *config, const GPtrArray *devices);
/* The bus itself can't be looked at. */
KlHubHealth *kl_hub_health_new_failed(const GError *error);
void kl_hub_health_free(KlHubHealth *health);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlHubHealth, kl_hub_health_free)

G_END_DECLS
