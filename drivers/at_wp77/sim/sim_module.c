#include "drivers/at_wp77/sim/sim_module.h"

#include <gio/gio.h>

#define OTHER_MODEL "WP7607"
#define OLD_FIRMWARE "SWI9X06Y_01.00.05.00"
#define ORIGINAL_INDEX 0 /* the unit that others are duplicates of */

static gboolean
is_made(const KlSimModule *module, KlSimFaultId id)
{
    return kl_sim_faults_trait(module->faults, id);
}

static void
make_modem(KlSimModule *module)
{
    const KlSimOptions *options = module->plan.options;
    KlSimModem *modem = &module->modem;
    kl_sim_identity(options->seed, module->plan.index, &modem->identity);
    if (is_made(module, KL_SIM_FAULT_DUPLICATE_IMEI)) {
        KlSimIdentity original;
        kl_sim_identity(options->seed, ORIGINAL_INDEX, &original);
        g_strlcpy(modem->identity.imei, original.imei, sizeof modem->identity.imei);
    }
    modem->model = g_strdup(is_made(module, KL_SIM_FAULT_UNKNOWN_MODEL) ? OTHER_MODEL : options->model);
    modem->firmware = g_strdup(is_made(module, KL_SIM_FAULT_OLD_FIRMWARE) ? OLD_FIRMWARE : options->firmware);
    modem->cfun = 1;
}

static void
stop_agent(KlSimModule *module)
{
    g_clear_pointer(&module->agent, kl_agent_free);
    g_clear_pointer(&module->boot, kl_sim_boot_stop);
    g_clear_pointer(&module->store, kl_host_store_free);
}

static gboolean
start_boot(KlSimModule *module, GError **error)
{
    const KlSimBootPlan plan = {
        .options = module->plan.options,
        .store = module->store,
        .in_field = module->plan.in_field,
        .other_endpoint = is_made(module, KL_SIM_FAULT_BOOT_OTHER_ENDPOINT),
        .other_trust = is_made(module, KL_SIM_FAULT_BOOT_OTHER_TRUST),
        .old_clock = is_made(module, KL_SIM_FAULT_BOOT_OLD_CLOCK),
        .deaf = is_made(module, KL_SIM_FAULT_BOOT_DEAF),
        .store_full = is_made(module, KL_SIM_FAULT_BOOT_STORE_FULL),
    };
    module->boot = kl_sim_boot_start(&plan, error);
    if (module->boot != NULL)
        kl_sim_boot_join(module->boot, module->agent);
    return module->boot != NULL;
}

static gboolean
start_agent(KlSimModule *module, GError **error)
{
    const KlSimModem *modem = &module->modem;
    KlAgentIdentity identity;
    g_strlcpy(identity.imei, modem->identity.imei, sizeof identity.imei);
    g_strlcpy(identity.fsn, modem->identity.fsn, sizeof identity.fsn);
    g_strlcpy(identity.model, modem->model, sizeof identity.model);
    g_strlcpy(identity.firmware, modem->firmware, sizeof identity.firmware);
    const char *keystore =
        is_made(module, KL_SIM_FAULT_SOFTWARE_KEYSTORE) ? "software" : module->plan.options->keystore;
    module->store = kl_host_store_open(module->plan.folder, &identity, keystore, error);
    if (module->store == NULL)
        return FALSE;
    gboolean duplicate = is_made(module, KL_SIM_FAULT_DUPLICATE_KEY) && module->plan.index != ORIGINAL_INDEX;
    module->ops = (KlSimOps){
        .store = module->store,
        .folder = module->plan.folder,
        .pool = module->plan.pool,
        .key_number = duplicate ? ORIGINAL_INDEX : module->plan.index,
        .owns_key = !duplicate,
    };
    module->agent = kl_agent_new(&kl_sim_ops, &module->ops);
    return is_made(module, KL_SIM_FAULT_BOOT_UNKNOWN) || start_boot(module, error);
}

/* A key that somebody made before the unit came to this line. */
static gboolean
make_foreign_key(KlSimModule *module, GError **error)
{
    gboolean locked = is_made(module, KL_SIM_FAULT_LOCKED);
    if (!locked && !is_made(module, KL_SIM_FAULT_SLOT_USED))
        return TRUE;
    const char *slot = module->plan.options->key_slot;
    guint8 point[65];
    int failed = kl_sim_ops.key_public(&module->ops, slot, point);
    if (failed == KL_AGENT_E_NO_KEY)
        failed = kl_sim_ops.key_create(&module->ops, slot);
    if (failed == 0 && locked)
        failed = kl_sim_ops.key_lock(&module->ops, slot);
    kl_sim_ops_heal(&module->ops);
    if (failed != 0)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: can't make a key in slot '%s' (%d)", module->plan.folder,
                    slot, failed);
    return failed == 0;
}

KlSimModule *
kl_sim_module_new(const KlSimModulePlan *plan, GError **error)
{
    g_autoptr(KlSimModule) module = g_new0(KlSimModule, 1);
    module->plan = *plan;
    module->plan.faults = NULL;
    module->random = plan->options->seed ^ ((guint64)plan->index << 32);
    module->faults = kl_sim_faults_new(plan->faults, module->random);
    make_modem(module);
    if (!start_agent(module, error) || !make_foreign_key(module, error))
        return NULL;
    return g_steal_pointer(&module);
}

void
kl_sim_module_free(KlSimModule *module)
{
    stop_agent(module);
    kl_sim_faults_free(module->faults);
    g_free(module->modem.model);
    g_free(module->modem.firmware);
    g_free(module);
}

gboolean
kl_sim_module_restart(KlSimModule *module, GError **error)
{
    stop_agent(module);
    module->modem.cfun = 1;
    module->checked = FALSE;
    return start_agent(module, error);
}

KlSimPersonality
kl_sim_module_personality(const KlSimModule *module, KlSimPortKind kind)
{
    /* Stock software leaves the UART to the modem: AT!MAPUART was never set. */
    if (is_made(module, KL_SIM_FAULT_NO_AGENT))
        return (KlSimPersonality){.modem = TRUE};
    if (module->plan.options->one_port)
        return (KlSimPersonality){.agent = TRUE, .modem = TRUE};
    return (KlSimPersonality){.agent = kind == KL_SIM_AGENT, .modem = kind == KL_SIM_MODEM};
}

void
kl_sim_module_run(KlSimModule *module, KlHostLine *discipline, KlSimPersonality who, const char *line, gsize len,
                  KlAgentOut out, gpointer out_data)
{
    if (kl_host_line_basic(discipline, line, len, out, out_data))
        return;
    if (who.agent && module->agent != NULL && kl_agent_command(module->agent, line, len, out, out_data))
        return;
    if (who.modem)
        kl_sim_modem_command(&module->modem, line, len, out, out_data);
    else
        out(out_data, KL_AGENT_FINAL, "ERROR");
}
