#include "drivers/at_wp77/sim/sim_boot.h"

#include <string.h>

#define OTHER_ENDPOINT "broker.invalid"
#define CLOCK_BEHIND_S (-10 * 365 * 24 * 3600)

/* The ops_data of its operations. Its thread and the agent's share the store, which is safe. */
struct KlSimBoot {
    KlSimBootPlan plan;
    KlAgentOps ops;
    KlHostBoot *host;
};

static const KlAgentOps *const store_ops = &kl_host_store_ops;

static int
key_public(void *data, const char *slot, guint8 point[65])
{
    return store_ops->key_public(((KlSimBoot *)data)->plan.store, slot, point);
}

static int
key_sign(void *data, const char *slot, const guint8 digest[KL_AGENT_HASH_SIZE], guint8 raw[64])
{
    return store_ops->key_sign(((KlSimBoot *)data)->plan.store, slot, digest, raw);
}

static int
key_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], gsize *n)
{
    return store_ops->key_list(((KlSimBoot *)data)->plan.store, slots, n);
}

static int
item_write(void *data, const char *name, const guint8 *bytes, gsize len)
{
    const KlSimBoot *boot = data;
    if (boot->plan.store_full && strcmp(name, KL_BOOT_RECEIVED) == 0)
        return KL_AGENT_E_STORE_FULL;
    return store_ops->item_write(boot->plan.store, name, bytes, len);
}

static int
item_read(void *data, const char *name, guint8 *bytes, gsize cap, gsize *len)
{
    const KlSimBoot *boot = data;
    if (boot->plan.other_endpoint && strcmp(name, "endpoint") == 0 && cap >= strlen(OTHER_ENDPOINT)) {
        *len = strlen(OTHER_ENDPOINT);
        memcpy(bytes, OTHER_ENDPOINT, *len);
        return 0;
    }
    if (boot->plan.other_trust && strcmp(name, "trust") == 0)
        name = "certificate";
    return store_ops->item_read(boot->plan.store, name, bytes, cap, len);
}

static int
item_delete(void *data, const char *name)
{
    return store_ops->item_delete(((KlSimBoot *)data)->plan.store, name);
}

KlSimBoot *
kl_sim_boot_start(const KlSimBootPlan *plan, GError **error)
{
    g_autoptr(KlSimBoot) boot = g_new0(KlSimBoot, 1);
    boot->plan = *plan;
    boot->ops = (KlAgentOps){
        .key_public = key_public,
        .key_sign = key_sign,
        .key_list = key_list,
        .item_write = item_write,
        .item_read = item_read,
        .item_delete = item_delete,
    };
    const KlHostBootOptions options = {
        .ops = &boot->ops,
        .ops_data = boot,
        .store = plan->store,
        .connect_to = plan->options->connect_to,
        .clock_offset_s = plan->old_clock ? CLOCK_BEHIND_S : 0,
        .deaf = plan->deaf,
        .times = {.answer_ms = plan->options->answer_ms,
                  .retry_min_ms = plan->options->retry_ms,
                  .telemetry_ms = plan->options->telemetry_ms},
    };
    boot->host = kl_host_boot_start(&options, error);
    if (boot->host == NULL)
        return NULL;
    /* A unit that has nothing to begin with just waits. */
    if (plan->in_field)
        kl_host_boot_control.start(boot->host);
    return g_steal_pointer(&boot);
}

void
kl_sim_boot_stop(KlSimBoot *boot)
{
    g_clear_pointer(&boot->host, kl_host_boot_stop);
    g_free(boot);
}

void
kl_sim_boot_join(KlSimBoot *boot, KlAgent *agent)
{
    kl_agent_set_boot(agent, &kl_host_boot_control, boot->host);
}
