/* AWS IoT Core as the signers need it: a unit's certificate there, its thing and its policy. Safe from several threads.
 * A certificate's id is the SHA-256 of its DER in lower-case hex, so it is known before AWS knows the certificate. All
 * of these may also fail with whatever kl_aws_call() fails with. */
#pragma once

#include "station/net/aws.h"
#include "station/signer.h"

G_BEGIN_DECLS

typedef struct KlCloud KlCloud;

/* aws is borrowed and has to outlive it. policy: the IoT policy that devices get; NULL: the registration policy of the
 * product. */
KlCloud *kl_cloud_new(KlAws *aws, const char *policy);
void kl_cloud_free(KlCloud *cloud);

/* How many certificates a page of a list holds: 1 to 250, which is also the default. For tests. */
void kl_cloud_set_page(KlCloud *cloud, guint page);

/* For units that boot in the field, connected by a certificate that they have: kl_cloud_enroll() leaves those that are
 * attached to the same thing as they are. */
void kl_cloud_set_in_field(KlCloud *cloud);

/* Whether the unit's device id can be a thing's name, and the certificate's subject is what a foreign signer takes over
 * from the request: CN={device_id} and nothing else. CONFIG_INVALID. */
gboolean kl_cloud_check_thing(const KlUnit *unit, GError **error);
gboolean kl_cloud_check_subject(const KlProfile *profile, GError **error);

/* Makes a certificate known, INACTIVE; without the CA's certificate as one that needs no registered CA. One that is
 * known already is left as it is. CLOUD_CONFLICT: what is known is another one. */
gboolean kl_cloud_register(KlCloud *cloud, const KlCertificate *certificate, gboolean with_ca, KlOp *op,
                           GError **error);

/* Attaches the policy, makes the thing (its name is the device id, its attribute "imei" the IMEI), attaches the
 * certificate to it, and sets every other certificate that is attached to the thing INACTIVE (but see
 * kl_cloud_set_in_field()): whatever happens next, a unit has one that works at most. Idempotent. A unit without an
 * IMEI, of which nothing is known but its device id, takes the thing of that name, whatever it says of itself.
 * CLOUD_CONFLICT: the thing is there and is another unit's; CLOUD_MISSING: the policy is not there; PROVISIONED_BROKEN:
 * the certificate is not. */
gboolean kl_cloud_enroll(KlCloud *cloud, const KlIssueRequest *request, const char *id, KlOp *op, GError **error);

/* Whether it is as a job left it: ACTIVE, with the policy and the unit's thing attached to it. Changes nothing.
 * CLOUD_CONFLICT: it is not ACTIVE any more; PROVISIONED_BROKEN: it, or what was attached, is not there. */
gboolean kl_cloud_check(KlCloud *cloud, const KlIssueRequest *request, const char *id, KlOp *op, GError **error);

/* Sets it ACTIVE, and makes sure of it when the answer is lost. One that was revoked stays so: CLOUD_CONFLICT.
 * PROVISIONED_BROKEN: it is not there. */
gboolean kl_cloud_activate(KlCloud *cloud, const char *id, KlOp *op, GError **error);

/* Sets it INACTIVE, detaches its policies and things and deletes it. The thing stays, with its history, for the
 * certificate that comes next. Idempotent; CLOUD_TIMEOUT while AWS is still detaching. */
gboolean kl_cloud_withdraw(KlCloud *cloud, const char *id, KlOp *op, GError **error);

/* The host name of the account's data endpoint (iot:Data-ATS), asked for once. The caller frees it. */
char *kl_cloud_endpoint(KlCloud *cloud, KlOp *op, GError **error);

/* The INACTIVE certificates for a public key that were made by an attempt that was begun then: from since on for an
 * hour (seconds since 1970, with ten minutes' slack for the clocks; 0: ever), newest first: KlCertificate array without
 * chains. */
GPtrArray *kl_cloud_find(KlCloud *cloud, const char *spki_sha256, gint64 since, KlOp *op, GError **error);

/* The same among the ACTIVE certificates that are attached to the thing; none where there is no such thing. */
GPtrArray *kl_cloud_find_attached(KlCloud *cloud, const char *thing, const char *spki_sha256, gint64 since, KlOp *op,
                                  GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCloud, kl_cloud_free)

G_END_DECLS
