#include "tests/rig/cloud_rig.h"

#include <string.h>

#include "tests/cloud_tables.h"

/* That of the product that setup writes. */
#define POLICY "MyRaspberry_IoT_Activation"

#define DRAIN_US (120 * G_USEC_PER_SEC)

static void
make_policy(KlAws *aws)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) body = json_from_string(
        "{\"policyDocument\": \"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","
        "\\\"Action\\\":\\\"iot:Connect\\\",\\\"Resource\\\":\\\"*\\\"}]}\"}",
        NULL);
    const KlAwsCall call = {.operation = KL_AWS_CREATE_POLICY, .path = "/policies/" POLICY, .body = body};
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    kl_aws_call(aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

AwsPeer *
kl_cloud_rig_start(void)
{
    AwsPeer *peer = aws_peer_start(NULL);
    const KlAwsOptions options = {0};
    g_autoptr(GError) error = NULL;
    aws_peer_lead(peer);
    g_autoptr(KlAws) aws = kl_aws_new(&options, &error);
    g_assert_no_error(error);
    cloud_tables_make(aws);
    make_policy(aws);
    return peer;
}

static void
add_all(GPtrArray *list, const char *const *more)
{
    for (guint i = 0; more != NULL && more[i] != NULL; i++)
        g_ptr_array_add(list, (gpointer)more[i]);
    g_ptr_array_add(list, NULL);
}

KlLineRig *
kl_cloud_rig_station(const char *name, const char *signer, guint units, guint64 seed, const char *const *station,
                     const char *const *product)
{
    const KlSimOptions options = {.units = units, .one_port = TRUE, .seed = seed};
    g_autofree char *name_change = g_strconcat("station.name=", name, NULL);
    g_autofree char *signer_change = g_strconcat("ca.signer=", signer, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new(), product_all = g_ptr_array_new();
    g_ptr_array_add(all, name_change);
    g_ptr_array_add(all, signer_change);
    g_ptr_array_add(all, (gpointer) "aws.rows-per-second=1000");
    add_all(all, station);
    g_ptr_array_add(product_all, (gpointer) "certificate.subject=CN={device_id}");
    add_all(product_all, product);
    return kl_line_rig_new_configured(&options, (const char *const *)product_all->pdata,
                                      (const char *const *)all->pdata);
}

JsonObject *
kl_cloud_rig_state(const AwsPeer *peer)
{
    g_autoptr(JsonNode) state = aws_peer_control(peer, "GET", "state", NULL);
    return json_node_dup_object(state);
}

/* The unit's public key as the peer tells it: hex of its DER. A key is asked for at every look at the peer: openssl is
 * asked once for each. */
static const char *
unit_key(const KlLineRig *rig, guint slot)
{
    static GHashTable *known;
    g_autofree char *path = g_build_filename(kl_sim_unit_dir(rig->sim, slot), "key-keyline.pem", NULL);
    g_autofree char *pem = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &pem, NULL, &error);
    g_assert_no_error(error);
    if (known == NULL)
        known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!g_hash_table_contains(known, pem)) {
        g_autofree char *command =
            g_strdup_printf("openssl pkey -in '%s' -pubout -outform DER | od -An -v -tx1 | tr -d ' \\n'", path);
        g_hash_table_insert(known, g_strdup(pem), kl_line_rig_shell(rig, command));
    }
    return g_hash_table_lookup(known, pem);
}

guint
kl_cloud_rig_certificates(const KlLineRig *rig, guint slot, JsonObject *state, const char *status)
{
    const char *key = unit_key(rig, slot);
    JsonArray *all = json_object_get_array_member(json_object_get_object_member(state, "iot"), "certificates");
    guint count = 0;
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *certificate = json_array_get_object_element(all, i);
        gboolean same = g_str_equal(json_object_get_string_member(certificate, "publicKey"), key);
        count += same && (status == NULL || g_str_equal(json_object_get_string_member(certificate, "status"), status));
    }
    return count;
}

guint
kl_cloud_rig_items(JsonObject *state, const char *table, const char *key, const char *value)
{
    JsonObject *tables = json_object_get_object_member(json_object_get_object_member(state, "dynamodb"), "tables");
    JsonArray *items = json_object_get_array_member(tables, table);
    guint count = 0;
    for (guint i = 0; i < json_array_get_length(items); i++) {
        g_autofree char *text = key != NULL ? cloud_attribute(json_array_get_object_element(items, i), key) : NULL;
        count += key == NULL || (text != NULL && g_str_equal(text + strlen("S:"), value));
    }
    return count;
}

void
kl_cloud_rig_drain(const KlLineRig *rig)
{
    KlStore *store = kl_station_store(rig->station);
    gint64 until_us = g_get_monotonic_time() + DRAIN_US;
    for (;;) {
        g_auto(KlOutboxCounts) counts = {0};
        g_autoptr(GError) error = NULL;
        store->klass->outbox_counts(store, &counts, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(counts.parked, ==, 0);
        if (counts.queued == 0)
            return;
        if (g_get_monotonic_time() > until_us)
            g_error("%u rows are left: %s", counts.queued, counts.last_code);
        kl_outbox_poke(kl_station_outbox(rig->station));
        g_usleep(5000);
    }
}
