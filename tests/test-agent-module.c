/* The agent's module side without a module: its keys and sealed records over a secure storage and an IoT Keystore made
 * up here, which lose power at every write, tear it, run full, or are switched off. */
#include "drivers/at_wp77/agent/legato/agentComponent/keys.h"
#include "drivers/at_wp77/agent/softkey.h"
#include "tests/module_storage.h"

/* The IoT Keystore. What a key of it holds here is a software key. */
static GHashTable *iks_keys; /* saved: name -> GBytes */
static GPtrArray *iks_names; /* reference - 1 -> name */
static GBytes *iks_unsaved;  /* the value of the key that is being made */
static gboolean iks_off;

static void
module_reset(void)
{
    storage_reset();
    g_clear_pointer(&iks_keys, g_hash_table_unref);
    g_clear_pointer(&iks_names, g_ptr_array_unref);
    g_clear_pointer(&iks_unsaved, g_bytes_unref);
    iks_keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    iks_names = g_ptr_array_new_with_free_func(g_free);
    iks_off = FALSE;
}

static void
power_on(void)
{
    changes_left = NO_CUT;
    torn = FALSE;
    g_clear_pointer(&iks_unsaved, g_bytes_unref);
}

static const char *
iks_name(uint64_t key)
{
    g_assert_true(key >= 1 && key <= iks_names->len);
    return iks_names->pdata[key - 1];
}

le_result_t
le_iks_GetKey(const char *keyId, uint64_t *keyRefPtr)
{
    if (iks_off)
        return LE_UNSUPPORTED;
    if (!g_hash_table_contains(iks_keys, keyId))
        return LE_NOT_FOUND;
    g_ptr_array_add(iks_names, g_strdup(keyId));
    *keyRefPtr = iks_names->len;
    return LE_OK;
}

le_result_t
le_iks_CreateKeyByType(const char *keyId, le_iks_KeyType_t keyType, uint32_t keySize, uint64_t *keyRefPtr)
{
    g_assert_cmpint(keyType, ==, LE_IKS_KEY_TYPE_PRIV_ECDSA);
    g_assert_cmpuint(keySize, ==, 32);
    if (iks_off)
        return LE_UNSUPPORTED;
    if (g_hash_table_contains(iks_keys, keyId))
        return LE_DUPLICATE;
    g_ptr_array_add(iks_names, g_strdup(keyId));
    *keyRefPtr = iks_names->len;
    return LE_OK;
}

le_result_t
le_iks_GenKeyValue(uint64_t keyRef, const uint8_t *authCmdPtr, size_t authCmdSize)
{
    guint8 der[KL_SOFTKEY_MAX];
    gsize len = 0;
    g_assert_true(kl_softkey_generate(der, &len));
    g_clear_pointer(&iks_unsaved, g_bytes_unref);
    iks_unsaved = g_bytes_new(der, len);
    return LE_OK;
}

le_result_t
le_iks_SaveKey(uint64_t keyRef)
{
    if (!powered() || iks_unsaved == NULL)
        return LE_FAULT;
    g_hash_table_insert(iks_keys, g_strdup(iks_name(keyRef)), g_steal_pointer(&iks_unsaved));
    return LE_OK;
}

le_result_t
le_iks_DeleteKey(uint64_t keyRef, const uint8_t *authCmdPtr, size_t authCmdSize)
{
    if (!g_hash_table_contains(iks_keys, iks_name(keyRef)))
        return LE_OK;
    if (!powered())
        return LE_FAULT;
    g_hash_table_remove(iks_keys, iks_name(keyRef));
    return LE_OK;
}

le_result_t
le_iks_GetPubKeyValue(uint64_t keyRef, uint8_t *bufPtr, size_t *bufSizePtr)
{
    gsize len = 0;
    const guint8 *der = g_bytes_get_data(g_hash_table_lookup(iks_keys, iks_name(keyRef)), &len);
    g_assert_cmpuint(*bufSizePtr, >=, 65);
    *bufSizePtr = 65;
    return kl_softkey_public(der, len, bufPtr) ? LE_OK : LE_FAULT;
}

le_result_t
le_iks_ecc_Ecdsa_GenSig(uint64_t keyRef, const uint8_t *digestPtr, size_t digestSize, uint8_t *signaturePtr,
                        size_t *signatureSizePtr)
{
    gsize len = 0;
    const guint8 *der = g_bytes_get_data(g_hash_table_lookup(iks_keys, iks_name(keyRef)), &len);
    g_assert_cmpuint(digestSize, ==, 32);
    g_assert_cmpuint(*signatureSizePtr, >=, 64);
    *signatureSizePtr = 64;
    return kl_softkey_sign(der, len, digestPtr, signaturePtr) ? LE_OK : LE_FAULT;
}

static void
assert_record(const char *name, const char *text)
{
    guint8 bytes[KL_AGENT_ITEM_MAX];
    gsize len = 0;
    g_assert_cmpint(kl_sealed_read(name, bytes, sizeof bytes, &len), ==, 0);
    g_assert_cmpmem(bytes, len, text, strlen(text));
}

static int
write_record(const char *name, const char *text)
{
    return kl_sealed_write(name, (const guint8 *)text, strlen(text));
}

static void
test_sealed_replace(void)
{
    module_reset();
    for (int i = 0; i < 10; i++) {
        g_autofree char *text = g_strdup_printf("text %d", i);
        g_assert_cmpint(write_record("r", text), ==, 0);
        assert_record("r", text);
        g_assert_cmpuint(g_hash_table_size(records), ==, 1); /* the old place is given back */
    }
    g_assert_cmpint(kl_sealed_delete("r"), ==, 0);
    g_assert_cmpint(kl_sealed_delete("r"), ==, 0);
    g_assert_cmpuint(g_hash_table_size(records), ==, 0);
    guint8 bytes[KL_AGENT_ITEM_MAX + 1] = {0};
    gsize len = 0;
    g_assert_cmpint(kl_sealed_read("r", bytes, sizeof bytes, &len), ==, KL_AGENT_E_NO_ITEM);
    g_assert_cmpint(kl_sealed_write("r", bytes, KL_AGENT_ITEM_MAX + 1), ==, KL_AGENT_E_TOO_BIG);
    g_assert_cmpint(kl_sealed_write("r", bytes, KL_AGENT_ITEM_MAX), ==, 0);
    g_assert_cmpint(kl_sealed_read("r", bytes, KL_AGENT_ITEM_MAX - 1, &len), ==, KL_AGENT_E_STORE);
}

/* Power goes before, in the middle of or after each change, on a first, second and third write. */
static void
test_sealed_power_cut(void)
{
    for (guint writes = 0; writes < 3; writes++) {
        for (guint cut = 0; cut < 3; cut++) {
            for (int tear = 0; tear < 2; tear++) {
                module_reset();
                for (guint i = 0; i < writes; i++)
                    g_assert_cmpint(write_record("r", "old"), ==, 0);
                changes_left = cut;
                torn = tear == 1;
                int error = write_record("r", "new");
                power_on();
                guint8 bytes[8];
                gsize len = 0;
                int found = kl_sealed_read("r", bytes, sizeof bytes, &len);
                g_assert_cmpint(error, ==, cut == 0 ? KL_AGENT_E_STORE : 0);
                g_assert_cmpint(found, ==, cut == 0 && writes == 0 ? KL_AGENT_E_NO_ITEM : 0);
                if (found == 0)
                    assert_record("r", cut == 0 ? "old" : "new");
                g_assert_cmpint(write_record("r", "next"), ==, 0);
                assert_record("r", "next");
            }
        }
    }
}

/* Two places are there (power went before the old one was removed); a cut delete never brings the old one back. */
static void
test_sealed_delete_power_cut(void)
{
    for (guint cut = 0; cut < 2; cut++) {
        module_reset();
        g_assert_cmpint(write_record("r", "old"), ==, 0);
        changes_left = 1;
        g_assert_cmpint(write_record("r", "new"), ==, 0);
        power_on();
        g_assert_cmpuint(g_hash_table_size(records), ==, 2);
        changes_left = cut;
        g_assert_cmpint(kl_sealed_delete("r"), ==, KL_AGENT_E_STORE);
        power_on();
        assert_record("r", "new");
        g_assert_cmpint(kl_sealed_delete("r"), ==, 0);
        g_assert_cmpuint(g_hash_table_size(records), ==, 0);
    }
}

static void
test_sealed_flipped_bit(void)
{
    module_reset();
    g_assert_cmpint(write_record("r", "some text"), ==, 0);
    GHashTableIter at;
    gpointer name;
    gpointer stored;
    g_hash_table_iter_init(&at, records);
    g_assert_true(g_hash_table_iter_next(&at, &name, &stored));
    g_autofree char *key = g_strdup(name);
    g_autoptr(GBytes) whole = g_bytes_ref(stored);
    for (gsize bit = 0; bit < g_bytes_get_size(whole) * 8; bit++) {
        gsize size = 0;
        guint8 *bytes = g_memdup2(g_bytes_get_data(whole, &size), g_bytes_get_size(whole));
        bytes[bit / 8] ^= (guint8)(1 << bit % 8);
        g_hash_table_insert(records, g_strdup(key), g_bytes_new_take(bytes, size));
        guint8 back[16];
        gsize len = 0;
        g_assert_cmpint(kl_sealed_read("r", back, sizeof back, &len), ==, KL_AGENT_E_NO_ITEM);
    }
}

static void
test_storage_full(void)
{
    module_reset();
    g_assert_cmpint(write_record("r", "old"), ==, 0);
    storage_full = TRUE;
    g_assert_cmpint(write_record("r", "new"), ==, KL_AGENT_E_STORE_FULL);
    assert_record("r", "old");
}

static void
test_keys(gconstpointer off)
{
    module_reset();
    iks_off = GPOINTER_TO_INT(off);
    guint8 point[65];
    guint8 again[65];
    guint8 raw[64];
    const guint8 digest[32] = {1};
    bool locked = true;
    g_assert_cmpint(kl_keys_public(NULL, "k", point), ==, KL_AGENT_E_NO_KEY);
    g_assert_cmpint(kl_keys_sign(NULL, "k", digest, raw), ==, KL_AGENT_E_NO_KEY);
    g_assert_cmpint(kl_keys_lock(NULL, "k"), ==, KL_AGENT_E_NO_KEY);
    g_assert_cmpint(kl_keys_create(NULL, "k"), ==, 0);
    g_assert_cmpstr(kl_keys_backend(NULL, "k"), ==, iks_off ? "software" : "iks");
    g_assert_cmpstr(kl_keys_backend(NULL, NULL), ==, iks_off ? "software" : "iks");
    g_assert_cmpuint(g_hash_table_size(iks_keys), ==, iks_off ? 0 : 1);
    g_assert_cmpint(kl_keys_public(NULL, "k", point), ==, 0);
    g_assert_cmpint(kl_keys_public(NULL, "k", again), ==, 0);
    g_assert_cmpmem(point, 65, again, 65);
    g_assert_cmpint(kl_keys_sign(NULL, "k", digest, raw), ==, 0);
    g_assert_cmpint(kl_keys_locked(NULL, "k", &locked), ==, 0);
    g_assert_false(locked);
    g_assert_cmpint(kl_keys_lock(NULL, "k"), ==, 0);
    g_assert_cmpint(kl_keys_locked(NULL, "k", &locked), ==, 0);
    g_assert_true(locked);
    g_assert_cmpint(kl_keys_delete(NULL, "k"), ==, KL_AGENT_E_LOCKED);
    g_assert_cmpint(kl_keys_public(NULL, "k", again), ==, 0);
}

/* The first slots are in the IoT Keystore, later ones in software (another release), and each keeps its own. */
static void
test_keys_mixed(void)
{
    module_reset();
    KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
    gsize n = 0;
    for (int i = 0; i < KL_AGENT_SLOTS_MAX; i++) {
        char name[] = {'a', (char)('0' + i), '\0'};
        iks_off = i >= 4;
        g_assert_cmpint(kl_keys_create(NULL, name), ==, 0);
    }
    g_assert_cmpint(kl_keys_create(NULL, "more"), ==, KL_AGENT_E_SLOTS_FULL);
    iks_off = FALSE;
    g_assert_cmpint(kl_keys_list(NULL, slots, &n), ==, 0);
    g_assert_cmpuint(n, ==, KL_AGENT_SLOTS_MAX);
    g_assert_cmpstr(kl_keys_backend(NULL, "a3"), ==, "iks");
    g_assert_cmpstr(kl_keys_backend(NULL, "a4"), ==, "software");
    g_assert_cmpint(kl_keys_delete(NULL, "a0"), ==, 0);
    g_assert_cmpint(kl_keys_delete(NULL, "a7"), ==, 0);
    g_assert_cmpint(kl_keys_delete(NULL, "a4"), ==, 0);
    g_assert_cmpint(kl_keys_list(NULL, slots, &n), ==, 0);
    g_assert_cmpuint(n, ==, 5);
    g_assert_cmpstr(slots[0].name, ==, "a1");
    g_assert_cmpstr(slots[4].name, ==, "a6");
}

/* Whatever a power cut leaves of making a key, the slot has no key or a whole one, and a key can be made. */
static void
test_create_power_cut(gconstpointer off)
{
    for (guint cut = 0; cut < 4; cut++) {
        for (int tear = 0; tear < 2; tear++) {
            module_reset();
            iks_off = GPOINTER_TO_INT(off);
            changes_left = cut;
            torn = tear == 1;
            int error = kl_keys_create(NULL, "k");
            power_on();
            guint8 point[65];
            KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
            gsize n = 9;
            int found = kl_keys_public(NULL, "k", point);
            g_assert_cmpint(error == 0, ==, cut >= 2);
            g_assert_cmpint(found, ==, error == 0 ? 0 : KL_AGENT_E_NO_KEY);
            g_assert_cmpint(kl_keys_list(NULL, slots, &n), ==, 0);
            g_assert_cmpuint(n, ==, error == 0 ? 1 : 0);
            if (found != 0)
                g_assert_cmpint(kl_keys_create(NULL, "k"), ==, 0);
            g_assert_cmpint(kl_keys_public(NULL, "k", point), ==, 0);
        }
    }
}

/* The same for removing one: the key is whole or the slot counts as empty. */
static void
test_delete_power_cut(gconstpointer off)
{
    for (guint cut = 0; cut < 4; cut++) {
        module_reset();
        iks_off = GPOINTER_TO_INT(off);
        g_assert_cmpint(kl_keys_create(NULL, "k"), ==, 0);
        changes_left = cut;
        int error = kl_keys_delete(NULL, "k");
        power_on();
        guint8 point[65];
        KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
        gsize n = 9;
        int found = kl_keys_public(NULL, "k", point);
        g_assert_cmpint(found, ==, cut == 0 ? 0 : KL_AGENT_E_NO_KEY);
        g_assert_true(error == 0 || cut < 2);
        g_assert_cmpint(kl_keys_list(NULL, slots, &n), ==, 0);
        g_assert_cmpuint(n, ==, cut == 0 ? 1 : 0);
        if (cut == 0)
            g_assert_cmpint(kl_keys_delete(NULL, "k"), ==, 0);
        g_assert_cmpint(kl_keys_create(NULL, "k"), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    gconstpointer on = GINT_TO_POINTER(FALSE);
    gconstpointer off = GINT_TO_POINTER(TRUE);
    g_test_add_func("/agent-module/sealed/replace", test_sealed_replace);
    g_test_add_func("/agent-module/sealed/power-cut", test_sealed_power_cut);
    g_test_add_func("/agent-module/sealed/delete-power-cut", test_sealed_delete_power_cut);
    g_test_add_func("/agent-module/sealed/flipped-bit", test_sealed_flipped_bit);
    g_test_add_func("/agent-module/sealed/full", test_storage_full);
    g_test_add_data_func("/agent-module/keys/iks", on, test_keys);
    g_test_add_data_func("/agent-module/keys/software", off, test_keys);
    g_test_add_func("/agent-module/keys/mixed", test_keys_mixed);
    g_test_add_data_func("/agent-module/keys/create-power-cut/iks", on, test_create_power_cut);
    g_test_add_data_func("/agent-module/keys/create-power-cut/software", off, test_create_power_cut);
    g_test_add_data_func("/agent-module/keys/delete-power-cut/iks", on, test_delete_power_cut);
    g_test_add_data_func("/agent-module/keys/delete-power-cut/software", off, test_delete_power_cut);
    int result = g_test_run();
    module_reset();
    g_hash_table_unref(records);
    g_hash_table_unref(iks_keys);
    g_ptr_array_unref(iks_names);
    return result;
}
