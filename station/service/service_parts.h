/* What keyline-activation works with, put together by its configuration: the only file of the service that names
 * concrete tables, software and signers. */
#pragma once

#include "station/activation/engine.h"
#include "station/service/service_config.h"

G_BEGIN_DECLS

typedef struct KlServiceParts KlServiceParts;

/* Opens everything. CONFIG_INVALID, STORE_*, SEAL_*, CA_*, PASSPHRASE_*, CLOUD_*. */
KlServiceParts *kl_service_parts_open(const KlServiceConfig *config, GError **error);
void kl_service_parts_free(KlServiceParts *parts);

/* Whether table and software can really be asked. Changes nothing. */
gboolean kl_service_parts_try(KlServiceParts *parts, GError **error);

/* Borrowed. */
KlActivationEngine *kl_service_parts_engine(const KlServiceParts *parts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlServiceParts, kl_service_parts_free)

G_END_DECLS
