#include <openssl/crypto.h>
#include <string.h>

#include "station/error.h"
#include "station/net/credential_sources.h"
#include "station/net/json_text.h"

#define KEY_ID_MAX 128
#define VALUE_MAX 16384

static const char *
member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;
    const char *text = json_node_get_string(node);
    return text != NULL && *text != '\0' ? text : NULL;
}

/* Keys go into headers: printable ASCII without blanks. */
static gboolean
is_key_text(const char *text, gsize longest)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!g_ascii_isgraph(*at))
            return FALSE;
    }
    return strlen(text) <= longest;
}

static KlAwsKeys *
take_keys(JsonObject *object, const KlKeysJson *names, GError **error)
{
    const char *id = member(object, names->access_key_id);
    const char *secret = member(object, names->secret_key);
    const char *token = member(object, names->token);
    const char *expiration = member(object, names->expiration);
    if (id == NULL || secret == NULL) {
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "%s: no keys in its answer", names->source);
        return NULL;
    }
    if (!is_key_text(id, KEY_ID_MAX) || !is_key_text(secret, VALUE_MAX) ||
        (token != NULL && !is_key_text(token, VALUE_MAX))) {
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "%s: its keys hold characters that no key has", names->source);
        return NULL;
    }
    gint64 expires = 0;
    if (expiration != NULL) {
        g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
        g_autoptr(GDateTime) when = g_date_time_new_from_iso8601(expiration, utc);
        if (when == NULL) {
            kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "%s: its expiry is no time", names->source);
            return NULL;
        }
        expires = g_date_time_to_unix(when);
    }
    return kl_aws_keys_new(names->source, id, secret, token, expires);
}

static void
wipe_member(JsonObject *object, const char *name)
{
    const char *text = member(object, name);
    if (text != NULL)
        OPENSSL_cleanse((char *)text, strlen(text)); /* the node's own copy, which nobody reads any more */
}

KlAwsKeys *
kl_keys_from_json(char *text, gsize length, const KlKeysJson *names, GError **error)
{
    g_autoptr(JsonNode) root = kl_json_parse_object(text, length);
    OPENSSL_cleanse(text, length);
    if (root == NULL) {
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "%s: its answer is not a JSON object", names->source);
        return NULL;
    }
    JsonObject *object = json_node_get_object(root);
    KlAwsKeys *keys = take_keys(object, names, error);
    wipe_member(object, names->secret_key);
    wipe_member(object, names->token);
    return keys;
}
