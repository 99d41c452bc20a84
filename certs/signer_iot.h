/* The signer that has AWS IoT Core make the certificates. A unit's certificate is made INACTIVE, gets its policy and
 * its thing (enroll), and is set ACTIVE when the unit has proved that it holds the key.
 *
 * AWS answers with the unit's certificate alone, and no call tells the certificate of the CA above it:
 * DescribeCertificate has an id for that at most, which DescribeCACertificate knows for CAs of customers only. Units
 * need no chain either: AWS knows their certificates one by one. So without `issuer_pem` a certificate has the chain
 * "", and what vouches for it is the service's own answer over verified TLS: its id has to be the SHA-256 of what came,
 * its key the request's. Check such certificates with kl_pki_new_for(KL_PKI_IOT, issuer_pem): with the same issuer_pem,
 * NULL or not. */
#pragma once

#include "station/net/aws.h"
#include "station/signer.h"

G_BEGIN_DECLS

typedef struct {
    KlAws *aws;             /* borrowed; outlives the signer */
    const char *policy;     /* the IoT policy of devices; NULL: the product's registration policy */
    const char *issuer_pem; /* the issuing CA's certificate and those above it, PEM, where they are known; or NULL */
    guint page;             /* certificates in a page of a list; 0: as many as AWS allows */
    gboolean in_field;      /* for units that boot in the field, connected by a certificate that they have */
} KlSignerIotOptions;

/* Copies the options. Free with klass->free.
 *
 * Its issue() is CLOUD_IN_DOUBT when the answer was lost; lookup() then looks through the account's INACTIVE
 * certificates, newest first and not older than request->since, adopts the newest for the request's key, and takes all
 * others for that key out at once. A certificate that AWS finishes making only after lookup() has looked stays behind
 * INACTIVE and attached to nothing: nobody can use it. Products need subject=CN={device_id}: CONFIG_INVALID by
 * self_test().
 *
 * With in_field, where no proof stands between issue() and activate(): lookup() looks at the certificates of the unit's
 * thing first, and adopts an ACTIVE one for the request's key; it takes nothing out. enroll() leaves the thing's other
 * certificates as they are: to switch off the one that the unit is connected by would cut it off before it has the new
 * one. They end when a station provisions the unit anew. */
KlSigner *kl_signer_iot_new(const KlSignerIotOptions *options);

G_END_DECLS
