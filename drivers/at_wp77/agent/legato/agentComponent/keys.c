#include "keys.h"

#include "interfaces.h"
#include "legato.h"
#include "sealed.h"

#include "drivers/at_wp77/agent/softkey.h"

#define INDEX_RECORD "slots"
#define IKS_P256_SIZE 32 /* bytes: what le_iks calls the size of a P-256 key */
#define NAME_SIZE 64

enum { SLOT_LOCKED = 1, SLOT_SOFTWARE = 2 };

typedef struct {
    char name[KL_AGENT_SLOT_MAX + 1];
    uint8_t flags;
} IndexEntry;

_Static_assert(sizeof(IndexEntry) == KL_AGENT_SLOT_MAX + 2, "the index is stored as it lies in memory");

typedef struct {
    IndexEntry entries[KL_AGENT_SLOTS_MAX];
    size_t n;
} Index;

static int
load_index(Index *index)
{
    size_t size = 0;
    index->n = 0;
    int error = kl_sealed_read(INDEX_RECORD, (uint8_t *)index->entries, sizeof index->entries, &size);
    if (error == KL_AGENT_E_NO_ITEM)
        return 0;
    if (error == 0 && size % sizeof(IndexEntry) != 0)
        error = KL_AGENT_E_STORE;
    if (error != 0)
        return error;
    index->n = size / sizeof(IndexEntry);
    for (size_t i = 0; i < index->n; i++)
        index->entries[i].name[KL_AGENT_SLOT_MAX] = '\0';
    return 0;
}

static int
save_index(const Index *index)
{
    return kl_sealed_write(INDEX_RECORD, (const uint8_t *)index->entries, index->n * sizeof(IndexEntry));
}

/* Loads the index and finds a slot in it. KL_AGENT_E_NO_KEY when it is not there. */
static int
find_slot(const char *slot, Index *index, size_t *at)
{
    int error = load_index(index);
    if (error != 0)
        return error;
    for (*at = 0; *at < index->n; (*at)++)
        if (strcmp(index->entries[*at].name, slot) == 0)
            return 0;
    return KL_AGENT_E_NO_KEY;
}

static void
iks_name(const char *slot, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "keyline-%s", slot);
}

static void
software_name(const char *slot, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "key/%s", slot);
}

static int
keystore_error(const char *what, le_result_t result)
{
    if (result == LE_OK)
        return 0;
    LE_ERROR("keystore: %s: %s", what, LE_RESULT_TXT(result));
    return KL_AGENT_E_KEYSTORE;
}

/* Removes a key of the IoT Keystore; none is no error. */
static le_result_t
iks_delete(const char *slot)
{
    char name[NAME_SIZE];
    uint64_t key = 0;
    iks_name(slot, name);
    le_result_t result = le_iks_GetKey(name, &key);
    if (result == LE_NOT_FOUND)
        return LE_OK;
    return result == LE_OK ? le_iks_DeleteKey(key, NULL, 0) : result;
}

/* Makes and saves a key in the IoT Keystore. A key that is there already is not in the index, so it was never told to
 * anybody: power went between saving it and the index. It is replaced. */
static le_result_t
iks_create(const char *slot)
{
    char name[NAME_SIZE];
    uint64_t key = 0;
    iks_name(slot, name);
    le_result_t result = iks_delete(slot);
    if (result == LE_OK)
        result = le_iks_CreateKeyByType(name, LE_IKS_KEY_TYPE_PRIV_ECDSA, IKS_P256_SIZE, &key);
    if (result != LE_OK)
        return result;
    result = le_iks_GenKeyValue(key, NULL, 0);
    if (result == LE_OK)
        result = le_iks_SaveKey(key);
    if (result != LE_OK)
        le_iks_DeleteKey(key, NULL, 0);
    return result;
}

static int
software_create(const char *slot)
{
    char name[NAME_SIZE];
    uint8_t der[KL_SOFTKEY_MAX];
    size_t len = 0;
    software_name(slot, name);
    int error = kl_softkey_generate(der, &len) ? kl_sealed_write(name, der, len) : KL_AGENT_E_CRYPTO;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

static int
delete_key(const char *slot, uint8_t flags)
{
    char name[NAME_SIZE];
    if (!(flags & SLOT_SOFTWARE))
        return keystore_error("delete", iks_delete(slot));
    software_name(slot, name);
    return kl_sealed_delete(name);
}

/* The key is made before its index entry, and only the entry makes it count. */
int
kl_keys_create(void *data, const char *slot)
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error == 0 && (index.entries[at].flags & SLOT_LOCKED))
        return KL_AGENT_E_LOCKED;
    if (error != 0 && error != KL_AGENT_E_NO_KEY)
        return error;
    if (at == KL_AGENT_SLOTS_MAX)
        return KL_AGENT_E_SLOTS_FULL;
    uint8_t flags = 0;
    le_result_t result = iks_create(slot);
    if (result == LE_UNSUPPORTED) {
        LE_WARN("the IoT Keystore is switched off in this release: the key is made in software");
        flags = SLOT_SOFTWARE;
        error = software_create(slot);
    } else {
        error = keystore_error("create", result);
    }
    if (error != 0)
        return error;
    index.entries[at] = (IndexEntry){.flags = flags};
    snprintf(index.entries[at].name, sizeof index.entries[at].name, "%s", slot);
    index.n = at == index.n ? at + 1 : index.n;
    error = save_index(&index);
    if (error != 0)
        delete_key(slot, flags);
    return error;
}

/* le_iks documents "ECPoint of RFC 5480", which may or may not mean the OCTET STRING header before the point. */
static int
iks_public(const char *slot, uint8_t point[65])
{
    char name[NAME_SIZE];
    uint64_t key = 0;
    uint8_t value[LE_IKS_MAX_KEY_SIZE];
    size_t size = sizeof value;
    iks_name(slot, name);
    le_result_t result = le_iks_GetKey(name, &key);
    if (result == LE_NOT_FOUND)
        return KL_AGENT_E_NO_KEY;
    if (result == LE_OK)
        result = le_iks_GetPubKeyValue(key, value, &size);
    if (result != LE_OK)
        return keystore_error("public key", result);
    size_t header = size == 67 && value[0] == 0x04 && value[1] == 65 ? 2 : 0;
    if (size - header != 65)
        return KL_AGENT_E_KEYSTORE;
    memcpy(point, value + header, 65);
    return 0;
}

static int
read_software_key(const char *slot, uint8_t der[KL_SOFTKEY_MAX], size_t *len)
{
    char name[NAME_SIZE];
    software_name(slot, name);
    int error = kl_sealed_read(name, der, KL_SOFTKEY_MAX, len);
    return error == KL_AGENT_E_NO_ITEM ? KL_AGENT_E_NO_KEY : error;
}

int
kl_keys_public(void *data, const char *slot, uint8_t point[65])
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error != 0)
        return error;
    if (!(index.entries[at].flags & SLOT_SOFTWARE))
        return iks_public(slot, point);
    uint8_t der[KL_SOFTKEY_MAX];
    size_t len = 0;
    error = read_software_key(slot, der, &len);
    if (error == 0 && !kl_softkey_public(der, len, point))
        error = KL_AGENT_E_KEYSTORE;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

static int
iks_sign(const char *slot, const uint8_t digest[KL_AGENT_HASH_SIZE], uint8_t raw[64])
{
    char name[NAME_SIZE];
    uint64_t key = 0;
    size_t size = 64;
    iks_name(slot, name);
    le_result_t result = le_iks_GetKey(name, &key);
    if (result == LE_NOT_FOUND)
        return KL_AGENT_E_NO_KEY;
    if (result == LE_OK)
        result = le_iks_ecc_Ecdsa_GenSig(key, digest, KL_AGENT_HASH_SIZE, raw, &size);
    int error = keystore_error("sign", result);
    return error == 0 && size != 64 ? KL_AGENT_E_KEYSTORE : error;
}

int
kl_keys_sign(void *data, const char *slot, const uint8_t digest[KL_AGENT_HASH_SIZE], uint8_t raw[64])
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error != 0)
        return error;
    if (!(index.entries[at].flags & SLOT_SOFTWARE))
        return iks_sign(slot, digest, raw);
    uint8_t der[KL_SOFTKEY_MAX];
    size_t len = 0;
    error = read_software_key(slot, der, &len);
    if (error == 0 && !kl_softkey_sign(der, len, digest, raw))
        error = KL_AGENT_E_KEYSTORE;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

/* The key goes before its index entry: nothing of it is left in a slot that counts as empty. */
int
kl_keys_delete(void *data, const char *slot)
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error == 0 && (index.entries[at].flags & SLOT_LOCKED))
        error = KL_AGENT_E_LOCKED;
    if (error == 0)
        error = delete_key(slot, index.entries[at].flags);
    if (error != 0)
        return error;
    index.n--;
    memmove(&index.entries[at], &index.entries[at + 1], (index.n - at) * sizeof(IndexEntry));
    return save_index(&index);
}

/* An entry whose key is gone is what a power cut in kl_keys_delete leaves; its slot counts as empty. */
int
kl_keys_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], size_t *n)
{
    Index index;
    *n = 0;
    int error = load_index(&index);
    for (size_t i = 0; error == 0 && i < index.n; i++) {
        uint8_t point[65];
        if (kl_keys_public(data, index.entries[i].name, point) == KL_AGENT_E_NO_KEY)
            continue;
        memcpy(slots[*n].name, index.entries[i].name, sizeof slots[*n].name);
        (*n)++;
    }
    return error;
}

int
kl_keys_lock(void *data, const char *slot)
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error != 0)
        return error;
    index.entries[at].flags |= SLOT_LOCKED;
    return save_index(&index);
}

int
kl_keys_locked(void *data, const char *slot, bool *locked)
{
    Index index;
    size_t at;
    int error = find_slot(slot, &index, &at);
    if (error == 0)
        *locked = index.entries[at].flags & SLOT_LOCKED;
    return error;
}

const char *
kl_keys_backend(void *data, const char *slot)
{
    Index index;
    size_t at;
    uint64_t key = 0;
    if (slot != NULL && find_slot(slot, &index, &at) == 0)
        return index.entries[at].flags & SLOT_SOFTWARE ? "software" : "iks";
    return le_iks_GetKey("keyline-probe", &key) == LE_UNSUPPORTED ? "software" : "iks";
}
