/* The agent's items and what ends them, over a device in memory: staging, commit, lock, delete, power cuts between
 * operations. */
#include <glib.h>
#include <string.h>

#include "agent_fake.h"

/* Any bytes, cut into any pieces, arrive as they were. */
static void
test_items_property(void)
{
    for (int round = 0; round < 200; round++) {
        g_autoptr(Unit) unit = unit_new();
        guint8 bytes[KL_AGENT_ITEM_MAX];
        gsize len = (gsize)g_test_rand_int_range(1, sizeof bytes + 1);
        for (gsize i = 0; i < len; i++)
            bytes[i] = (guint8)g_test_rand_int_range(0, 256);
        for (gsize offset = 0; offset < len;) {
            gsize n = (gsize)g_test_rand_int_range(1, KL_AGENT_PIECE_MAX + 1);
            n = MIN(n, len - offset);
            g_assert_cmpstr(put(unit, "certificate", offset, bytes + offset, n), ==, "OK");
            offset += n;
        }
        g_assert_cmpstr(commit(unit, "certificate", bytes, len), ==, "OK");
        const GByteArray *stored = g_hash_table_lookup(unit->device.items, "certificate");
        g_assert_cmpmem(stored->data, stored->len, bytes, len);
        g_autofree char *hash = hash_hex(bytes, len);
        g_autofree char *expected =
            g_strdup_printf("+KLITEM: \"certificate\",\"%" G_GSIZE_FORMAT "\",\"%s\"", len, hash);
        expect_ok(unit, "AT+KLITEM?");
        g_assert_cmpstr(unit->lines->pdata[0], ==, expected);
    }
}

static void
test_item_sizes(void)
{
    static const struct {
        const char *item;
        gsize max;
    } table[] = {{"certificate", 4096}, {"chain", 4096}, {"endpoint", 256}, {"parameters", 2048}};
    const guint8 bytes[4096 + 1] = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(Unit) unit = unit_new();
        stage(unit, table[i].item, bytes, table[i].max);
        g_assert_cmpstr(put(unit, table[i].item, table[i].max, bytes, 1), ==, "+CME ERROR: 520");
        g_assert_cmpstr(commit(unit, table[i].item, bytes, table[i].max), ==, "OK");
    }
}

static void
test_total_size(void)
{
    g_autoptr(Unit) unit = unit_new();
    const guint8 bytes[4096] = {0};
    stage(unit, "certificate", bytes, 4096);
    g_assert_cmpstr(commit(unit, "certificate", bytes, 4096), ==, "OK");
    stage(unit, "chain", bytes, 3073);
    g_assert_cmpstr(commit(unit, "chain", bytes, 3073), ==, "+CME ERROR: 525");
    assert_stored(unit, "chain", NULL);
    stage(unit, "chain", bytes, 3072);
    g_assert_cmpstr(commit(unit, "chain", bytes, 3072), ==, "OK");
    /* An item's own old size does not count against its new one. */
    stage(unit, "chain", bytes, 3000);
    g_assert_cmpstr(commit(unit, "chain", bytes, 3000), ==, "OK");
}

static void
test_staging(void)
{
    g_autoptr(Unit) unit = unit_new();
    const guint8 *new_text = (const guint8 *)"new text";
    install(unit, "endpoint", "old");
    g_assert_cmpstr(put(unit, "endpoint", 0, new_text, 4), ==, "OK");
    g_assert_cmpstr(put(unit, "endpoint", 0, new_text, 4), ==, "OK"); /* starts over */
    g_assert_cmpstr(put(unit, "endpoint", 3, new_text, 4), ==, "+CME ERROR: 518");
    g_assert_cmpstr(put(unit, "endpoint", 5, new_text, 4), ==, "+CME ERROR: 518");
    g_assert_cmpstr(put(unit, "chain", 4, new_text, 4), ==, "+CME ERROR: 518"); /* each item on its own */
    g_assert_cmpstr(commit(unit, "endpoint", new_text, 8), ==, "+CME ERROR: 521");
    g_assert_cmpstr(commit(unit, "endpoint", new_text, 3), ==, "+CME ERROR: 521");
    assert_stored(unit, "endpoint", "old");
    g_assert_cmpstr(put(unit, "endpoint", 4, new_text + 4, 4), ==, "OK"); /* a wrong length loses nothing */
    g_assert_cmpstr(commit(unit, "endpoint", (const guint8 *)"new tex!", 8), ==, "+CME ERROR: 522");
    assert_stored(unit, "endpoint", "old");
    g_assert_cmpstr(commit(unit, "endpoint", new_text, 8), ==, "+CME ERROR: 529"); /* a wrong hash does */
    install(unit, "endpoint", "new text");
    assert_stored(unit, "endpoint", "new text");
    g_assert_cmpstr(commit(unit, "endpoint", new_text, 8), ==, "+CME ERROR: 529");
}

static void
test_store_failure_keeps_staging(void)
{
    g_autoptr(Unit) unit = unit_new();
    const guint8 *text = (const guint8 *)"text";
    install(unit, "endpoint", "old");
    stage(unit, "endpoint", text, 4);
    unit->device.fail_op = "item_write";
    unit->device.fail_with = KL_AGENT_E_STORE_FULL;
    g_assert_cmpstr(commit(unit, "endpoint", text, 4), ==, "+CME ERROR: 525");
    assert_stored(unit, "endpoint", "old");
    unit->device.fail_op = NULL;
    g_assert_cmpstr(commit(unit, "endpoint", text, 4), ==, "OK");
    assert_stored(unit, "endpoint", "text");
}

static void
test_restart_forgets_staging(void)
{
    g_autoptr(Unit) unit = unit_new();
    const guint8 *text = (const guint8 *)"text";
    stage(unit, "endpoint", text, 4);
    unit_restart(unit);
    g_assert_cmpstr(put(unit, "endpoint", 4, text, 4), ==, "+CME ERROR: 518");
    g_assert_cmpstr(commit(unit, "endpoint", text, 4), ==, "+CME ERROR: 529");
}

/* KLITEM? tells of what is in the store, not of what was sent. */
static void
test_item_hash_is_of_the_store(void)
{
    g_autoptr(Unit) unit = unit_new();
    install(unit, "endpoint", "host");
    GByteArray *stored = g_hash_table_lookup(unit->device.items, "endpoint");
    stored->data[0] ^= 1;
    g_autofree char *hash = hash_hex(stored->data, stored->len);
    g_autofree char *expected = g_strdup_printf("+KLITEM: \"endpoint\",\"4\",\"%s\"", hash);
    expect_ok(unit, "AT+KLITEM?");
    g_assert_cmpstr(unit->lines->pdata[0], ==, expected);
}

static void
test_lock(void)
{
    g_autoptr(Unit) unit = unit_with_keys();
    install(unit, "certificate", "first");
    expect_ok(unit, "AT+KLLOCK=\"shut\"");
    expect_error(unit, "AT+KLKEY=\"shut\",\"ec-p256\"", KL_AGENT_E_SLOT_USED);
    expect_error(unit, "AT+KLDEL=\"shut\"", KL_AGENT_E_LOCKED);
    install(unit, "certificate", "renewed");
    assert_stored(unit, "certificate", "renewed");
    /* The items belong to the unit: an open slot beside a locked one goes alone. */
    expect_ok(unit, "AT+KLDEL=\"used\"");
    g_assert_false(g_hash_table_contains(unit->device.keys, "used"));
    assert_stored(unit, "certificate", "renewed");
    unit_restart(unit);
    expect_error(unit, "AT+KLDEL=\"shut\"", KL_AGENT_E_LOCKED);
    g_assert_cmpuint(unit->device.log->len, ==, 6); /* 2 keys, 1 lock (not 2), 2 writes, 1 delete */
}

static Unit *
unit_provisioned(void)
{
    Unit *unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    install(unit, "certificate", "c");
    install(unit, "chain", "h");
    install(unit, "trust", "t");
    install(unit, "endpoint", "e");
    install(unit, "parameters", "p");
    g_ptr_array_set_size(unit->device.log, 0);
    return unit;
}

static void
test_delete_order(void)
{
    g_autoptr(Unit) unit = unit_provisioned();
    expect_ok(unit, "AT+KLDEL=\"k\"");
    g_assert_cmpuint(unit->device.log->len, ==, 6);
    g_assert_cmpstr(unit->device.log->pdata[0], ==, "delete certificate");
    g_assert_cmpstr(unit->device.log->pdata[5], ==, "delete key k");
    expect_ok(unit, "AT+KLITEM?");
    g_assert_cmpuint(unit->lines->len, ==, 1);
    expect_ok(unit, "AT+KLKEY?");
    g_assert_cmpuint(unit->lines->len, ==, 1);
}

/* Power goes before each change of KLDEL: no certificate without its key is ever left, and a second KLDEL ends it. */
static void
test_delete_power_cut(void)
{
    for (guint cut = 0; cut < 6; cut++) {
        g_autoptr(Unit) unit = unit_provisioned();
        unit->device.changes_left = cut;
        g_assert_cmpstr(run(unit, "AT+KLDEL=\"k\""), ==, "+CME ERROR: 524");
        unit_restart(unit);
        g_assert_true(g_hash_table_contains(unit->device.keys, "k"));
        g_assert_cmpint(g_hash_table_contains(unit->device.items, "certificate"), ==, cut == 0);
        expect_ok(unit, "AT+KLDEL=\"k\"");
        g_assert_cmpuint(g_hash_table_size(unit->device.items), ==, 0);
        expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    }
}

/* A key that can't be read any more must not keep the unit from being emptied. */
static void
test_delete_broken_key(void)
{
    g_autoptr(Unit) unit = unit_provisioned();
    unit->device.fail_op = "key_public";
    unit->device.fail_with = KL_AGENT_E_KEYSTORE;
    expect_ok(unit, "AT+KLDEL=\"k\"");
    g_assert_cmpuint(g_hash_table_size(unit->device.keys), ==, 0);
}

static void
test_delete_forgets_staging(void)
{
    g_autoptr(Unit) unit = unit_provisioned();
    stage(unit, "chain", (const guint8 *)"text", 4);
    expect_ok(unit, "AT+KLDEL=\"k\"");
    g_assert_cmpstr(commit(unit, "chain", (const guint8 *)"text", 4), ==, "+CME ERROR: 529");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-items/items", test_items_property);
    g_test_add_func("/agent-items/item-sizes", test_item_sizes);
    g_test_add_func("/agent-items/total-size", test_total_size);
    g_test_add_func("/agent-items/staging", test_staging);
    g_test_add_func("/agent-items/store-failure", test_store_failure_keeps_staging);
    g_test_add_func("/agent-items/restart", test_restart_forgets_staging);
    g_test_add_func("/agent-items/item-hash", test_item_hash_is_of_the_store);
    g_test_add_func("/agent-items/lock", test_lock);
    g_test_add_func("/agent-items/delete/order", test_delete_order);
    g_test_add_func("/agent-items/delete/power-cut", test_delete_power_cut);
    g_test_add_func("/agent-items/delete/broken-key", test_delete_broken_key);
    g_test_add_func("/agent-items/delete/staging", test_delete_forgets_staging);
    return g_test_run();
}
