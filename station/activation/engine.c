#include "station/activation/engine.h"

#include <string.h>

#include "station/activation/engine_private.h"
#include "station/error.h"

/* How often a message is judged again because its row has changed meanwhile. */
#define TRIES 16

static gboolean
check_parts(const KlActivationParts *parts, GError **error)
{
    gboolean create = parts->rules.credentials == KL_CREDENTIALS_CREATE_KEYS;
    const char *name = create ? "create-keys" : "csr";
    if (create != parts->rules.dangerous_send_private_keys_over_mqtt)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "credentials=create-keys and dangerous-send-private-keys-over-mqtt=true need each other");
    if (parts->rules.credentials == KL_CREDENTIALS_FACTORY)
        return TRUE;
    if (parts->signer == NULL || parts->pki == NULL || parts->profile == NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "credentials=%s needs a signer and a product", name);
    if (strstr(parts->profile->subject, "{imei}") != NULL || strstr(parts->profile->subject, "{fsn}") != NULL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "credentials=%s: the product's subject names more than {device_id}", name);
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
    char device[KL_ACTIVATION_DEVICE_MAX + 1];
    char *id;
    KlOp *op;
    KlRegistration *was;
    KlActivation *result;
    KlSoftware *software;
    char *note;
    KlActivation **became; /* of one that is handled with others: where the result goes */
} Turn;

static void
turn_clear(Turn *turn)
{
    g_clear_pointer(&turn->was, kl_registration_free);
    g_clear_pointer(&turn->result, kl_activation_free);
    g_clear_pointer(&turn->software, kl_software_free);
    g_clear_pointer(&turn->note, g_free);
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
    activation->make_key = FALSE;
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

/* No certificate is made for a row whose policy is none to be had. */
static gboolean
has_policy(Turn *turn)
{
    if (turn->was == NULL || kl_activation_policy_fits(turn->engine, turn->was))
        return TRUE;
    refuse(turn->result, KL_ACTIVATION_BAD_ROW, "its policy is none that certificates may get here");
    return FALSE;
}

static gboolean
needs_credential(const Turn *turn)
{
    return turn->result->csr != NULL || turn->result->make_key;
}

/* By what the table said of its device; takes the row over. */
static void
weigh(Turn *turn, const KlActivationView *view)
{
    turn->was = view->row;
    if (turn->id != NULL)
        turn->message.again = view->again;
    turn->result = kl_activation_judge(&turn->engine->parts.rules, &turn->message, turn->was);
}

/* Whether the table is to be asked. */
static gboolean
has_row(const KlTopic *topic)
{
    return topic->device[0] != '\0' && topic->kind != KL_TOPIC_OWN;
}

static gboolean
judge(Turn *turn, GError **error)
{
    KlActivationTable *table = turn->engine->parts.table;
    KlTopic topic = kl_topic_parse(turn->message.topic);
    KlActivationView view = {NULL, FALSE};
    if (has_row(&topic) && !table->klass->read(table, topic.device, turn->id, &view, turn->op, error))
        return FALSE;
    weigh(turn, &view);
    if (turn->was != NULL && turn->result->verdict == KL_ACTIVATION_SOFTWARE)
        return fetch_software(turn, error);
    if (!needs_credential(turn) || !has_policy(turn))
        return TRUE;
    return turn->result->csr == NULL || check_csr(turn, error);
}

/* Whether it was the device itself that spoke, and now. */
static gboolean
is_heard(KlActivationVerdict verdict)
{
    return verdict != KL_ACTIVATION_FOREIGN && verdict != KL_ACTIVATION_RETAINED &&
           verdict != KL_ACTIVATION_UNKNOWN_DEVICE;
}

/* Somebody else's message must neither use up a device's ids nor pass for one of its redeliveries. What is to be kept
 * borrows from the turn. */
static KlActivationChange
change_of(Turn *turn)
{
    const KlActivation *result = turn->result;
    gboolean heard = is_heard(result->verdict), again = heard && turn->message.again;
    gboolean repeated = again && result->row == NULL; /* what changes its row is none, whatever a broker says */
    turn->note = kl_activation_note_json(result, &turn->message, turn->was, heard ? turn->id : NULL);
    return (KlActivationChange){
        .device = result->device,
        .was = turn->was,
        .row = result->row,
        .id = heard ? turn->id : NULL,
        .again = again,
        .heard = heard,
        .verdict = kl_activation_verdict_name(repeated ? KL_ACTIVATION_REPEATED : result->verdict),
        .note = turn->note,
        .alarm = result->alarm,
        .now_us = g_get_real_time(),
    };
}

static KlActivationKept
keep(Turn *turn, GError **error)
{
    KlActivationTable *table = turn->engine->parts.table;
    if (turn->result->verdict == KL_ACTIVATION_OWN)
        return KL_ACTIVATION_KEPT;
    const KlActivationChange change = change_of(turn);
    return table->klass->keep(table, &change, turn->op, error);
}

/* What follows from the verdict, now that it is kept. */
static gboolean
act(const Turn *turn, GError **error)
{
    if (turn->software != NULL) {
        g_ptr_array_unref(turn->result->publications);
        turn->result->publications = kl_software_publications(turn->result->device, turn->software);
    }
    return !needs_credential(turn) ||
           kl_activation_add_credential(turn->engine, turn->was, turn->result, turn->op, error);
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

/* --- many messages at once --- */

/* One turn for each message that a row is read for. How many. */
static guint
begin_all(KlActivationEngine *engine, const KlActivationMessage *messages, guint n, KlOp *op, KlActivation **became,
          Turn *turns)
{
    guint begun = 0;
    for (guint i = 0; i < n; i++) {
        KlTopic topic = kl_topic_parse(messages[i].topic);
        became[i] = NULL;
        if (!has_row(&topic))
            continue;
        turns[begun] = (Turn){.engine = engine, .message = messages[i], .op = op, .became = &became[i]};
        turns[begun].id = kl_activation_message_id(&messages[i]);
        g_strlcpy(turns[begun++].device, topic.device, sizeof turns->device);
    }
    return begun;
}

static gboolean
read_all(KlActivationTable *table, Turn *turns, guint n, KlOp *op)
{
    g_autofree KlActivationLook *looks = g_new0(KlActivationLook, n);
    for (guint i = 0; i < n; i++)
        looks[i] = (KlActivationLook){.device = turns[i].device, .id = turns[i].id};
    if (!table->klass->read_all(table, looks, n, op, NULL))
        return FALSE;
    for (guint i = 0; i < n; i++)
        weigh(&turns[i], &looks[i].view);
    return TRUE;
}

/* Another one's software, of those that are ready: for messages that are handled together, software of one name is one
 * and the same. NULL: nobody has it yet. */
static const KlSoftware *
find_software(Turn *const *ready, guint n, const char *name)
{
    for (guint i = 0; i < n; i++) {
        if (ready[i]->software != NULL && g_strcmp0(ready[i]->was->firmware, name) == 0)
            return ready[i]->software;
    }
    return NULL;
}

/* Whether nothing but keeping it is left to do. *shelf: no software that could not be fetched; after one, the others
 * don't wait for what would fail as well. */
static gboolean
is_prepared(Turn *turn, Turn *const *ready, guint n, gboolean *shelf)
{
    if (turn->was == NULL || turn->result->verdict != KL_ACTIVATION_SOFTWARE)
        return !needs_credential(turn);
    const KlSoftware *same = find_software(ready, n, turn->was->firmware);
    if (same != NULL)
        turn->software = kl_software_copy(same);
    else
        *shelf = *shelf && fetch_software(turn, NULL);
    return same != NULL || *shelf;
}

/* Those that can be kept now, and what is to be kept of them. How many. */
static guint
prepare_all(Turn *turns, guint n, Turn **ready, KlActivationChange *changes)
{
    gboolean shelf = TRUE;
    guint prepared = 0;
    for (guint i = 0; i < n; i++) {
        if (!is_prepared(&turns[i], ready, prepared, &shelf))
            continue;
        ready[prepared] = &turns[i];
        changes[prepared++] = change_of(&turns[i]);
    }
    return prepared;
}

static void
keep_all(KlActivationTable *table, Turn *turns, guint n, KlOp *op)
{
    g_autofree Turn **ready = g_new0(Turn *, n);
    g_autofree KlActivationChange *changes = g_new0(KlActivationChange, n);
    g_autofree KlActivationKept *kept = g_new0(KlActivationKept, n);
    guint prepared = prepare_all(turns, n, ready, changes);
    if (prepared == 0 || !table->klass->keep_all(table, changes, kept, prepared, op, NULL))
        return;
    for (guint i = 0; i < prepared; i++) {
        if (kept[i] == KL_ACTIVATION_KEPT && act(ready[i], NULL))
            *ready[i]->became = g_steal_pointer(&ready[i]->result);
    }
}

void
kl_activation_engine_handle_all(KlActivationEngine *engine, const KlActivationMessage *messages, guint n, KlOp *op,
                                KlActivation **became)
{
    KlActivationTable *table = engine->parts.table;
    g_autofree Turn *turns = g_new0(Turn, n);
    guint begun = begin_all(engine, messages, n, op, became, turns);
    if (begun > 0 && table->klass->keep_all != NULL && read_all(table, turns, begun, op))
        keep_all(table, turns, begun, op);
    for (guint i = 0; i < begun; i++)
        turn_clear(&turns[i]);
}
