#include "station/net/aws_answer.h"

#include <curl/curl.h>
#include <string.h>

#include "station/net/aws_xml.h"
#include "station/net/json_text.h"

#define WORD_MAX 128
#define SKEW_S 240 /* AWS allows 5 minutes */

/* Error names and what they mean; "Exception" at the end is left out. Sources: "Common errors" of the services' API
 * references, and the retry rules that the AWS SDKs share. */
static const struct {
    const char *name;
    KlAwsMeaning meaning;
} meanings[] = {
    {"Throttling", KL_AWS_THROTTLED},
    {"Throttled", KL_AWS_THROTTLED},
    {"RequestThrottled", KL_AWS_THROTTLED},
    {"RequestLimitExceeded", KL_AWS_THROTTLED},
    {"TooManyRequests", KL_AWS_THROTTLED},
    {"ProvisionedThroughputExceeded", KL_AWS_THROTTLED},
    {"SlowDown", KL_AWS_THROTTLED},
    {"RequestInProgress", KL_AWS_NOT_YET},
    {"InternalFailure", KL_AWS_TROUBLE},
    {"InternalServer", KL_AWS_TROUBLE},
    {"InternalServerError", KL_AWS_TROUBLE},
    {"Internal", KL_AWS_TROUBLE},
    {"ServiceUnavailable", KL_AWS_TROUBLE},
    {"RequestTimeout", KL_AWS_TROUBLE},
    {"ExpiredToken", KL_AWS_EXPIRED},
    {"UnrecognizedClient", KL_AWS_UNKNOWN_KEYS},
    {"InvalidClientTokenId", KL_AWS_UNKNOWN_KEYS},
    {"InvalidAccessKeyId", KL_AWS_UNKNOWN_KEYS},
    {"MissingAuthenticationToken", KL_AWS_UNKNOWN_KEYS},
    {"IncompleteSignature", KL_AWS_UNKNOWN_KEYS},
    {"InvalidSignature", KL_AWS_UNKNOWN_KEYS},
    {"SignatureDoesNotMatch", KL_AWS_UNKNOWN_KEYS},
    {"RequestTimeTooSkewed", KL_AWS_SKEWED},
    {"RequestExpired", KL_AWS_SKEWED},
    {"AccessDenied", KL_AWS_DENIED},
    {"Unauthorized", KL_AWS_DENIED},
    {"NotAuthorized", KL_AWS_DENIED},
    {"OptInRequired", KL_AWS_DENIED},
    {"LimitExceeded", KL_AWS_LIMITED},
    {"ResourceNotFound", KL_AWS_MISSING},
    {"ResourceAlreadyExists", KL_AWS_CONFLICT},
    {"ResourceInUse", KL_AWS_CONFLICT},
    {"Conflict", KL_AWS_CONFLICT},
    {"ConflictingResourceUpdate", KL_AWS_CONFLICT},
    {"DeleteConflict", KL_AWS_CONFLICT},
    {"CertificateConflict", KL_AWS_CONFLICT},
    {"CertificateState", KL_AWS_CONFLICT},
    {"VersionConflict", KL_AWS_CONFLICT},
    {"ConditionalCheckFailed", KL_AWS_CONFLICT},
};

/* A copy of the beginning of text that is made of what stands in names and ids, or NULL. It goes into messages. */
static char *
take_word(const char *text)
{
    gsize length = 0;
    while (length < WORD_MAX &&
           (g_ascii_isalnum(text[length]) || (text[length] != '\0' && strchr("._-=+/", text[length]) != NULL)))
        length++;
    return length > 0 ? g_strndup(text, length) : NULL;
}

static JsonNode *
member(JsonNode *node, const char *name, gsize length)
{
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return NULL;
    g_autofree char *copy = g_strndup(name, length);
    return json_object_get_member(json_node_get_object(node), copy);
}

const char *
kl_aws_answer_text(const KlAwsAnswer *answer, const char *path)
{
    JsonNode *node = answer->body;
    for (const char *at = path; node != NULL;) {
        gsize length = strcspn(at, ".");
        node = member(node, at, length);
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;
    return json_node_get_string(node);
}

/* The body as a JSON object. FALSE when there is a body and it is something else. */
static gboolean
read_body(KlAwsAnswer *answer, const KlHttpAnswer *http)
{
    const char *text = (const char *)http->body->data;
    gsize length = http->body->len;
    if (length == 0)
        return TRUE;
    const char *type = kl_http_header(http, "Content-Type");
    gboolean xml = type != NULL && (g_str_has_prefix(type, "text/xml") || g_str_has_prefix(type, "application/xml"));
    answer->body = xml ? kl_aws_xml_parse(text, length) : kl_json_parse_object(text, length);
    return answer->body != NULL;
}

/* What the service calls the error: in a header (up to ':'), else in the body (behind '#'). */
static char *
read_error_name(const KlAwsAnswer *answer, const KlHttpAnswer *http)
{
    static const char *const places[] = {"__type", "code", "ErrorResponse.Error.Code", "Error.Code"};
    const char *name = kl_http_header(http, "x-amzn-ErrorType");
    for (guint i = 0; name == NULL && i < G_N_ELEMENTS(places); i++)
        name = kl_aws_answer_text(answer, places[i]);
    if (name == NULL)
        return NULL;
    const char *hash = strrchr(name, '#');
    return take_word(hash != NULL ? hash + 1 : name);
}

static char *
read_request_id(const KlAwsAnswer *answer, const KlHttpAnswer *http)
{
    static const char *const headers[] = {"x-amzn-RequestId", "x-amz-request-id", "x-amzn-request-id"};
    const char *id = NULL;
    for (guint i = 0; id == NULL && i < G_N_ELEMENTS(headers); i++)
        id = kl_http_header(http, headers[i]);
    return id != NULL ? take_word(id) : NULL;
}

static KlAwsMeaning
meaning_of_name(const char *name)
{
    gboolean long_form = g_str_has_suffix(name, "Exception");
    gsize length = strlen(name) - (long_form ? strlen("Exception") : 0);
    for (guint i = 0; i < G_N_ELEMENTS(meanings); i++) {
        if (strlen(meanings[i].name) == length && strncmp(meanings[i].name, name, length) == 0)
            return meanings[i].meaning;
    }
    return KL_AWS_REFUSED;
}

static KlAwsMeaning
meaning_of_error(const KlAwsAnswer *answer, gint64 now)
{
    /* Load balancers and proxies name no error. */
    if (answer->status == 429)
        return KL_AWS_THROTTLED;
    if (answer->error_name == NULL)
        return answer->status >= 500 || answer->status == 408 ? KL_AWS_TROUBLE : KL_AWS_GARBLED;
    KlAwsMeaning meaning = meaning_of_name(answer->error_name);
    /* A signature of the wrong time is refused under several names. */
    gboolean skewed = answer->server_time != 0 && ABS(answer->server_time - now) > SKEW_S;
    if (skewed && (meaning == KL_AWS_UNKNOWN_KEYS || meaning == KL_AWS_EXPIRED))
        return KL_AWS_SKEWED;
    if (meaning != KL_AWS_REFUSED)
        return meaning;
    if (answer->status >= 500)
        return KL_AWS_TROUBLE;
    switch (answer->status) {
    case 401:
    case 403:
        return KL_AWS_DENIED;
    case 404:
        return KL_AWS_MISSING;
    case 409:
        return KL_AWS_CONFLICT;
    default:
        return KL_AWS_REFUSED;
    }
}

KlAwsMeaning
kl_aws_answer_read(KlAwsAnswer *answer, const KlHttpAnswer *http, gboolean bytes, gint64 now)
{
    answer->status = http->status;
    gboolean good = answer->status >= 200 && answer->status < 300;
    const char *date = kl_http_header(http, "Date");
    time_t server_time = date != NULL ? curl_getdate(date, NULL) : -1;
    answer->server_time = server_time > 0 ? (gint64)server_time : 0;
    if (good && bytes)
        answer->bytes = g_bytes_new(http->body->data, http->body->len);
    gboolean readable = answer->bytes != NULL || read_body(answer, http);
    answer->request_id = read_request_id(answer, http);
    if (good)
        return readable ? KL_AWS_DONE : KL_AWS_GARBLED;
    answer->error_name = answer->status >= 400 ? read_error_name(answer, http) : NULL;
    return meaning_of_error(answer, now);
}

void
kl_aws_answer_clear(KlAwsAnswer *answer)
{
    g_free(answer->error_name);
    g_free(answer->request_id);
    g_clear_pointer(&answer->body, json_node_unref);
    g_clear_pointer(&answer->bytes, g_bytes_unref);
    *answer = (KlAwsAnswer){0};
}
