#include "station/activation/activation.h"

#include <string.h>

#include "station/net/json_text.h"

static const char *const verdict_names[] = {
    [KL_ACTIVATION_ANSWERED] = "answered",
    [KL_ACTIVATION_ACTIVATED] = "activated",
    [KL_ACTIVATION_COUNTED] = "counted",
    [KL_ACTIVATION_SOFTWARE] = "software",
    [KL_ACTIVATION_VERSION] = "version",
    [KL_ACTIVATION_REPEATED] = "repeated",
    [KL_ACTIVATION_OWN] = "own",
    [KL_ACTIVATION_UNKNOWN_DEVICE] = "unknown-device",
    [KL_ACTIVATION_EARLY_CONFIRM] = "early-confirm",
    [KL_ACTIVATION_NOT_ACTIVE] = "not-active",
    [KL_ACTIVATION_RETAINED] = "retained",
    [KL_ACTIVATION_OVERSIZED] = "oversized",
    [KL_ACTIVATION_MALFORMED] = "malformed",
    [KL_ACTIVATION_FOREIGN] = "foreign",
    [KL_ACTIVATION_BAD_ROW] = "bad-row",
    [KL_ACTIVATION_NO_SOFTWARE] = "no-software",
};

const char *
kl_activation_verdict_name(KlActivationVerdict verdict)
{
    return verdict_names[verdict];
}

static void
publication_free(gpointer data)
{
    KlPublication *publication = data;
    g_free(publication->topic);
    g_bytes_unref(publication->payload);
    g_free(publication);
}

GPtrArray *
kl_publications_new(void)
{
    return g_ptr_array_new_with_free_func(publication_free);
}

void
kl_publications_add_bytes(GPtrArray *publications, char *topic, GBytes *payload)
{
    KlPublication *publication = g_new(KlPublication, 1);
    publication->topic = topic;
    publication->payload = g_bytes_ref(payload);
    g_ptr_array_add(publications, publication);
}

void
kl_publications_add(GPtrArray *publications, char *topic, const void *payload, gsize length)
{
    g_autoptr(GBytes) bytes = g_bytes_new(payload, length);
    kl_publications_add_bytes(publications, topic, bytes);
}

void
kl_activation_free(KlActivation *activation)
{
    g_free(activation->detail);
    g_clear_pointer(&activation->row, kl_registration_free);
    g_ptr_array_unref(activation->publications);
    g_clear_pointer(&activation->csr, g_bytes_unref);
    g_free(activation);
}

/* --- payloads --- */

/* The payload as an object; NULL when it is none. An empty payload, which the seed's units send, is an empty object. */
static JsonObject *
read_object(const char *payload, gsize length)
{
    if (length == 0)
        return json_object_new();
    g_autoptr(JsonNode) root = length <= KL_ACTIVATION_PAYLOAD_MAX ? kl_json_parse_object(payload, length) : NULL;
    return root != NULL ? json_object_ref(json_node_get_object(root)) : NULL;
}

/* A text member; NULL when there is none of that type. */
static const char *
text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

static gboolean
is_id(const char *text)
{
    gsize length = strlen(text);
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isgraph(text[i]))
            return FALSE;
    }
    return length > 0 && length <= KL_ACTIVATION_ID_MAX;
}

char *
kl_activation_message_id(const KlActivationMessage *message)
{
    g_autoptr(JsonObject) object = read_object(message->payload, message->length);
    const char *id = object != NULL ? text_member(object, "id") : NULL;
    if (id == NULL || !is_id(id))
        id = message->id;
    return id != NULL && is_id(id) ? g_strdup(id) : NULL;
}

static gboolean
refuse(KlActivation *a, KlActivationVerdict verdict, const char *detail)
{
    a->verdict = verdict;
    g_free(a->detail);
    a->detail = g_strdup(detail);
    return FALSE;
}

/* --- the rules --- */

/* A row's state, and -1 for one that this system never writes. */
enum { ROW_FALSE, ROW_REQUESTED, ROW_OK, ROW_STATES };

static const char *const row_states[ROW_STATES] = {"false", "requested", "ok"};

static int
row_state(const KlRegistration *row)
{
    for (int state = 0; state < ROW_STATES; state++) {
        if (g_strcmp0(row->registered, row_states[state]) == 0)
            return state;
    }
    return -1;
}

/* What a rule works with. */
typedef struct {
    const KlActivationRules *rules;
    const KlActivationMessage *message;
    const KlRegistration *row;
    JsonObject *payload;
    KlActivation *result;
} Case;

static void
move_to(const Case *c, int state)
{
    c->result->row = kl_registration_copy(c->row);
    g_free(c->result->row->registered);
    c->result->row->registered = g_strdup(row_states[state]);
}

/* Something that a unit can publish on: MQTT has its topics without wildcards, and never empty. */
static gboolean
is_publishable(const char *topic)
{
    return topic != NULL && topic[0] != '\0' && strpbrk(topic, "+#") == NULL;
}

/* The parameters, and the topic among them by itself, as the seed does. */
static gboolean
add_parameters(const Case *c)
{
    const char *parameters = c->row->parameters != NULL ? c->row->parameters : "";
    g_autoptr(JsonObject) object = read_object(parameters, strlen(parameters));
    const char *topic = object != NULL ? text_member(object, "topic") : NULL;
    if (!is_publishable(topic))
        return refuse(c->result, KL_ACTIVATION_BAD_ROW, "its parameters are no JSON object with a topic");
    kl_publications_add(c->result->publications, kl_topic_parameters(c->row->device), parameters, strlen(parameters));
    kl_publications_add(c->result->publications, kl_topic_parameters_topic(c->row->device), topic, strlen(topic));
    return TRUE;
}

/* A request gets its credential once: a second one while that is on its way gets the same one, which the service keeps.
 */
static gboolean
add_credential(const Case *c)
{
    if (c->rules->credentials == KL_CREDENTIALS_CREATE_KEYS) {
        c->result->make_key = TRUE;
        c->result->detail =
            g_strdup("create-keys: with a new certificate, and only then, a private key made here is sent");
    }
    if (c->rules->credentials != KL_CREDENTIALS_CSR)
        return TRUE;
    const char *text = text_member(c->payload, "csr");
    gsize length = 0;
    g_autofree guchar *der = text != NULL && text[0] != '\0' ? g_base64_decode(text, &length) : NULL;
    if (length == 0)
        return refuse(c->result, KL_ACTIVATION_MALFORMED, "the request has no certificate request in it");
    c->result->csr = g_bytes_new(der, length);
    return TRUE;
}

static void
answer(const Case *c)
{
    c->result->verdict = KL_ACTIVATION_ANSWERED;
    if (!add_credential(c) || !add_parameters(c)) {
        g_ptr_array_set_size(c->result->publications, 0);
        g_clear_pointer(&c->result->csr, g_bytes_unref);
        c->result->make_key = FALSE;
    } else if (row_state(c->row) == ROW_FALSE) {
        move_to(c, ROW_REQUESTED);
    }
}

static void
activate(const Case *c)
{
    c->result->verdict = KL_ACTIVATION_ACTIVATED;
    move_to(c, ROW_OK);
}

/* Once more than there should be: somebody may have a unit's credentials. Telling the same message twice is no such
 * thing. */
static void
count(const Case *c, KlActivationVerdict verdict)
{
    c->result->verdict = c->message->again ? KL_ACTIVATION_REPEATED : verdict;
    if (c->message->again)
        return;
    c->result->row = kl_registration_copy(c->row);
    if (c->result->row->connections < G_MAXINT64)
        c->result->row->connections++;
    c->result->alarm = c->result->row->connections > c->rules->connections_alarm;
}

static void
count_again(const Case *c)
{
    count(c, KL_ACTIVATION_COUNTED);
}

static void
count_early(const Case *c)
{
    count(c, KL_ACTIVATION_EARLY_CONFIRM);
}

static void
send_software(const Case *c)
{
    c->result->verdict = KL_ACTIVATION_SOFTWARE;
}

/* A redelivery that is known by its id was handled when it came first: if the row has another version by now, a later
 * message has brought it. */
static gboolean
is_overtaken(const Case *c, gint64 version)
{
    g_autofree char *id = c->message->again && version != c->row->version ? kl_activation_message_id(c->message) : NULL;
    return id != NULL;
}

static void
take_version(const Case *c)
{
    JsonNode *node = json_object_get_member(c->payload, "version");
    if (node == NULL || json_node_get_value_type(node) != G_TYPE_INT64 || json_node_get_int(node) < 0 ||
        json_node_get_int(node) > KL_ACTIVATION_VERSION_MAX) {
        refuse(c->result, KL_ACTIVATION_MALFORMED, "the message has no version, a whole number from 0 to 2^53 - 1");
        return;
    }
    c->result->verdict = is_overtaken(c, json_node_get_int(node)) ? KL_ACTIVATION_REPEATED : KL_ACTIVATION_VERSION;
    if (c->result->verdict == KL_ACTIVATION_REPEATED || json_node_get_int(node) == c->row->version)
        return;
    c->result->row = kl_registration_copy(c->row);
    c->result->row->version = json_node_get_int(node);
}

static void
not_active(const Case *c)
{
    refuse(c->result, KL_ACTIVATION_NOT_ACTIVE, c->row->registered);
}

/* Every message in every state. */
static void (*const transitions[][ROW_STATES])(const Case *c) = {
    /*                      false        requested   ok */
    [KL_TOPIC_REQUEST] = {answer, answer, count_again},
    [KL_TOPIC_CONFIRM] = {count_early, activate, count_again},
    [KL_TOPIC_SOFTWARE] = {not_active, not_active, send_software},
    [KL_TOPIC_VERSION] = {not_active, not_active, take_version},
};

/* What can be said without a row. FALSE: the result has its verdict. */
static gboolean
check_message(KlActivation *a, const KlTopic *topic, const KlActivationMessage *message)
{
    if (topic->kind == KL_TOPIC_OWN)
        return refuse(a, KL_ACTIVATION_OWN, NULL);
    if (topic->kind == KL_TOPIC_NONE)
        return refuse(a, KL_ACTIVATION_MALFORMED, "not a topic of this system");
    if (message->retained)
        return refuse(a, KL_ACTIVATION_RETAINED, NULL);
    if (message->sender != NULL && strcmp(message->sender, topic->device) != 0)
        return refuse(a, KL_ACTIVATION_FOREIGN, message->sender);
    if (message->length > KL_ACTIVATION_PAYLOAD_MAX)
        return refuse(a, KL_ACTIVATION_OVERSIZED, NULL);
    return TRUE;
}

KlActivation *
kl_activation_judge(const KlActivationRules *rules, const KlActivationMessage *message, const KlRegistration *row)
{
    KlTopic topic = kl_topic_parse(message->topic);
    KlActivation *a = g_new0(KlActivation, 1);
    a->publications = kl_publications_new();
    g_strlcpy(a->device, topic.device, sizeof(a->device));
    if (!check_message(a, &topic, message))
        return a;
    g_autoptr(JsonObject) payload = read_object(message->payload, message->length);
    if (payload == NULL)
        refuse(a, KL_ACTIVATION_MALFORMED, "the payload is no JSON object");
    else if (row == NULL)
        refuse(a, KL_ACTIVATION_UNKNOWN_DEVICE, NULL);
    else if (row_state(row) < 0)
        refuse(a, KL_ACTIVATION_BAD_ROW, "registered is none of false, requested, ok");
    else
        transitions[topic.kind][row_state(row)](&(Case){rules, message, row, payload, a});
    return a;
}

/* --- software --- */

void
kl_software_free(KlSoftware *software)
{
    g_bytes_unref(software->content);
    g_free(software->signature);
    g_free(software);
}

KlSoftware *
kl_software_copy(const KlSoftware *software)
{
    KlSoftware *copy = g_new0(KlSoftware, 1);
    copy->version = software->version;
    copy->content = g_bytes_ref(software->content);
    copy->signature = g_strdup(software->signature);
    return copy;
}

char *
kl_software_signed_text(gint64 version, GBytes *content)
{
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, content);
    return g_strdup_printf("keyline-software\nversion=%" G_GINT64_FORMAT "\nsize=%" G_GSIZE_FORMAT "\nsha256=%s\n",
                           version, g_bytes_get_size(content), sha256);
}

GPtrArray *
kl_software_publications(const char *device, const KlSoftware *software)
{
    GPtrArray *publications = kl_publications_new();
    gsize size = 0;
    const guchar *bytes = g_bytes_get_data(software->content, &size);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, software->content);
    g_autofree char *parameters = g_strdup_printf("{\"version\":%" G_GINT64_FORMAT ",\"size\":%" G_GSIZE_FORMAT
                                                  ",\"sha256\":\"%s\",\"signature\":\"%s\"}",
                                                  software->version, size, sha256, software->signature);
    kl_publications_add(publications, kl_topic_software_parameters(device), parameters, strlen(parameters));
    g_autofree char *content = g_base64_encode(bytes, size);
    kl_publications_add(publications, kl_topic_software(device), content, strlen(content));
    return publications;
}
