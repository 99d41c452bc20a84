/* The keys that requests are signed with: found once, kept, renewed before they expire. Safe from several threads. */
#pragma once

#include "station/net/aws_config.h"
#include "station/net/http.h"
#include "station/secret.h"

G_BEGIN_DECLS

/* One set of keys. Never changes; shared by reference. */
typedef struct {
    gint references; /* atomic */
    char *access_key_id;
    KlSecret *secret_key;
    KlSecret *session_token; /* or NULL */
    gint64 expires;          /* seconds since 1970; 0: never */
    const char *source;      /* for the log: "environment", "profile", "credential_process", "instance" */
} KlAwsKeys;

/* Copies. token may be NULL or "". */
KlAwsKeys *kl_aws_keys_new(const char *source, const char *access_key_id, const char *secret_key, const char *token,
                           gint64 expires);
KlAwsKeys *kl_aws_keys_ref(KlAwsKeys *keys);
void kl_aws_keys_unref(KlAwsKeys *keys);

typedef struct KlAwsCredentials KlAwsCredentials;

/* config and http are borrowed and must live longer. Keys in the environment are read now. */
KlAwsCredentials *kl_aws_credentials_new(const KlAwsConfig *config, KlHttp *http);
void kl_aws_credentials_free(KlAwsCredentials *credentials);

/* Keys that hold for some minutes at least: AWS_ACCESS_KEY_ID and its companions, else the profile's keys, else the
 * profile's credential_process, else the instance's role (IMDSv2). A profile that the station names itself goes before
 * the environment. While one thread renews, the others go on with the old keys as long as these hold.
 * CLOUD_CREDENTIALS: none found, or their source failed; CANCELLED, STEP_TIMEOUT. The caller unrefs. */
KlAwsKeys *kl_aws_credentials_get(KlAwsCredentials *credentials, KlOp *op, GError **error);

/* The service says that these keys no longer hold: the next call of get looks for new ones. */
void kl_aws_credentials_expired(KlAwsCredentials *credentials, const KlAwsKeys *keys);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAwsKeys, kl_aws_keys_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAwsCredentials, kl_aws_credentials_free)

G_END_DECLS
