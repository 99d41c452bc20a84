/* The throw-away certificates of a private broker: an authority whose key is forgotten at once, the broker's
 * certificate and the service's, all P-256. Not certs/: what is made here never leaves the folder and signs for nobody
 * else. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Files in the folder. */
#define KL_PRIVATE_CA "ca.pem"
#define KL_PRIVATE_BROKER "broker.pem"
#define KL_PRIVATE_BROKER_KEY "broker.key"
#define KL_PRIVATE_SERVICE "service.pem"
#define KL_PRIVATE_SERVICE_KEY "service.key"

/* Makes them. name: the host name that the broker's certificate is for; address: its IP address, which it is for as
 * well; service: the service's common name. sha256 is set to the hash of the broker's certificate (DER), hex; the
 * caller frees it. INTERNAL, FILE_FAILED. */
gboolean kl_private_pki_make(const char *folder, const char *name, const char *address, const char *service,
                             char **sha256, GError **error);

G_END_DECLS
