#include "host_store.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/agent/host/host_file.h"
#include "drivers/at_wp77/agent/softkey.h"

#define PEM_MAX 1024

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

struct KlHostStore {
    int folder;
    KlAgentIdentity identity;
    char *backend;
    char boot_id[KL_AGENT_BOOT_CHARS + 1];
};

KlHostStore *
kl_host_store_open(const char *path, const KlAgentIdentity *identity, const char *backend, GError **error)
{
    guint8 boot[KL_AGENT_BOOT_CHARS / 2];
    if (RAND_bytes(boot, sizeof boot) != 1) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "no random numbers");
        return NULL;
    }
    int folder = kl_host_folder_open(path, error);
    if (folder < 0)
        return NULL;
    KlHostStore *store = g_new0(KlHostStore, 1);
    store->folder = folder;
    store->identity = *identity;
    store->backend = g_strdup(backend);
    kl_hex_encode(boot, sizeof boot, store->boot_id);
    return store;
}

void
kl_host_store_free(KlHostStore *store)
{
    kl_host_folder_close(store->folder);
    g_free(store->backend);
    g_free(store);
}

static int
store_error(int failed)
{
    if (failed == 0)
        return 0;
    return failed == ENOSPC || failed == EDQUOT ? KL_AGENT_E_STORE_FULL : KL_AGENT_E_STORE;
}

/* The DER of a slot's key; the caller wipes it. */
static int
read_key(KlHostStore *store, const char *slot, guint8 der[KL_SOFTKEY_MAX], gsize *len)
{
    g_autofree char *name = g_strdup_printf("key-%s.pem", slot);
    guint8 pem[PEM_MAX];
    gsize pem_len = 0;
    int failed = kl_host_file_read(store->folder, name, pem, sizeof pem, &pem_len);
    if (failed != 0)
        return failed == ENOENT ? KL_AGENT_E_NO_KEY : KL_AGENT_E_KEYSTORE;
    g_autoptr(BIO) bio = BIO_new_mem_buf(pem, (int)pem_len);
    char *type = NULL;
    char *header = NULL;
    guint8 *body = NULL;
    long body_len = 0;
    gboolean ok = bio != NULL && PEM_read_bio(bio, &type, &header, &body, &body_len) == 1 &&
                  strcmp(type, PEM_STRING_PKCS8INF) == 0 && body_len > 0 && body_len <= KL_SOFTKEY_MAX;
    if (ok) {
        memcpy(der, body, (gsize)body_len);
        *len = (gsize)body_len;
    }
    OPENSSL_clear_free(body, (gsize)body_len);
    OPENSSL_free(type);
    OPENSSL_free(header);
    OPENSSL_cleanse(pem, sizeof pem);
    return ok ? 0 : KL_AGENT_E_KEYSTORE;
}

static int
write_key(KlHostStore *store, const char *slot, const guint8 *der, gsize len)
{
    g_autofree char *name = g_strdup_printf("key-%s.pem", slot);
    g_autoptr(BIO) bio = BIO_new(BIO_s_secmem());
    char *pem = NULL;
    if (bio == NULL || PEM_write_bio(bio, PEM_STRING_PKCS8INF, "", der, (long)len) <= 0)
        return KL_AGENT_E_CRYPTO;
    long pem_len = BIO_get_mem_data(bio, &pem);
    return store_error(kl_host_file_write(store->folder, name, pem, (gsize)pem_len));
}

static int
key_create(void *data, const char *slot)
{
    guint8 der[KL_SOFTKEY_MAX];
    gsize len = 0;
    int error = kl_softkey_generate(der, &len) ? write_key(data, slot, der, len) : KL_AGENT_E_CRYPTO;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

static int
key_public(void *data, const char *slot, guint8 point[65])
{
    guint8 der[KL_SOFTKEY_MAX];
    gsize len = 0;
    int error = read_key(data, slot, der, &len);
    if (error == 0 && !kl_softkey_public(der, len, point))
        error = KL_AGENT_E_KEYSTORE;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

static int
key_sign(void *data, const char *slot, const guint8 digest[KL_AGENT_HASH_SIZE], guint8 raw[64])
{
    guint8 der[KL_SOFTKEY_MAX];
    gsize len = 0;
    int error = read_key(data, slot, der, &len);
    if (error == 0 && !kl_softkey_sign(der, len, digest, raw))
        error = KL_AGENT_E_KEYSTORE;
    kl_softkey_wipe(der, sizeof der);
    return error;
}

static int
key_delete(void *data, const char *slot)
{
    KlHostStore *store = data;
    g_autofree char *name = g_strdup_printf("key-%s.pem", slot);
    int failed = kl_host_file_delete(store->folder, name);
    return failed == ENOENT ? KL_AGENT_E_NO_KEY : store_error(failed);
}

static int
key_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], gsize *n)
{
    KlHostStore *store = data;
    g_autoptr(GPtrArray) names = NULL;
    *n = 0;
    int failed = kl_host_folder_list(store->folder, "key-", ".pem", &names);
    for (guint i = 0; failed == 0 && i < names->len && *n < KL_AGENT_SLOTS_MAX; i++) {
        if (g_strlcpy(slots[*n].name, names->pdata[i], sizeof slots[*n].name) < sizeof slots[*n].name)
            (*n)++;
    }
    return store_error(failed);
}

static int
key_lock(void *data, const char *slot)
{
    KlHostStore *store = data;
    g_autofree char *name = g_strdup_printf("lock-%s", slot);
    return store_error(kl_host_file_write(store->folder, name, "", 0));
}

static int
key_locked(void *data, const char *slot, bool *locked)
{
    KlHostStore *store = data;
    g_autofree char *name = g_strdup_printf("lock-%s", slot);
    guint8 nothing;
    gsize len = 0;
    int failed = kl_host_file_read(store->folder, name, &nothing, sizeof nothing, &len);
    *locked = failed != ENOENT;
    return failed == ENOENT ? 0 : store_error(failed);
}

static const char *
backend(void *data, const char *slot)
{
    KlHostStore *store = data;
    return store->backend;
}

static int
item_write(void *data, const char *name, const guint8 *bytes, gsize len)
{
    KlHostStore *store = data;
    g_autofree char *file = g_strconcat("item-", name, NULL);
    return store_error(kl_host_file_write(store->folder, file, bytes, len));
}

static int
item_read(void *data, const char *name, guint8 *bytes, gsize cap, gsize *len)
{
    KlHostStore *store = data;
    g_autofree char *file = g_strconcat("item-", name, NULL);
    int failed = kl_host_file_read(store->folder, file, bytes, cap, len);
    return failed == ENOENT ? KL_AGENT_E_NO_ITEM : store_error(failed);
}

static int
item_delete(void *data, const char *name)
{
    KlHostStore *store = data;
    g_autofree char *file = g_strconcat("item-", name, NULL);
    int failed = kl_host_file_delete(store->folder, file);
    return failed == ENOENT ? 0 : store_error(failed);
}

static int
identity(void *data, KlAgentIdentity *out)
{
    KlHostStore *store = data;
    *out = store->identity;
    return 0;
}

static int
boot_id(void *data, char id[KL_AGENT_BOOT_CHARS + 1])
{
    KlHostStore *store = data;
    memcpy(id, store->boot_id, sizeof store->boot_id);
    return 0;
}

static int
sha256(void *data, const guint8 *bytes, gsize len, guint8 digest[KL_AGENT_HASH_SIZE])
{
    return kl_softkey_sha256(bytes, len, digest) ? 0 : KL_AGENT_E_CRYPTO;
}

int
kl_host_store_software(KlHostStore *store, const guint8 *bytes, gsize len)
{
    if (bytes != NULL)
        return store_error(kl_host_file_write(store->folder, "software", bytes, len));
    int failed = kl_host_file_delete(store->folder, "software");
    return failed == ENOENT ? 0 : store_error(failed);
}

const KlAgentOps kl_host_store_ops = {
    .key_create = key_create,
    .key_public = key_public,
    .key_sign = key_sign,
    .key_delete = key_delete,
    .key_list = key_list,
    .key_lock = key_lock,
    .key_locked = key_locked,
    .backend = backend,
    .item_write = item_write,
    .item_read = item_read,
    .item_delete = item_delete,
    .identity = identity,
    .boot_id = boot_id,
    .sha256 = sha256,
};
