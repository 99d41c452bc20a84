#include "items.h"

#include <string.h>

static const struct {
    const char *name;
    size_t max;
} known_items[KL_AGENT_ITEMS] = {
    {"certificate", KL_AGENT_ITEM_MAX},
    {"chain", KL_AGENT_ITEM_MAX},
    {"trust", KL_AGENT_ITEM_MAX},
    {"endpoint", 256},
    {"parameters", 2048},
};

/* The item's place in known_items, or -1. */
static int
find_item(const char *name)
{
    for (int i = 0; i < KL_AGENT_ITEMS; i++)
        if (strcmp(known_items[i].name, name) == 0)
            return i;
    return -1;
}

static void
forget(KlStagedItem *staged)
{
    staged->begun = false;
    staged->len = 0;
}

int
kl_items_put(KlItems *items, const char *name, size_t offset, const uint8_t *bytes, size_t len)
{
    int which = find_item(name);
    if (which < 0)
        return KL_AGENT_E_ITEM;
    KlStagedItem *staged = &items->staged[which];
    if (offset != 0 && (!staged->begun || offset != staged->len))
        return KL_AGENT_E_ORDER;
    if (len > known_items[which].max - offset)
        return KL_AGENT_E_TOO_BIG;
    memcpy(staged->bytes + offset, bytes, len);
    staged->begun = true;
    staged->len = offset + len;
    return 0;
}

/* Whether the staged item fits beside what is stored of the others. */
static int
check_room(KlItems *items, const KlAgentOps *ops, void *data, int which)
{
    size_t total = items->staged[which].len;
    for (int i = 0; i < KL_AGENT_ITEMS; i++) {
        if (i == which)
            continue;
        size_t len = 0;
        int error = ops->item_read(data, known_items[i].name, items->scratch, sizeof items->scratch, &len);
        if (error != 0 && error != KL_AGENT_E_NO_ITEM)
            return error;
        total += error == 0 ? len : 0;
    }
    return total > KL_AGENT_ITEMS_TOTAL ? KL_AGENT_E_STORE_FULL : 0;
}

int
kl_items_commit(KlItems *items, const KlAgentOps *ops, void *data, const char *name, size_t len,
                const uint8_t sha256[KL_AGENT_HASH_SIZE])
{
    int which = find_item(name);
    if (which < 0)
        return KL_AGENT_E_ITEM;
    KlStagedItem *staged = &items->staged[which];
    if (!staged->begun)
        return KL_AGENT_E_NOT_STAGED;
    if (staged->len != len)
        return KL_AGENT_E_LENGTH;
    uint8_t digest[KL_AGENT_HASH_SIZE];
    int error = ops->sha256(data, staged->bytes, staged->len, digest);
    if (error != 0)
        return error;
    if (memcmp(digest, sha256, sizeof digest) != 0) {
        forget(staged);
        return KL_AGENT_E_HASH;
    }
    error = check_room(items, ops, data, which);
    if (error == 0)
        error = ops->item_write(data, name, staged->bytes, staged->len);
    if (error == 0)
        forget(staged);
    return error;
}

int
kl_items_list(KlItems *items, const KlAgentOps *ops, void *data, KlItemState states[KL_AGENT_ITEMS], size_t *n)
{
    *n = 0;
    for (int i = 0; i < KL_AGENT_ITEMS; i++) {
        KlItemState *state = &states[*n];
        int error = ops->item_read(data, known_items[i].name, items->scratch, sizeof items->scratch, &state->len);
        if (error == KL_AGENT_E_NO_ITEM)
            continue;
        if (error == 0)
            error = ops->sha256(data, items->scratch, state->len, state->sha256);
        if (error != 0)
            return error;
        state->name = known_items[i].name;
        (*n)++;
    }
    return 0;
}

int
kl_items_remove(const KlAgentOps *ops, void *data)
{
    for (int i = 0; i < KL_AGENT_ITEMS; i++) {
        int error = ops->item_delete(data, known_items[i].name);
        if (error != 0)
            return error;
    }
    return 0;
}

void
kl_items_forget(KlItems *items)
{
    for (int i = 0; i < KL_AGENT_ITEMS; i++)
        forget(&items->staged[i]);
}
