/* PEM to and from the cloud. */
#pragma once

#include "station/certificate.h"
#include "station/error.h"

G_BEGIN_DECLS

/* The one certificate in a PEM text that came from the cloud. chain_pem is copied. CLOUD_GARBLED. */
KlCertificate *kl_cloud_certificate(const char *pem, const char *chain_pem, GError **error);

/* A request's DER as PEM. */
char *kl_cloud_request_pem(GBytes *der);

/* The first certificate of a PEM text, as PEM. CA_UNREADABLE. */
char *kl_cloud_first_pem(const char *pem, GError **error);

G_END_DECLS
