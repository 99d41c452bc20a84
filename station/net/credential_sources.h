/* Where keys can come from, for aws_credentials.c.
 *
 * Every copy of a secret that is ours is wiped as soon as it has served: what was read, the JSON's nodes, the headers
 * that were sent, the keys themselves (KlSecret). Out of reach are copies of others, which go back to malloc as they
 * are: json-glib's scanner (and all but the last of members that come twice), libcurl's buffers, what a growing buffer
 * leaves behind when it moves. The environment stays as it was found: credential_process inherits it. */
#pragma once

#include "station/net/aws_credentials.h"

G_BEGIN_DECLS

/* Runs a profile's credential_process without a shell and reads keys from the JSON that it prints (AWS SDK reference,
 * "Process credential provider"). At most a minute. CLOUD_CREDENTIALS, CANCELLED, STEP_TIMEOUT. */
KlAwsKeys *kl_keys_from_process(const char *command, KlOp *op, GError **error);

/* Asks the machine's metadata service (IMDSv2) for its role's keys. NULL without an error when there is no such service
 * (or AWS_EC2_METADATA_DISABLED is true); CLOUD_CREDENTIALS when there is one and it has no keys. */
KlAwsKeys *kl_keys_from_instance(KlHttp *http, KlOp *op, GError **error);

/* The member names of a JSON document with keys. */
typedef struct {
    const char *source; /* static */
    const char *access_key_id;
    const char *secret_key;
    const char *token;
    const char *expiration; /* ISO 8601 */
} KlKeysJson;

/* Takes keys out of JSON text and wipes the text. CLOUD_CREDENTIALS. */
KlAwsKeys *kl_keys_from_json(char *text, gsize length, const KlKeysJson *names, GError **error);

G_END_DECLS
