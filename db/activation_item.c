#include "db/activation_item.h"

#include <string.h>

#include "db/dynamodb.h"

#define TURNS_KEPT 8 /* tokens: so many others may change an item while one waits for an answer that was lost */

const char *const kl_boot_attributes[] = {
    KL_BOOT_TURN,     KL_BOOT_IDS,   KL_BOOT_FIRST,   KL_BOOT_SEEN, KL_BOOT_CSR,
    KL_BOOT_CLAIMANT, KL_BOOT_SINCE, KL_BOOT_CLAIMED, KL_BOOT_PEM,  NULL,
};

/* The seven fields of a row, in the order of KlRegistration. */
static const char *const fields[] = {"device",     "registered", "policy",     "firmware",
                                     "parameters", "version",    "connections"};

/* --- reading --- */

static char *
text_or_empty(JsonObject *item, const char *name)
{
    const char *text = kl_item_text(item, name);
    return g_strdup(text != NULL ? text : "");
}

static gboolean
read_number(JsonObject *item, const char *name, gint64 *value)
{
    guint64 number = 0;
    gboolean ok = kl_item_number(item, name, &number) && number <= G_MAXINT64;
    *value = ok ? (gint64)number : 0;
    return ok;
}

KlRegistration *
kl_boot_row(JsonObject *item)
{
    KlRegistration *row = g_new0(KlRegistration, 1);
    gboolean version = read_number(item, "version", &row->version);
    gboolean connections = read_number(item, "connections", &row->connections);
    row->device = text_or_empty(item, "device");
    row->registered = version && connections ? text_or_empty(item, "registered") : g_strdup("");
    row->policy = text_or_empty(item, "policy");
    row->firmware = text_or_empty(item, "firmware");
    row->parameters = text_or_empty(item, "parameters");
    return row;
}

gboolean
kl_boot_row_equal(const KlRegistration *one, const KlRegistration *other)
{
    return strcmp(one->device, other->device) == 0 && strcmp(one->registered, other->registered) == 0 &&
           strcmp(one->policy, other->policy) == 0 && strcmp(one->firmware, other->firmware) == 0 &&
           strcmp(one->parameters, other->parameters) == 0 && one->version == other->version &&
           one->connections == other->connections;
}

gboolean
kl_boot_words_have(JsonObject *item, const char *attribute, const char *word)
{
    const char *text = kl_item_text(item, attribute);
    g_auto(GStrv) words = text != NULL ? g_strsplit(text, " ", -1) : NULL;
    return words != NULL && g_strv_contains((const char *const *)words, word);
}

/* The attribute's words with one more before them, count of them at most. */
static char *
words_with(JsonObject *item, const char *attribute, const char *word, guint count)
{
    const char *text = kl_item_text(item, attribute);
    g_auto(GStrv) old = g_strsplit(text != NULL ? text : "", " ", -1);
    g_autoptr(GString) all = g_string_new(word);
    for (guint i = 0; old[i] != NULL && i + 1 < count; i++)
        g_string_append_printf(all, " %s", old[i]);
    return g_string_free(g_steal_pointer(&all), FALSE);
}

/* --- expressions --- */

/* An update as it is written: "SET a = :a, ..." and "b = :b AND ...". The n-th attribute it names is #n. */
typedef struct {
    JsonObject *request;
    GString *set;
    GString *remove;
    GString *condition;
    guint names;
} Writing;

static void
writing_begin(Writing *w, JsonObject *request)
{
    *w = (Writing){request, g_string_new("SET "), g_string_new(NULL), g_string_new(NULL), 0};
}

static void
writing_end(Writing *w)
{
    g_string_append(w->set, w->remove->str);
    json_object_set_string_member(w->request, "UpdateExpression", w->set->str);
    json_object_set_string_member(w->request, "ConditionExpression", w->condition->str);
    g_string_free(w->set, TRUE);
    g_string_free(w->remove, TRUE);
    g_string_free(w->condition, TRUE);
}

/* "#3": the short form of an attribute's name, and ":3" for a value to go with it. */
static void
new_name(Writing *w, const char *attribute, char name[16], char value[16])
{
    g_snprintf(name, 16, "#n%u", w->names);
    g_snprintf(value, 16, ":v%u", w->names++);
    kl_dynamodb_name(w->request, name, attribute);
}

static const char *
assign(Writing *w, const char *attribute, char value[16])
{
    char name[16];
    new_name(w, attribute, name, value);
    g_string_append_printf(w->set, "%s%s = %s", w->set->len > 4 ? ", " : "", name, value);
    return value;
}

static void
set_text(Writing *w, const char *attribute, const char *text)
{
    char value[16];
    kl_item_set_text(kl_dynamodb_values(w->request), assign(w, attribute, value), text);
}

static void
set_number(Writing *w, const char *attribute, gint64 number)
{
    char value[16];
    kl_item_set_number(kl_dynamodb_values(w->request), assign(w, attribute, value), number);
}

static void
remove_attribute(Writing *w, const char *attribute)
{
    char name[16], value[16];
    new_name(w, attribute, name, value);
    g_string_append_printf(w->remove, "%s %s", w->remove->len > 0 ? "," : " REMOVE", name);
}

static void
append_and(Writing *w)
{
    if (w->condition->len > 0)
        g_string_append(w->condition, " AND ");
}

/* The attribute has to be as it is in the item, whatever it is; or there has to be none, as there is none. */
static void
require_same(Writing *w, JsonObject *item, const char *attribute)
{
    char name[16], value[16];
    JsonNode *there = json_object_get_member(item, attribute);
    append_and(w);
    new_name(w, attribute, name, value);
    if (there == NULL) {
        g_string_append_printf(w->condition, "attribute_not_exists(%s)", name);
        return;
    }
    g_string_append_printf(w->condition, "%s = %s", name, value);
    json_object_set_member(kl_dynamodb_values(w->request), value, json_node_copy(there));
}

static void
require_text(Writing *w, const char *attribute, const char *text)
{
    char name[16], value[16];
    append_and(w);
    new_name(w, attribute, name, value);
    g_string_append_printf(w->condition, "%s = %s", name, value);
    kl_item_set_text(kl_dynamodb_values(w->request), value, text);
}

static void
require_existence(Writing *w, const char *attribute, gboolean exists)
{
    char name[16], value[16];
    append_and(w);
    new_name(w, attribute, name, value);
    g_string_append_printf(w->condition, "%s(%s)", exists ? "attribute_exists" : "attribute_not_exists", name);
}

/* --- messages --- */

static void
set_seen(Writing *w, const KlActivationChange *change, JsonObject *item)
{
    gint64 seen = 0;
    if (!read_number(item, KL_BOOT_FIRST, &seen))
        set_number(w, KL_BOOT_FIRST, change->now_us);
    read_number(item, KL_BOOT_SEEN, &seen);
    set_number(w, KL_BOOT_SEEN, MAX(seen, change->now_us));
}

static void
forget_credential(Writing *w)
{
    static const char *const attributes[] = {KL_BOOT_CSR, KL_BOOT_CLAIMANT, KL_BOOT_SINCE, KL_BOOT_CLAIMED,
                                             KL_BOOT_PEM};
    for (guint i = 0; i < G_N_ELEMENTS(attributes); i++)
        remove_attribute(w, attributes[i]);
}

static void
add_count(Writing *w, const KlActivationChange *change, JsonObject *item)
{
    g_autofree char *counter = g_strconcat(KL_BOOT_COUNT, change->verdict, NULL);
    gint64 count = 0;
    read_number(item, counter, &count);
    set_number(w, counter, count < G_MAXINT64 ? count + 1 : count);
}

static gboolean
begins(const KlActivationChange *change)
{
    return change->row != NULL && strcmp(change->was->registered, "false") == 0 &&
           strcmp(change->row->registered, "requested") == 0;
}

void
kl_boot_write_change(JsonObject *request, const KlActivationChange *change, JsonObject *item, const char *token)
{
    Writing w;
    writing_begin(&w, request);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        require_same(&w, item, fields[i]);
    require_same(&w, item, KL_BOOT_TURN);
    g_autofree char *turns = words_with(item, KL_BOOT_TURN, token, TURNS_KEPT);
    set_text(&w, KL_BOOT_TURN, turns);
    if (change->row != NULL) {
        set_text(&w, "registered", change->row->registered);
        set_number(&w, "version", change->row->version);
        set_number(&w, "connections", change->row->connections);
    }
    if (begins(change))
        forget_credential(&w);
    if (change->id != NULL && !kl_boot_words_have(item, KL_BOOT_IDS, change->id)) {
        g_autofree char *ids = words_with(item, KL_BOOT_IDS, change->id, KL_ACTIVATION_IDS_KEPT);
        set_text(&w, KL_BOOT_IDS, ids);
    }
    if (change->heard)
        set_seen(&w, change, item);
    add_count(&w, change, item);
    writing_end(&w);
}

/* --- credentials --- */

gboolean
kl_boot_may_claim(JsonObject *item, const KlActivationClaim *claim)
{
    gint64 claimed = 0;
    gboolean is_claimed = read_number(item, KL_BOOT_CLAIMED, &claimed);
    if (kl_item_text(item, KL_BOOT_PEM) != NULL)
        return FALSE;
    if (kl_item_text(item, KL_BOOT_CSR) == NULL || !is_claimed)
        return TRUE;
    return g_strcmp0(kl_item_text(item, KL_BOOT_CLAIMANT), claim->claimant) != 0 &&
           ABS(claim->now_us - claimed) > KL_ACTIVATION_CLAIM_US;
}

void
kl_boot_read_credential(JsonObject *item, const KlActivationClaim *claim, KlActivationCredential *credential)
{
    gsize length = 0;
    g_autofree char *text = text_or_empty(item, KL_BOOT_CSR);
    guchar *der = g_base64_decode(text, &length);
    credential->csr = g_bytes_new_take(der, length);
    credential->pem = g_strdup(kl_item_text(item, KL_BOOT_PEM));
    credential->mine = credential->pem == NULL && g_strcmp0(kl_item_text(item, KL_BOOT_CLAIMANT), claim->claimant) == 0;
    read_number(item, KL_BOOT_SINCE, &credential->since_us);
}

void
kl_boot_write_claim(JsonObject *request, JsonObject *item, const KlActivationClaim *claim)
{
    Writing w;
    writing_begin(&w, request);
    require_existence(&w, "device", TRUE);
    require_existence(&w, KL_BOOT_PEM, FALSE);
    require_same(&w, item, KL_BOOT_CSR);
    require_same(&w, item, KL_BOOT_CLAIMANT);
    require_same(&w, item, KL_BOOT_CLAIMED);
    if (kl_item_text(item, KL_BOOT_CSR) == NULL || claim->replaces) {
        g_autofree char *csr = g_base64_encode(g_bytes_get_data(claim->csr, NULL), g_bytes_get_size(claim->csr));
        set_text(&w, KL_BOOT_CSR, csr);
        set_number(&w, KL_BOOT_SINCE, claim->now_us);
    }
    set_text(&w, KL_BOOT_CLAIMANT, claim->claimant);
    set_number(&w, KL_BOOT_CLAIMED, claim->now_us);
    writing_end(&w);
}

void
kl_boot_write_issued(JsonObject *request, const char *csr, const char *pem)
{
    Writing w;
    writing_begin(&w, request);
    require_text(&w, KL_BOOT_CSR, csr);
    require_existence(&w, KL_BOOT_PEM, FALSE);
    set_text(&w, KL_BOOT_PEM, pem);
    writing_end(&w);
}

void
kl_boot_write_release(JsonObject *request, const char *claimant)
{
    Writing w;
    writing_begin(&w, request);
    require_existence(&w, KL_BOOT_PEM, FALSE);
    require_text(&w, KL_BOOT_CLAIMANT, claimant);
    set_number(&w, KL_BOOT_CLAIMED, 1);
    writing_end(&w);
}
