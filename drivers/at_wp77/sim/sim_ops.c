#include "drivers/at_wp77/sim/sim_ops.h"

#include <string.h>

#include "drivers/at_wp77/sim/sim_shared_key.h"

static const KlAgentOps *const store_ops = &kl_host_store_ops;

void
kl_sim_ops_heal(KlSimOps *ops)
{
    ops->made_key = FALSE;
    ops->wrong_digest = FALSE;
    ops->other_key = FALSE;
    ops->refuse_item = FALSE;
    ops->flip_item = FALSE;
}

static int
key_create(void *data, const char *slot)
{
    KlSimOps *ops = data;
    int error = store_ops->key_create(ops->store, slot);
    if (error == 0 && !kl_sim_shared_key_join(ops->pool, ops->key_number, ops->folder, slot))
        error = KL_AGENT_E_KEYSTORE;
    ops->made_key = error == 0;
    return error;
}

/* Makes the other key when it is needed for the first time. */
static gboolean
has_other_key(KlSimOps *ops)
{
    return ops->other_len > 0 || kl_softkey_generate(ops->other, &ops->other_len);
}

static int
key_public(void *data, const char *slot, guint8 point[65])
{
    KlSimOps *ops = data;
    if (!ops->other_key)
        return store_ops->key_public(ops->store, slot, point);
    gboolean ok = has_other_key(ops) && kl_softkey_public(ops->other, ops->other_len, point);
    return ok ? 0 : KL_AGENT_E_KEYSTORE;
}

static int
key_sign(void *data, const char *slot, const guint8 digest[KL_AGENT_HASH_SIZE], guint8 raw[64])
{
    KlSimOps *ops = data;
    guint8 signed_digest[KL_AGENT_HASH_SIZE];
    memcpy(signed_digest, digest, sizeof signed_digest);
    if (ops->wrong_digest)
        signed_digest[0] ^= 1;
    if (!ops->other_key)
        return store_ops->key_sign(ops->store, slot, signed_digest, raw);
    gboolean ok = has_other_key(ops) && kl_softkey_sign(ops->other, ops->other_len, signed_digest, raw);
    return ok ? 0 : KL_AGENT_E_KEYSTORE;
}

static int
key_delete(void *data, const char *slot)
{
    KlSimOps *ops = data;
    int error = store_ops->key_delete(ops->store, slot);
    if (error == 0 && ops->owns_key)
        kl_sim_shared_key_drop(ops->pool, ops->key_number, slot);
    return error;
}

static int
key_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], gsize *n)
{
    return store_ops->key_list(((KlSimOps *)data)->store, slots, n);
}

static int
key_lock(void *data, const char *slot)
{
    return store_ops->key_lock(((KlSimOps *)data)->store, slot);
}

static int
key_locked(void *data, const char *slot, bool *locked)
{
    return store_ops->key_locked(((KlSimOps *)data)->store, slot, locked);
}

static const char *
backend(void *data, const char *slot)
{
    return store_ops->backend(((KlSimOps *)data)->store, slot);
}

static int
item_write(void *data, const char *name, const guint8 *bytes, gsize len)
{
    KlSimOps *ops = data;
    if (ops->refuse_item)
        return KL_AGENT_E_STORE;
    int error = store_ops->item_write(ops->store, name, bytes, len);
    if (error != 0 || !ops->flip_item || len == 0)
        return error;
    g_autofree guint8 *flipped = g_memdup2(bytes, len);
    flipped[len / 2] ^= 1;
    return store_ops->item_write(ops->store, name, flipped, len);
}

static int
item_read(void *data, const char *name, guint8 *bytes, gsize cap, gsize *len)
{
    return store_ops->item_read(((KlSimOps *)data)->store, name, bytes, cap, len);
}

static int
item_delete(void *data, const char *name)
{
    return store_ops->item_delete(((KlSimOps *)data)->store, name);
}

static int
identity(void *data, KlAgentIdentity *out)
{
    return store_ops->identity(((KlSimOps *)data)->store, out);
}

static int
boot_id(void *data, char id[KL_AGENT_BOOT_CHARS + 1])
{
    return store_ops->boot_id(((KlSimOps *)data)->store, id);
}

static int
sha256(void *data, const guint8 *bytes, gsize len, guint8 digest[KL_AGENT_HASH_SIZE])
{
    return store_ops->sha256(((KlSimOps *)data)->store, bytes, len, digest);
}

const KlAgentOps kl_sim_ops = {
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
