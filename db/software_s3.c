#include "db/software_s3.h"

#include <string.h>

#include "db/dynamodb.h"
#include "station/error.h"

typedef struct {
    KlSoftwareShelf base;
    KlAws *aws;
    char *table;
} Shelf;

static gboolean
fail_unknown(GError **error)
{
    return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no software by the name in the row");
}

/* --- where it is --- */

static void
entry_of(JsonObject *item, KlSoftwareEntry *entry)
{
    guint64 version = 0;
    gboolean numbered = kl_item_number(item, "version", &version) && version <= KL_ACTIVATION_VERSION_MAX;
    entry->bucket = g_strdup(kl_item_text(item, "bucket"));
    entry->file = g_strdup(kl_item_text(item, "file"));
    entry->version = numbered ? (gint64)version : -1;
    entry->signature = g_strdup(kl_item_text(item, "signature"));
}

static gboolean
read_entry(const Shelf *self, const char *name, KlSoftwareEntry *entry, KlOp *op, GError **error)
{
    if (*name == '\0' || strlen(name) > KL_SOFTWARE_NAME_MAX || !g_utf8_validate(name, -1, NULL))
        return fail_unknown(error);
    g_autoptr(JsonObject) request = kl_dynamodb_request(self->table);
    JsonObject *key = json_object_new();
    kl_item_set_text(key, kl_firmware_key.hash, name);
    json_object_set_object_member(request, "Key", key);
    json_object_set_boolean_member(request, "ConsistentRead", TRUE);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_dynamodb_call(self->aws, KL_AWS_DYNAMODB_GET_ITEM, request, TRUE, op, &answer, error))
        return FALSE;
    JsonObject *item = kl_dynamodb_object(&answer, "Item");
    if (item == NULL)
        return fail_unknown(error);
    entry_of(item, entry);
    return kl_software_entry_check(entry, error);
}

/* --- what it is --- */

/* No more than that is asked for, so whoever puts a film there costs nobody its size. */
#define RANGE "bytes=0-" G_STRINGIFY(98304)
G_STATIC_ASSERT(KL_SOFTWARE_MAX == 98304);

/* What an error says of the entry that led there; any other is passed on. */
static gboolean
fail_by_answer(const KlAwsAnswer *answer, const KlSoftwareEntry *entry, GError *why, GError **error)
{
    g_autoptr(GError) owned = why;
    if (kl_error_code(owned) == KL_ERROR_CLOUD_MISSING)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "bucket %s has no %s: %s", entry->bucket, entry->file,
                       answer->error_name);
    g_propagate_prefixed_error(error, g_steal_pointer(&owned), "bucket %s: ", entry->bucket);
    return FALSE;
}

static GBytes *
get_object(const Shelf *self, const KlSoftwareEntry *entry, KlOp *op, GError **error)
{
    g_autofree char *below = g_strdup_printf("/%s/%s", entry->bucket, entry->file);
    g_autofree char *path = kl_uri_encode(below, TRUE);
    const KlPair headers[] = {{"Range", RANGE}, {NULL, NULL}};
    const KlAwsCall call = {
        .operation = KL_AWS_S3_GET_OBJECT, .path = path, .headers = headers, .answer_max = KL_SOFTWARE_MAX + 1};
    g_auto(KlAwsAnswer) answer = {0};
    KlOp without_limits = {0};
    GError *why = NULL;
    if (!kl_aws_call(self->aws, &call, op != NULL ? op : &without_limits, &answer, &why)) {
        if (g_strcmp0(answer.error_name, "InvalidRange") != 0) {
            fail_by_answer(&answer, entry, why, error);
            return NULL;
        }
        g_error_free(why);
        return g_bytes_new(NULL, 0); /* an object without a first byte */
    }
    if (g_bytes_get_size(answer.bytes) > KL_SOFTWARE_MAX) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "bucket %s: %s has more than %d bytes", entry->bucket, entry->file,
                KL_SOFTWARE_MAX);
        return NULL;
    }
    return g_bytes_ref(answer.bytes);
}

static KlSoftware *
find(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    const Shelf *self = (Shelf *)shelf;
    g_auto(KlSoftwareEntry) entry = {0};
    if (!read_entry(self, name, &entry, op, error))
        return NULL;
    GBytes *content = get_object(self, &entry, op, error);
    if (content == NULL)
        return NULL;
    KlSoftware *software = g_new0(KlSoftware, 1);
    *software = (KlSoftware){entry.version, content, g_steal_pointer(&entry.signature)};
    return software;
}

static void
shelf_free(KlSoftwareShelf *shelf)
{
    g_free(((Shelf *)shelf)->table);
    g_free(shelf);
}

static const KlSoftwareShelfClass class = {.find = find, .free = shelf_free};

KlSoftwareShelf *
kl_software_s3_new(KlAws *aws, const char *table)
{
    Shelf *self = g_new0(Shelf, 1);
    *self = (Shelf){{&class}, aws, g_strdup(table)};
    return &self->base;
}
