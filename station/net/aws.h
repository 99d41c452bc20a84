/* Calls to AWS: signed, limited to the account's rates, and repeated only where that can do no harm. One client for
 * one account and region, shared by all threads; each call blocks its own. */
#pragma once

#include "station/net/aws_answer.h"
#include "station/net/aws_config.h"
#include "station/net/aws_operation.h"

G_BEGIN_DECLS

typedef struct KlAws KlAws;

/* All zero: as the environment and ~/.aws say, at the full rates. */
typedef struct {
    KlAwsSettings settings;
    guint rate_percent; /* this station's part of the account's rates, which all stations share; 0: 100 */
    guint attempts;     /* for one call; 0: 8 */
    guint backoff_ms;   /* longest pause after the first failure, doubled with each; 0: 100 (500 when throttled) */
    guint attempt_ms;   /* for one attempt; 0: 20 s */
} KlAwsOptions;

typedef struct {
    KlAwsOperationId operation;
    const char *path;      /* percent-encoded (kl_uri_path()); NULL for "/" */
    const KlPair *query;   /* not encoded; NULL for none */
    const KlPair *headers; /* x-amzn-principal, for one; NULL for none */
    JsonNode *body;        /* borrowed; NULL for none */
    GBytes *bytes;         /* borrowed: a body that is no JSON, or NULL */
    const char *origin;    /* where to in place of the service's endpoint (see kl_origin_parse()); NULL: there */
    gsize answer_max;      /* bytes of the answer's body; 0: 4 MiB */
    gboolean safe; /* repeating this one does no harm, whatever its operation says: it carries a token or condition */
} KlAwsCall;

/* Reads the configuration; asks nobody anything yet. CONFIG_INVALID. */
KlAws *kl_aws_new(const KlAwsOptions *options, GError **error);
/* No call may be under way. */
void kl_aws_free(KlAws *aws);

const KlAwsConfig *kl_aws_config(const KlAws *aws);

/* Connections opened so far: for tests and benchmarks. */
guint kl_aws_connections(KlAws *aws);

/* Makes a call and waits for its answer; the operation's deadline holds for all attempts together. *answer is filled in
 * both cases, as far as there was one, and is the caller's to clear (g_auto).
 *
 * CLOUD_IN_DOUBT        a call that must not be repeated went out and its answer was lost: look what was done
 * CANCELLED, STEP_TIMEOUT
 *                       stopped, or its time was up (for calls that must not be repeated: before it went out)
 * NET_DOWN              no connection, or it broke
 * CLOUD_UNTRUSTED       the server's certificate could not be verified
 * CLOUD_TIMEOUT         no answer in time
 * CLOUD_GARBLED         an answer, but none of AWS
 * CLOUD_UNAVAILABLE, CLOUD_THROTTLED
 *                       the service says so, all attempts long
 * CLOUD_CREDENTIALS, CLOUD_CLOCK, CLOUD_DENIED, CLOUD_LIMIT, CLOUD_MISSING, CLOUD_CONFLICT, CLOUD_REFUSED
 *                       the service refused it; answer->error_name and answer->body tell more
 *
 * CLOUD_CONFLICT with answer->doubtful may be a conflict with an earlier attempt of this very call. */
gboolean kl_aws_call(KlAws *aws, const KlAwsCall *call, KlOp *op, KlAwsAnswer *answer, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAws, kl_aws_free)

G_END_DECLS
