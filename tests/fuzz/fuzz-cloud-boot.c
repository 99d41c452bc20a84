/* What first boot reads at AWS: the input is an event as a rule hands it to a function, and a device's item as DynamoDB
 * answers it, to first boot and to stations. Either becomes something whole, or nothing. */
#include <string.h>

#include "db/activation_item.h"
#include "db/cloud_row.h"
#include "station/error.h"
#include "station/lambda/event.h"
#include "station/net/json_text.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

static void
try_event(const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlLambdaEvent) event = {0};
    gboolean ok = kl_lambda_event_read(&event, text, length, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", &error);
    fuzz_assert_result(ok, error);
    if (!ok)
        return;
    const KlActivationMessage message = kl_lambda_event_message(&event);
    g_assert_nonnull(message.sender);
    g_assert_cmpuint(strlen(message.id), <=, KL_ACTIVATION_ID_MAX);
    g_autoptr(KlActivation) a = kl_activation_judge(&(KlActivationRules){0}, &message, NULL);
    g_assert_null(a->row);
    g_autofree char *id = kl_activation_message_id(&message);
    g_assert_true(id == NULL || fuzz_is_printable(id));
    fuzz_accepted++;
}

/* Every short form that the expressions use is told, and none is told that they don't use. */
static void
check_request(JsonObject *request)
{
    static const char *const maps[] = {"ExpressionAttributeNames", "ExpressionAttributeValues"};
    g_autofree char *all = g_strdup_printf("%s, %s ", json_object_get_string_member(request, "UpdateExpression"),
                                           json_object_get_string_member(request, "ConditionExpression"));
    for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
        JsonObject *map = json_object_get_object_member(request, maps[i]);
        g_autoptr(GList) names = json_object_get_members(map);
        for (GList *at = names; at != NULL; at = at->next)
            g_assert_nonnull(strstr(all, at->data));
    }
}

/* As stations look at it: a row, or a problem. */
static void
try_cloud_row(JsonObject *item)
{
    g_autoptr(KlCloudRow) said = kl_cloud_row_of_item("FX30-1", item, 5);
    g_assert_cmpstr(said->device, ==, "FX30-1");
    g_assert_true((said->row != NULL) == (said->problem == NULL));
    if (said->row == NULL) {
        fuzz_assert_result(FALSE, said->problem);
        return;
    }
    g_assert_true(said->row->version >= 0 && said->row->connections >= 0);
    g_assert_true(said->first_seen_us >= 0 && said->first_seen_us <= said->last_seen_us);
    for (guint i = 0; i < said->counts->len; i++)
        g_assert_cmpint(((const KlFieldCount *)said->counts->pdata[i])->total, >, 0);
}

static void
try_item(const char *text, gsize length)
{
    g_autoptr(JsonNode) node = kl_json_parse_object(text, length);
    if (node == NULL)
        return;
    JsonObject *item = json_node_get_object(node);
    try_cloud_row(item);
    g_autoptr(KlRegistration) row = kl_boot_row(item);
    g_assert_true(row->version >= 0 && row->connections >= 0);
    g_assert_true(kl_boot_row_equal(row, row));
    const KlActivationChange change = {
        .device = row->device, .was = row, .row = row, .id = "i", .heard = TRUE, .verdict = "answered", .now_us = 5};
    g_autoptr(JsonObject) request = json_object_new();
    kl_boot_write_change(request, &change, item, "token");
    check_request(request);

    g_autoptr(GBytes) csr = g_bytes_new_static("csr", 3);
    const KlActivationClaim claim = {row->device, "claimant", csr, length % 2 == 0, 5};
    g_auto(KlActivationCredential) credential = {0};
    kl_boot_read_credential(item, &claim, &credential);
    g_assert_false(credential.mine && credential.pem != NULL);
    if (!kl_boot_may_claim(item, &claim))
        return;
    g_autoptr(JsonObject) claiming = json_object_new();
    kl_boot_write_claim(claiming, item, &claim);
    check_request(claiming);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    try_event((const char *)data, size);
    try_item((const char *)data, size);
    return 0;
}
