/* A unit's store with something wrong about it: decorators of the agent's operations. */
#pragma once

#include "drivers/at_wp77/agent/host/host_store.h"
#include "drivers/at_wp77/agent/softkey.h"

G_BEGIN_DECLS

/* The ops_data of kl_sim_ops. The booleans say what goes wrong during the command that runs now. */
typedef struct {
    KlHostStore *store; /* borrowed */
    const char *folder; /* the store's; borrowed */
    const char *pool;   /* of shared keys; borrowed */
    guint key_number;   /* which key of the pool the unit's key is */
    gboolean owns_key;  /* the number is the unit's own: deleting the key takes it out of the pool */
    gboolean made_key;  /* set when a key has been made */

    gboolean wrong_digest; /* signs something else than what was asked */
    gboolean other_key;    /* speaks for a key that is nowhere stored */
    gboolean refuse_item;  /* can't write an item */
    gboolean flip_item;    /* flips a bit of the item just written */

    guint8 other[KL_SOFTKEY_MAX]; /* that other key, once made */
    gsize other_len;
} KlSimOps;

extern const KlAgentOps kl_sim_ops;

/* Nothing goes wrong from now on. */
void kl_sim_ops_heal(KlSimOps *ops);

G_END_DECLS
