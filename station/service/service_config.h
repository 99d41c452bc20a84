/* keyline-activation's configuration, activation.conf. */
#pragma once

#include "station/activation/activation.h"

G_BEGIN_DECLS

#define KL_SERVICE_CONFIG "/etc/keyline/activation.conf"

typedef enum { KL_SERVICE_TABLE_SQLITE, KL_SERVICE_TABLE_DYNAMODB } KlServiceTable;
typedef enum { KL_SERVICE_SOFTWARE_NONE, KL_SERVICE_SOFTWARE_FOLDER, KL_SERVICE_SOFTWARE_S3 } KlServiceSoftware;

typedef struct {
    /* [service] */
    KlServiceTable table; /* table= */
    char *station;        /* station=: the station's folder; of table=sqlite, and whose signer and product csr and
                             create-keys use */
    char *product;        /* product=: of those certificates; NULL: the station's own */
    KlActivationRules rules;
    guint workers; /* workers=; 0: as many as are of use */
    KlServiceSoftware software;
    char *software_folder;
    /* [broker] */
    char *host; /* address=HOST[:PORT] */
    guint16 port;
    char *ca, *certificate, *key;
    char *client_id;
    char *share; /* NULL: not shared */
    guint window;
    guint keep_minutes;
    gboolean check_access;
    /* [aws]; NULL: as the AWS tools find them */
    char *region, *profile, *endpoint;
    char *registration_table, *firmware_table;
} KlServiceConfig;

/* Reads and checks it. CONFIG_INVALID: file, line and what is allowed. */
KlServiceConfig *kl_service_config_load(const char *path, GError **error);
void kl_service_config_free(KlServiceConfig *config);

/* A configuration to begin with, in which nothing is left out: what `keyline-activation --print` writes. Static. */
extern const char kl_service_config_template[];

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlServiceConfig, kl_service_config_free)

G_END_DECLS
