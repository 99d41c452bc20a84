/* A device in memory for the agent's tests, with faults and power cuts, and a unit: the agent on such a device. */
#pragma once

#include <glib.h>
#include <string.h>

#include "drivers/at_wp77/agent/commands.h"

#define NO_FAULT G_MAXUINT

/* A device in memory. Keys are not keys: their point and signatures are made up, as the commands can't tell. */
typedef struct {
    GHashTable *keys;  /* slot -> "open" or "locked" */
    GHashTable *items; /* name -> GByteArray */
    GPtrArray *log;    /* what changed, in order */
    KlAgentIdentity identity;
    const char *fail_op; /* this operation fails ... */
    int fail_with;       /* ... with this number */
    guint changes_left;  /* power goes when it is 0 and something is about to change */
} Device;

typedef struct {
    Device device;
    KlAgent *agent;
    GPtrArray *lines; /* of the last command */
    guint finals;
} Unit;

static int
fault(Device *device, const char *op)
{
    return g_strcmp0(device->fail_op, op) == 0 ? device->fail_with : 0;
}

/* Records a change; FALSE when power has gone. */
static gboolean
change(Device *device, const char *what, const char *name)
{
    if (device->changes_left == 0)
        return FALSE;
    if (device->changes_left != NO_FAULT)
        device->changes_left--;
    g_ptr_array_add(device->log, g_strdup_printf("%s %s", what, name));
    return TRUE;
}

static int
fake_key_create(void *data, const char *slot)
{
    Device *device = data;
    int error = fault(device, "key_create");
    if (error == 0 && !change(device, "make", slot))
        error = KL_AGENT_E_STORE;
    if (error == 0)
        g_hash_table_insert(device->keys, g_strdup(slot), (gpointer) "open");
    return error;
}

static int
fake_key_public(void *data, const char *slot, guint8 point[65])
{
    Device *device = data;
    if (!g_hash_table_contains(device->keys, slot))
        return KL_AGENT_E_NO_KEY;
    memset(point, slot[0], 65);
    point[0] = 4;
    return fault(device, "key_public");
}

static int
fake_key_sign(void *data, const char *slot, const guint8 digest[32], guint8 raw[64])
{
    Device *device = data;
    if (!g_hash_table_contains(device->keys, slot))
        return KL_AGENT_E_NO_KEY;
    memcpy(raw, digest, 32);
    memcpy(raw + 32, digest, 32);
    return fault(device, "key_sign");
}

static int
fake_key_delete(void *data, const char *slot)
{
    Device *device = data;
    int error = fault(device, "key_delete");
    if (error == 0 && !change(device, "delete key", slot))
        error = KL_AGENT_E_STORE;
    if (error == 0)
        g_hash_table_remove(device->keys, slot);
    return error;
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static int
fake_key_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], gsize *n)
{
    Device *device = data;
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(device->keys), compare_text);
    *n = 0;
    for (GList *at = names; at != NULL; at = at->next)
        g_strlcpy(slots[(*n)++].name, at->data, sizeof slots[0].name);
    return fault(device, "key_list");
}

static int
fake_key_lock(void *data, const char *slot)
{
    Device *device = data;
    int error = fault(device, "key_lock");
    if (error == 0 && !change(device, "lock", slot))
        error = KL_AGENT_E_STORE;
    if (error == 0)
        g_hash_table_insert(device->keys, g_strdup(slot), (gpointer) "locked");
    return error;
}

static int
fake_key_locked(void *data, const char *slot, bool *locked)
{
    Device *device = data;
    *locked = g_strcmp0(g_hash_table_lookup(device->keys, slot), "locked") == 0;
    return fault(device, "key_locked");
}

static const char *
fake_backend(void *data, const char *slot)
{
    return "iks";
}

static int
fake_item_write(void *data, const char *name, const guint8 *bytes, gsize len)
{
    Device *device = data;
    int error = fault(device, "item_write");
    if (error == 0 && !change(device, "write", name))
        error = KL_AGENT_E_STORE;
    if (error == 0) {
        GByteArray *copy = g_byte_array_append(g_byte_array_new(), bytes, (guint)len);
        g_hash_table_insert(device->items, g_strdup(name), copy);
    }
    return error;
}

static int
fake_item_read(void *data, const char *name, guint8 *bytes, gsize cap, gsize *len)
{
    Device *device = data;
    const GByteArray *stored = g_hash_table_lookup(device->items, name);
    if (stored == NULL)
        return KL_AGENT_E_NO_ITEM;
    g_assert_cmpuint(stored->len, <=, cap);
    memcpy(bytes, stored->data, stored->len);
    *len = stored->len;
    return fault(device, "item_read");
}

static int
fake_item_delete(void *data, const char *name)
{
    Device *device = data;
    int error = fault(device, "item_delete");
    if (error == 0 && !change(device, "delete", name))
        error = KL_AGENT_E_STORE;
    if (error == 0)
        g_hash_table_remove(device->items, name);
    return error;
}

static int
fake_identity(void *data, KlAgentIdentity *identity)
{
    Device *device = data;
    *identity = device->identity;
    return fault(device, "identity");
}

static int
fake_boot_id(void *data, char id[KL_AGENT_BOOT_CHARS + 1])
{
    g_strlcpy(id, "0123456789abcdef", KL_AGENT_BOOT_CHARS + 1);
    return fault(data, "boot_id");
}

G_GNUC_UNUSED static void
sha256(const guint8 *bytes, gsize len, guint8 digest[32])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize size = 32;
    g_checksum_update(sum, bytes, (gssize)len);
    g_checksum_get_digest(sum, digest, &size);
}

static int
fake_sha256(void *data, const guint8 *bytes, gsize len, guint8 digest[32])
{
    sha256(bytes, len, digest);
    return fault(data, "sha256");
}

static const KlAgentOps fake_ops = {
    fake_key_create, fake_key_public, fake_key_sign,  fake_key_delete,  fake_key_list, fake_key_lock, fake_key_locked,
    fake_backend,    fake_item_write, fake_item_read, fake_item_delete, fake_identity, fake_boot_id,  fake_sha256,
};

static void
unit_restart(Unit *unit)
{
    kl_agent_free(unit->agent);
    unit->agent = kl_agent_new(&fake_ops, &unit->device);
    unit->device.changes_left = NO_FAULT;
    unit->device.fail_op = NULL;
}

static Unit *
unit_new(void)
{
    Unit *unit = g_new0(Unit, 1);
    unit->device = (Device){
        .keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .items = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_byte_array_unref),
        .log = g_ptr_array_new_with_free_func(g_free),
        .identity = {"352653090000019", "4L900000000001", "WP7702", "SWI9X06Y_02.32.02.00"},
    };
    unit->lines = g_ptr_array_new_with_free_func(g_free);
    unit_restart(unit);
    return unit;
}

G_GNUC_UNUSED static void
unit_free(Unit *unit)
{
    kl_agent_free(unit->agent);
    g_hash_table_unref(unit->device.keys);
    g_hash_table_unref(unit->device.items);
    g_ptr_array_unref(unit->device.log);
    g_ptr_array_unref(unit->lines);
    g_free(unit);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Unit, unit_free)

static void
collect(void *data, KlAgentRsp kind, const char *text)
{
    Unit *unit = data;
    g_assert_cmpuint(unit->finals, ==, 0); /* nothing follows a final line */
    g_assert_cmpuint(strlen(text), <=, KL_AGENT_RESPONSE_MAX);
    for (const char *c = text; *c != '\0'; c++)
        g_assert_true(*c >= 0x20 && *c <= 0x7e);
    unit->finals += kind == KL_AGENT_FINAL;
    g_ptr_array_add(unit->lines, g_strdup(text));
}

/* Runs a line; the final line, or NULL when the agent does not know the command. */
static const char *
run_bytes(Unit *unit, const char *line, gsize len)
{
    g_ptr_array_set_size(unit->lines, 0);
    unit->finals = 0;
    gboolean known = kl_agent_command(unit->agent, line, len, collect, unit);
    g_assert_cmpuint(unit->finals, ==, known ? 1 : 0);
    return known ? unit->lines->pdata[unit->lines->len - 1] : NULL;
}

G_GNUC_UNUSED static const char *
run(Unit *unit, const char *line)
{
    return run_bytes(unit, line, strlen(line));
}

G_GNUC_UNUSED static void
expect_ok(Unit *unit, const char *line)
{
    g_assert_cmpstr(run(unit, line), ==, "OK");
}

G_GNUC_UNUSED static void
expect_error(Unit *unit, const char *line, int number)
{
    g_autofree char *expected = g_strdup_printf("+CME ERROR: %d", number);
    g_assert_cmpstr(run(unit, line), ==, expected);
    g_assert_cmpuint(unit->lines->len, ==, 1);
}

G_GNUC_UNUSED static char *
hash_hex(const guint8 *bytes, gsize len)
{
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, len);
}

G_GNUC_UNUSED static const char *
put(Unit *unit, const char *item, gsize offset, const guint8 *bytes, gsize len)
{
    g_autofree char *text = g_base64_encode(bytes, len);
    g_autofree char *line = g_strdup_printf("AT+KLPUT=\"%s\",\"%" G_GSIZE_FORMAT "\",\"%s\"", item, offset, text);
    return run(unit, line);
}

G_GNUC_UNUSED static const char *
commit(Unit *unit, const char *item, const guint8 *bytes, gsize len)
{
    g_autofree char *hash = hash_hex(bytes, len);
    g_autofree char *line = g_strdup_printf("AT+KLCOMMIT=\"%s\",\"%" G_GSIZE_FORMAT "\",\"%s\"", item, len, hash);
    return run(unit, line);
}

G_GNUC_UNUSED static void
stage(Unit *unit, const char *item, const guint8 *bytes, gsize len)
{
    for (gsize offset = 0; offset < len; offset += KL_AGENT_PIECE_MAX)
        g_assert_cmpstr(put(unit, item, offset, bytes + offset, MIN(KL_AGENT_PIECE_MAX, len - offset)), ==, "OK");
}

G_GNUC_UNUSED static void
install(Unit *unit, const char *item, const char *text)
{
    stage(unit, item, (const guint8 *)text, strlen(text));
    g_assert_cmpstr(commit(unit, item, (const guint8 *)text, strlen(text)), ==, "OK");
}

G_GNUC_UNUSED static void
assert_stored(Unit *unit, const char *item, const char *text)
{
    const GByteArray *stored = g_hash_table_lookup(unit->device.items, item);
    if (text == NULL) {
        g_assert_null(stored);
        return;
    }
    g_assert_nonnull(stored);
    g_assert_cmpmem(stored->data, stored->len, text, strlen(text));
}

G_GNUC_UNUSED static Unit *
unit_with_keys(void)
{
    Unit *unit = unit_new();
    expect_ok(unit, "AT+KLKEY=\"used\",\"ec-p256\"");
    expect_ok(unit, "AT+KLKEY=\"shut\",\"ec-p256\"");
    expect_ok(unit, "AT+KLLOCK=\"shut\"");
    return unit;
}
