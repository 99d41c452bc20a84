#include "station/activation/engine.h"

#include <string.h>

#include "station/activation/engine_private.h"
#include "station/error.h"

/* How often a message is judged again because its row has changed meanwhile. */
#define TRIES 16

static gboolean
check_parts(const KlActivationParts *parts, GError **error)
{
    if (parts->rules.credentials == KL_CREDENTIALS_CREATE_KEYS)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "credentials=create-keys is not served");
    if (parts->rules.credentials != KL_CREDENTIALS_CSR)
        return TRUE;
    if (parts->signer == NULL || parts->pki == NULL || parts->profile == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "credentials=csr needs a signer and a product");
    if (strstr(parts->profile->subject, "{imei}") != NULL || strstr(parts->profile->subject, "{fsn}") != NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "credentials=csr: the product's subject names more than {device_id}");
    return TRUE;
}

KlActivationEngine *
kl_activation_engine_new(const KlActivationParts *parts, GError **error)
{
    if (!check_parts(parts, error))
        return NULL;
    KlActivationEngine *engine = g_new0(KlActivationEngine, 1);
    engine->parts = *parts;
    return engine;
}

void
kl_activation_engine_free(KlActivationEngine *engine)
{
    g_free(engine);
}

/* One message on its way through the engine. */
typedef struct {
    KlActivationEngine *engine;
    KlActivationMessage message; /* again: as the table, or else the broker, has it */
    char *id;
    KlOp *op;
    KlRegistration *was;
    KlActivation *result;
    KlSoftware *software;
} Turn;

static void
turn_clear(Turn *turn)
{
    g_clear_pointer(&turn->was, kl_registration_free);
    g_clear_pointer(&turn->result, kl_activation_free);
    g_clear_pointer(&turn->software, kl_software_free);
    g_clear_pointer(&turn->id, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Turn, turn_clear)

/* The verdict is another one: nothing of what was to be done is done. */
static void
refuse(KlActivation *activation, KlActivationVerdict verdict, const char *detail)
{
    activation->verdict = verdict;
    g_free(activation->detail);
    activation->detail = g_strdup(detail);
    activation->alarm = FALSE;
    g_clear_pointer(&activation->row, kl_registration_free);
    g_clear_pointer(&activation->csr, g_bytes_unref);
    g_ptr_array_set_size(activation->publications, 0);
}

/* The software is fetched before anything is kept, so that the verdict is the right one. */
static gboolean
fetch_software(Turn *turn, GError **error)
{
    KlSoftwareShelf *shelf = turn->engine->parts.software;
    g_autoptr(GError) why = NULL;
    if (shelf == NULL) {
        refuse(turn->result, KL_ACTIVATION_NO_SOFTWARE, "this service has no software");
        return TRUE;
    }
    turn->software = shelf->klass->find(shelf, turn->was->firmware, turn->op, &why);
    if (turn->software != NULL)
        return TRUE;
    if (kl_error_code(why) != KL_ERROR_RECORD_UNKNOWN && kl_error_code(why) != KL_ERROR_CONFIG_INVALID) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    refuse(turn->result, KL_ACTIVATION_NO_SOFTWARE, why->message);
    return TRUE;
}

/* A request that is never to be signed is a message that is not what it should be; other failures are ours. */
static gboolean
check_csr(Turn *turn, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (kl_activation_check_csr(turn->engine, turn->result->device, turn->result->csr, &why))
        return TRUE;
    if (kl_error_kind(kl_error_code(why)) != KL_ERROR_KIND_UNIT) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    refuse(turn->result, KL_ACTIVATION_MALFORMED, why->message);
    return TRUE;
}

static gboolean
judge(Turn *turn, GError **error)
{
    KlActivationTable *table = turn->engine->parts.table;
    KlTopic topic = kl_topic_parse(turn->message.topic);
    KlActivationView view = {NULL, FALSE};
    if (topic.device[0] != '\0' && topic.kind != KL_TOPIC_OWN &&
        !table->klass->read(table, topic.device, turn->id, &view, turn->op, error))
        return FALSE;
    turn->was = view.row;
    if (turn->id != NULL)
        turn->message.again = view.again;
    turn->result = kl_activation_judge(&turn->engine->parts.rules, &turn->message, turn->was);
    if (turn->was != NULL && turn->result->verdict == KL_ACTIVATION_SOFTWARE)
        return fetch_software(turn, error);
    return turn->result->csr == NULL || check_csr(turn, error);
}

/* Whether it was the device itself that spoke, and now. */
static gboolean
is_heard(KlActivationVerdict verdict)
{
    return verdict != KL_ACTIVATION_FOREIGN && verdict != KL_ACTIVATION_RETAINED &&
           verdict != KL_ACTIVATION_UNKNOWN_DEVICE;
}

/* Somebody else's message must neither use up a device's ids nor pass for one of its redeliveries. */
static KlActivationKept
keep(const Turn *turn, GError **error)
{
    KlActivationTable *table = turn->engine->parts.table;
    const KlActivation *result = turn->result;
    gboolean heard = is_heard(result->verdict), again = heard && turn->message.again;
    gboolean repeated = again && result->row == NULL; /* what changes its row is none, whatever a broker says */
    if (result->verdict == KL_ACTIVATION_OWN)
        return KL_ACTIVATION_KEPT;
    g_autofree char *note = kl_activation_note_json(result, &turn->message, turn->was, heard ? turn->id : NULL);
    const KlActivationChange change = {
        .device = result->device,
        .was = turn->was,
        .row = result->row,
        .id = heard ? turn->id : NULL,
        .again = again,
        .heard = heard,
        .verdict = kl_activation_verdict_name(repeated ? KL_ACTIVATION_REPEATED : result->verdict),
        .note = note,
        .alarm = result->alarm,
        .now_us = g_get_real_time(),
    };
    return table->klass->keep(table, &change, turn->op, error);
}

static gboolean
add_credential(const Turn *turn, GError **error)
{
    KlActivation *result = turn->result;
    g_autofree char *pem = kl_activation_credential(turn->engine, result->device, result->csr, turn->op, error);
    if (pem == NULL)
        return FALSE;
    g_autoptr(GPtrArray) rest = g_steal_pointer(&result->publications);
    result->publications = kl_publications_new();
    kl_publications_add(result->publications, kl_topic_credential(result->device, "certificate"), pem, strlen(pem));
    g_ptr_array_extend_and_steal(result->publications, g_steal_pointer(&rest));
    return TRUE;
}

/* What follows from the verdict, now that it is kept. */
static gboolean
act(const Turn *turn, GError **error)
{
    if (turn->software != NULL) {
        g_ptr_array_unref(turn->result->publications);
        turn->result->publications = kl_software_publications(turn->result->device, turn->software);
    }
    return turn->result->csr == NULL || add_credential(turn, error);
}

KlActivation *
kl_activation_engine_handle(KlActivationEngine *engine, const KlActivationMessage *message, KlOp *op, GError **error)
{
    for (guint i = 0; i < TRIES; i++) {
        g_auto(Turn) turn = {.engine = engine, .message = *message, .op = op};
        turn.id = kl_activation_message_id(message);
        KlActivationKept kept = judge(&turn, error) ? keep(&turn, error) : KL_ACTIVATION_FAILED;
        if (kept == KL_ACTIVATION_FAILED)
            return NULL;
        if (kept == KL_ACTIVATION_CHANGED)
            continue;
        return act(&turn, error) ? g_steal_pointer(&turn.result) : NULL;
    }
    kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "the row changed %d times while the message was judged", TRIES);
    return NULL;
}
