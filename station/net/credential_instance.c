#include <openssl/crypto.h>
#include <string.h>

#include "station/error.h"
#include "station/net/credential_sources.h"

#define SERVICE "http://169.254.169.254"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define WAIT_MS 1000 /* it is on the machine itself or not at all */
#define TOKEN_MAX 1024
#define ROLE_MAX 128

static gboolean
is_disabled(void)
{
    const char *value = g_getenv("AWS_EC2_METADATA_DISABLED");
    return value != NULL && g_ascii_strcasecmp(value, "true") == 0;
}

/* One exchange with the service. TRUE when it says 200. */
static gboolean
ask(KlHttp *http, KlOp *op, const char *origin, const char *method, const char *path, const KlPair *header,
    KlHttpAnswer *answer)
{
    const KlPair headers[] = {*header, {NULL, NULL}};
    const KlHttpRequest request = {
        .method = method,
        .origin = origin,
        .path = path,
        .headers = headers,
        .metadata = TRUE,
        .connect_ms = WAIT_MS,
        .stall_ms = WAIT_MS,
        .total_ms = WAIT_MS * 2,
        .answer_max = (gsize)64 * 1024,
    };
    kl_http_send(http, &request, op, answer);
    return answer->fate == KL_HTTP_ANSWERED && answer->status == 200;
}

/* The answer's first line when it is short and has nothing but visible ASCII; else NULL. */
static char *
take_word(const KlHttpAnswer *answer, gsize longest)
{
    const char *text = (const char *)answer->body->data;
    gsize length = strcspn(text, "\r\n");
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isgraph(text[i]))
            return NULL;
    }
    return length > 0 && length <= longest ? g_strndup(text, length) : NULL;
}

static KlAwsKeys *
fail(GError **error, const char *what, const KlHttpAnswer *answer)
{
    kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "the instance's metadata service: %s (%s, status %d)", what,
            answer->detail != NULL ? answer->detail : "answered", answer->status);
    return NULL;
}

static KlAwsKeys *
ask_for_role(KlHttp *http, KlOp *op, const char *origin, const char *token, GError **error)
{
    static const KlKeysJson names = {"instance", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
    const KlPair header = {"X-aws-ec2-metadata-token", token};
    g_auto(KlHttpAnswer) roles = {0};
    gboolean listed = ask(http, op, origin, "GET", ROLE_PATH, &header, &roles);
    g_autofree char *role = listed ? take_word(&roles, ROLE_MAX) : NULL;
    if (role == NULL)
        return fail(error, "this machine has no role", &roles);
    g_autofree char *name = kl_uri_encode(role, FALSE);
    g_autofree char *path = g_strconcat(ROLE_PATH, name, NULL);
    g_auto(KlHttpAnswer) keys = {0};
    if (!ask(http, op, origin, "GET", path, &header, &keys))
        return fail(error, "no keys for the role", &keys);
    return kl_keys_from_json((char *)keys.body->data, keys.body->len, &names, error);
}

KlAwsKeys *
kl_keys_from_instance(KlHttp *http, KlOp *op, GError **error)
{
    if (is_disabled())
        return NULL;
    const char *set = g_getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    g_autofree char *origin = kl_origin_parse(set != NULL && *set != '\0' ? set : SERVICE, KL_ORIGIN_METADATA, error);
    if (origin == NULL)
        return NULL;
    const KlPair lifetime = {"X-aws-ec2-metadata-token-ttl-seconds", "21600"};
    g_auto(KlHttpAnswer) answer = {0};
    gboolean there = ask(http, op, origin, "PUT", "/latest/api/token", &lifetime, &answer);
    if (answer.fate == KL_HTTP_NEVER_LEFT || (!there && answer.cause == KL_HTTP_STOPPED)) {
        kl_op_check(op, error);
        return NULL;
    }
    g_autofree char *token = there ? take_word(&answer, TOKEN_MAX) : NULL;
    if (token == NULL)
        return fail(error, "no session token", &answer);
    KlAwsKeys *keys = ask_for_role(http, op, origin, token, error);
    OPENSSL_cleanse(token, strlen(token));
    return keys;
}
