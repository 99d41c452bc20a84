/* The agent's items: staged piece by piece in memory, then checked and stored at once. Internal to the agent; plain C.
 */
#pragma once

#include "commands.h"

#define KL_AGENT_ITEMS 5

typedef struct {
    bool begun;
    size_t len;
    uint8_t bytes[KL_AGENT_ITEM_MAX];
} KlStagedItem;

typedef struct {
    KlStagedItem staged[KL_AGENT_ITEMS];
    uint8_t scratch[KL_AGENT_ITEM_MAX]; /* what is read back from the store */
} KlItems;

/* What KLITEM? says of one item. */
typedef struct {
    const char *name;
    size_t len;
    uint8_t sha256[KL_AGENT_HASH_SIZE];
} KlItemState;

/* Stages a piece; it has to begin where the staged bytes end, or at 0, which starts over. */
int kl_items_put(KlItems *items, const char *name, size_t offset, const uint8_t *bytes, size_t len);

/* Stores the staged item when it has that length and hash, and forgets it. A wrong hash forgets it too; every other
 * failure leaves it staged. */
int kl_items_commit(KlItems *items, const KlAgentOps *ops, void *data, const char *name, size_t len,
                    const uint8_t sha256[KL_AGENT_HASH_SIZE]);

/* Length and hash of what is stored now, in a fixed order; *n of them. */
int kl_items_list(KlItems *items, const KlAgentOps *ops, void *data, KlItemState states[KL_AGENT_ITEMS], size_t *n);

/* Removes all stored items, the certificate first: a unit without one never looks provisioned. */
int kl_items_remove(const KlAgentOps *ops, void *data);

/* Forgets everything that is staged. */
void kl_items_forget(KlItems *items);
