#include "db/activation_dynamodb.h"

#include <pthread.h>
#include <string.h>

#include "db/activation_item.h"
#include "db/dynamodb.h"
#include "station/error.h"

/* How often an item is looked at anew that others change meanwhile. */
#define TRIES 16
/* So many items that were read are remembered. A message's is, from its reading until it is kept; what is left behind
 * belongs to messages that came to nothing. */
#define READ_MAX 1024

typedef struct {
    KlActivationTable base;
    KlAws *aws;
    char *name;
    void (*told)(const char *note, gpointer data);
    gpointer data;
    pthread_mutex_t lock;
    GHashTable *read; /* device -> JsonObject, its item as it was read last; guarded by lock */
} TableDynamodb;

/* --- calls --- */

static JsonObject *
request_for(const TableDynamodb *self, const char *device)
{
    JsonObject *request = kl_dynamodb_request(self->name);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_registration_key.hash, device);
    json_object_set_object_member(request, "Key", key);
    return request;
}

/* The device's item, consistently: *item NULL when there is none. The caller unrefs. */
static gboolean
get_item(const TableDynamodb *self, const char *device, JsonObject **item, KlOp *op, GError **error)
{
    *item = NULL;
    if (*device == '\0') /* nobody's name, which no key can be */
        return TRUE;
    g_autoptr(JsonObject) request = request_for(self, device);
    json_object_set_boolean_member(request, "ConsistentRead", TRUE);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_dynamodb_call(self->aws, KL_AWS_DYNAMODB_GET_ITEM, request, TRUE, op, &answer, error))
        return FALSE;
    JsonObject *found = kl_dynamodb_object(&answer, "Item");
    *item = found != NULL ? json_object_ref(found) : NULL;
    return TRUE;
}

typedef enum {
    UPDATE_DONE,
    UPDATE_REFUSED, /* by its condition */
    UPDATE_LOST,    /* the same, but an earlier attempt may have done it */
    UPDATE_FAILED,
} Update;

/* Sends an update that its condition keeps from acting twice. */
static Update
update_item(const TableDynamodb *self, JsonObject *request, KlOp *op, GError **error)
{
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) why = NULL;
    if (kl_dynamodb_call(self->aws, KL_AWS_DYNAMODB_UPDATE_ITEM, request, TRUE, op, &answer, &why))
        return UPDATE_DONE;
    if (kl_dynamodb_refused_by_condition(&answer))
        return answer.doubtful ? UPDATE_LOST : UPDATE_REFUSED;
    g_propagate_error(error, g_steal_pointer(&why));
    return UPDATE_FAILED;
}

static gboolean
fail_busy(const char *device, GError **error)
{
    return kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "the item of %s changed %d times while it was looked at", device,
                   TRIES);
}

/* --- reading --- */

/* Takes the item over. */
static void
remember(TableDynamodb *self, const char *device, JsonObject *item)
{
    pthread_mutex_lock(&self->lock);
    if (g_hash_table_size(self->read) >= READ_MAX)
        g_hash_table_remove_all(self->read);
    g_hash_table_insert(self->read, g_strdup(device), item);
    pthread_mutex_unlock(&self->lock);
}

/* The item as it was read last, for once; NULL: it is to be read. The caller unrefs. */
static JsonObject *
recall(TableDynamodb *self, const char *device)
{
    gpointer name = NULL, item = NULL;
    pthread_mutex_lock(&self->lock);
    g_hash_table_steal_extended(self->read, device, &name, &item);
    pthread_mutex_unlock(&self->lock);
    g_free(name);
    return item;
}

static gboolean
read_view(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    TableDynamodb *self = (TableDynamodb *)table;
    JsonObject *item = NULL;
    if (!get_item(self, device, &item, op, error))
        return FALSE;
    view->row = item != NULL ? kl_boot_row(item) : NULL;
    view->again = item != NULL && id != NULL && kl_boot_words_have(item, KL_BOOT_IDS, id);
    if (item != NULL)
        remember(self, device, item);
    return TRUE;
}

/* --- keeping --- */

/* Of messages that name no device of the table. There is nothing to be guarded but a number, which may come out too
 * high by one when an answer is lost. */
static KlActivationKept
count_nobody(const TableDynamodb *self, const KlActivationChange *change, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) request = request_for(self, KL_BOOT_NOBODY);
    g_autofree char *counter = g_strconcat(KL_BOOT_COUNT, change->verdict, NULL);
    kl_dynamodb_name(request, "#count", counter);
    kl_item_set_number(kl_dynamodb_values(request), ":one", 1);
    json_object_set_string_member(request, "UpdateExpression", "ADD #count :one");
    return update_item(self, request, op, error) == UPDATE_DONE ? KL_ACTIVATION_KEPT : KL_ACTIVATION_FAILED;
}

/* Tries to put the change onto the item as it was read just now. UPDATE_REFUSED: the item is another one by now. */
static Update
try_change(const TableDynamodb *self, const KlActivationChange *change, JsonObject *item, const char *token, KlOp *op,
           GError **error)
{
    g_autoptr(JsonObject) request = request_for(self, change->device);
    kl_boot_write_change(request, change, item, token);
    Update update = update_item(self, request, op, error);
    if (update != UPDATE_LOST)
        return update;
    g_autoptr(JsonObject) now = NULL;
    if (!get_item(self, change->device, &now, op, error))
        return UPDATE_FAILED;
    return now != NULL && kl_boot_words_have(now, KL_BOOT_TURN, token) ? UPDATE_DONE : UPDATE_REFUSED;
}

/* Whether the change is still one to be made to that item. */
static gboolean
is_as_judged(const KlActivationChange *change, JsonObject *item)
{
    if (item == NULL || change->was == NULL)
        return item == NULL && change->was == NULL;
    g_autoptr(KlRegistration) row = kl_boot_row(item);
    gboolean known = change->id != NULL && kl_boot_words_have(item, KL_BOOT_IDS, change->id);
    return kl_boot_row_equal(row, change->was) && (!known || change->again);
}

/* The item that was judged, if that is what was read last: an update that holds for this one only needs no other look
 * at it. Else as it is now. */
static gboolean
judged_item(TableDynamodb *self, const KlActivationChange *change, JsonObject **item, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) read = recall(self, change->device);
    gboolean judged = read != NULL && is_as_judged(change, read);
    *item = judged ? g_steal_pointer(&read) : NULL;
    return judged || get_item(self, change->device, item, op, error);
}

static KlActivationKept
keep_change(TableDynamodb *self, const KlActivationChange *change, KlOp *op, GError **error)
{
    g_autofree char *token = g_uuid_string_random();
    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(JsonObject) item = NULL;
        if (!judged_item(self, change, &item, op, error))
            return KL_ACTIVATION_FAILED;
        if (!is_as_judged(change, item))
            return KL_ACTIVATION_CHANGED;
        if (item == NULL)
            return count_nobody(self, change, op, error);
        Update update = try_change(self, change, item, token, op, error);
        if (update == UPDATE_DONE || update == UPDATE_FAILED)
            return update == UPDATE_DONE ? KL_ACTIVATION_KEPT : KL_ACTIVATION_FAILED;
    }
    fail_busy(change->device, error);
    return KL_ACTIVATION_FAILED;
}

static KlActivationKept
keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    TableDynamodb *self = (TableDynamodb *)table;
    KlActivationKept kept = keep_change(self, change, op, error);
    if (kept == KL_ACTIVATION_KEPT && self->told != NULL && change->note != NULL)
        self->told(change->note, self->data);
    return kept;
}

/* --- credentials --- */

/* One look at the credential, and a claim of it where it can be claimed. *settled: the credential is the answer. */
static gboolean
try_claim(const TableDynamodb *self, const KlActivationClaim *claim, KlActivationCredential *credential,
          gboolean *settled, KlOp *op, GError **error)
{
    g_autoptr(JsonObject) item = NULL;
    if (!get_item(self, claim->device, &item, op, error))
        return FALSE;
    if (item == NULL)
        return kl_fail(error, KL_ERROR_INTERNAL, "%s has no row that could claim a credential", claim->device);
    *settled = TRUE;
    if (!kl_boot_may_claim(item, claim)) {
        kl_boot_read_credential(item, claim, credential);
        return TRUE;
    }
    g_autoptr(JsonObject) request = request_for(self, claim->device);
    kl_boot_write_claim(request, item, claim);
    Update update = update_item(self, request, op, error);
    *settled = FALSE; /* what is there now is looked at once more: it is ours, or somebody else's */
    return update != UPDATE_FAILED;
}

static gboolean
claim(KlActivationTable *table, const KlActivationClaim *claim, KlActivationCredential *credential, KlOp *op,
      GError **error)
{
    gboolean settled = FALSE;
    for (guint i = 0; i < TRIES && !settled; i++) {
        if (!try_claim((TableDynamodb *)table, claim, credential, &settled, op, error))
            return FALSE;
    }
    return settled || fail_busy(claim->device, error);
}

static gboolean
issued(KlActivationTable *table, const char *device, GBytes *csr, const char *pem, char **kept, KlOp *op,
       GError **error)
{
    const TableDynamodb *self = (TableDynamodb *)table;
    g_autoptr(JsonObject) request = request_for(self, device);
    g_autoptr(JsonObject) item = NULL;
    g_autofree char *claimed = g_base64_encode(g_bytes_get_data(csr, NULL), g_bytes_get_size(csr));
    kl_boot_write_issued(request, claimed, pem);
    if (update_item(self, request, op, error) == UPDATE_FAILED || !get_item(self, device, &item, op, error))
        return FALSE;
    gboolean ours = item != NULL && g_strcmp0(kl_item_text(item, KL_BOOT_CSR), claimed) == 0;
    *kept = ours ? g_strdup(kl_item_text(item, KL_BOOT_PEM)) : NULL;
    return *kept != NULL || kl_fail(error, KL_ERROR_ACTIVATION_BUSY, "%s has no claim with that request", device);
}

static gboolean
release(KlActivationTable *table, const char *device, const char *claimant, KlOp *op, GError **error)
{
    const TableDynamodb *self = (TableDynamodb *)table;
    g_autoptr(JsonObject) request = request_for(self, device);
    kl_boot_write_release(request, claimant);
    return update_item(self, request, op, error) != UPDATE_FAILED;
}

static void
table_free(KlActivationTable *table)
{
    TableDynamodb *self = (TableDynamodb *)table;
    g_hash_table_unref(self->read);
    pthread_mutex_destroy(&self->lock);
    g_free(self->name);
    g_free(self);
}

static const KlActivationTableClass class = {
    .read = read_view,
    .keep = keep,
    .claim = claim,
    .issued = issued,
    .release = release,
    .free = table_free,
};

KlActivationTable *
kl_activation_dynamodb_new(KlAws *aws, const char *table, void (*told)(const char *note, gpointer data), gpointer data)
{
    TableDynamodb *self = g_new0(TableDynamodb, 1);
    *self = (TableDynamodb){.base = {&class}, .aws = aws, .name = g_strdup(table), .told = told, .data = data};
    pthread_mutex_init(&self->lock, NULL);
    self->read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_object_unref);
    return &self->base;
}
