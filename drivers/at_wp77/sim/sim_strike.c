#include "drivers/at_wp77/sim/sim_strike.h"

#include <string.h>

#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/sim/sim_command.h"
#include "drivers/at_wp77/sim/sim_csr.h"
#include "drivers/at_wp77/sim/sim_random.h"

#define CSR_PIECE_SIZE 192 /* DER bytes in one response line, as the agent sends them */
#define UNSOLICITED_ODDS 8 /* one in so many response lines has an unsolicited line before it */
#define CME_MEMORY_FAILURE 23

/* One command on its way through the unit. */
typedef struct {
    KlSimModule *module;
    KlHostLine *discipline;
    KlSimPersonality who;
    KlSimCommand command;
    KlAgentOut out;
    gpointer out_data;
    gboolean interrupted; /* unsolicited lines may come between the answer's lines */
} Call;

static gboolean
strikes(const Call *call, KlSimFaultId id)
{
    return kl_sim_faults_strike(call->module->faults, id, call->command.step, call->command.name);
}

/* KlAgentOut: passes a response line on, sometimes with an unsolicited line before it. */
static void
pass_on(void *data, KlAgentRsp kind, const char *text)
{
    Call *call = data;
    guint64 *random = &call->module->random;
    if (call->interrupted && kl_sim_random_below(random, UNSOLICITED_ODDS) == 0)
        kl_host_line_unsolicited(call->discipline, kl_sim_modem_unsolicited(random));
    call->out(call->out_data, kind, text);
}

static void
drop(void *data, KlAgentRsp kind, const char *text)
{
}

static void
run_line(Call *call, const char *line, gsize len)
{
    kl_sim_module_run(call->module, call->discipline, call->who, line, len, pass_on, call);
}

/* The command comes to its effect, and nobody hears of it. */
static void
run_unheard(Call *call)
{
    kl_sim_module_run(call->module, call->discipline, call->who, call->command.line, call->command.len, drop, NULL);
}

/* A piece of an item, as an unlucky wire delivers it. Its base64 is the last parameter. */
static void
run_torn(Call *call)
{
    const KlAgentLine *details = &call->command.details;
    const char *base64 = details->parameters[2];
    gsize len = strlen(base64);
    g_autofree char *begin = g_strdup_printf("AT+KLPUT=\"%s\",\"%s\",\"%.*s", details->parameters[0],
                                             details->parameters[1], (int)(len / 8 * 4), base64);
    const char *rest = base64 + len / 8 * 4;
    g_autofree char *line = NULL;
    switch (kl_sim_random_below(&call->module->random, 3)) {
    case 0: /* the tail is lost, the CR is not */
        line = g_strdup(begin);
        break;
    case 1: /* four characters are lost: a shorter piece that still looks right */
        line = g_strdup_printf("%s%s\"", begin, strlen(rest) > 4 ? rest + 4 : rest);
        break;
    default: /* one character has changed */
        line = g_strdup_printf("%s%c%s\"", begin, *rest == 'A' ? 'B' : 'A', *rest != '\0' ? rest + 1 : "");
        break;
    }
    run_line(call, line, strlen(line));
}

/* The name asked for, but for its last character. */
static void
run_other_cn(Call *call)
{
    const KlAgentLine *details = &call->command.details;
    g_autofree char *cn = g_strdup(details->parameters[1]);
    gsize len = strlen(cn);
    if (len > 0)
        cn[len - 1] = cn[len - 1] == '0' ? '1' : '0';
    g_autofree char *line = g_strdup_printf("AT+KLCSR=\"%s\",\"%s\"", details->parameters[0], cn);
    run_line(call, line, strlen(line));
}

static void
answer_rsa512(Call *call)
{
    g_autoptr(GBytes) csr = kl_sim_rsa512_csr(call->command.details.parameters[1]);
    if (csr == NULL) {
        pass_on(call, KL_AGENT_FINAL, "ERROR");
        return;
    }
    gsize len = 0;
    const guint8 *der = g_bytes_get_data(csr, &len);
    for (gsize offset = 0; offset < len; offset += CSR_PIECE_SIZE) {
        char base64[KL_BASE64_CHARS(CSR_PIECE_SIZE) + 1];
        kl_base64_encode(der + offset, MIN(CSR_PIECE_SIZE, len - offset), base64);
        g_autofree char *line =
            g_strdup_printf("+KLCSR: %" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT ",\"%s\"", offset, len, base64);
        pass_on(call, KL_AGENT_INTERMEDIATE, line);
    }
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, csr);
    g_autofree char *line = g_strdup_printf("+KLCSR: \"%s\"", hash);
    pass_on(call, KL_AGENT_INTERMEDIATE, line);
    pass_on(call, KL_AGENT_FINAL, "OK");
}

static gboolean
is_for_certificate(const KlSimCommand *command)
{
    return command->parsed && strcmp(command->details.parameters[0], "certificate") == 0;
}

/* Runs the command with what may go wrong inside it. */
static void
run_bent(Call *call)
{
    KlSimOps *ops = &call->module->ops;
    const KlSimCommand *command = &call->command;
    ops->wrong_digest = strikes(call, KL_SIM_FAULT_CSR_BAD_SIGNATURE) || strikes(call, KL_SIM_FAULT_WRONG_PROOF);
    ops->other_key = strikes(call, KL_SIM_FAULT_CSR_OTHER_KEY);
    ops->refuse_item = strikes(call, KL_SIM_FAULT_COMMIT_ERROR);
    ops->flip_item = is_for_certificate(command) && strikes(call, KL_SIM_FAULT_BIT_FLIP);
    if (command->parsed && strikes(call, KL_SIM_FAULT_TORN))
        run_torn(call);
    else if (command->parsed && strikes(call, KL_SIM_FAULT_CSR_OTHER_CN))
        run_other_cn(call);
    else if (command->parsed && strikes(call, KL_SIM_FAULT_CSR_RSA512))
        answer_rsa512(call);
    else
        run_line(call, command->line, command->len);
}

/* Disconnect and power cut: TRUE when it happened. */
static gboolean
lose_unit(Call *call, KlSimReply *reply, KlSimConsequence *consequence)
{
    gboolean before = strikes(call, KL_SIM_FAULT_POWER_CUT_BEFORE);
    gboolean after = !before && strikes(call, KL_SIM_FAULT_POWER_CUT_AFTER);
    gboolean either = !before && !after && strikes(call, KL_SIM_FAULT_POWER_CUT);
    gboolean cable = !before && !after && !either && strikes(call, KL_SIM_FAULT_DISCONNECT);
    if (!before && !after && !either && !cable)
        return FALSE;
    if (after || (!before && kl_sim_random_below(&call->module->random, 2) == 0))
        run_unheard(call);
    reply->silent = TRUE;
    consequence->unplug = KL_SIM_UNPLUG;
    consequence->restart = !cable;
    return TRUE;
}

/* What happens while the station is busy with the CSR that it was just given. */
static void
lose_unit_at_issue(Call *call, KlSimConsequence *consequence)
{
    KlSimFaults *faults = call->module->faults;
    gboolean power = kl_sim_faults_strike(faults, KL_SIM_FAULT_POWER_CUT, KL_SIM_STEP_ISSUE, "");
    if (power || kl_sim_faults_strike(faults, KL_SIM_FAULT_DISCONNECT, KL_SIM_STEP_ISSUE, "")) {
        consequence->unplug = KL_SIM_UNPLUG_WHEN_READ;
        consequence->restart = power;
    }
}

static void
answer_cme(Call *call)
{
    gboolean agents = g_str_has_prefix(call->command.name, "KL");
    g_autofree char *text = g_strdup_printf("+CME ERROR: %d", agents ? KL_AGENT_E_STORE : CME_MEMORY_FAILURE);
    pass_on(call, KL_AGENT_FINAL, text);
}

static gint64
key_time_us(KlSimModule *module)
{
    const KlSimOptions *options = module->plan.options;
    if (!module->ops.made_key)
        return 0;
    guint spread = options->key_ms_max - options->key_ms_min + 1;
    return (gint64)(options->key_ms_min + kl_sim_random_below(&module->random, spread)) * 1000;
}

void
kl_sim_strike_command(KlSimModule *module, KlHostLine *discipline, KlSimPersonality who, const char *line, gsize len,
                      KlAgentOut out, gpointer out_data, KlSimReply *reply, KlSimConsequence *consequence)
{
    Call call = {.module = module, .discipline = discipline, .who = who, .out = out, .out_data = out_data};
    kl_sim_command_read(&call.command, line, len, &module->checked);
    kl_sim_ops_heal(&module->ops);
    /* An agent's unsolicited lines wait for the final one (le_atServer); a modem's don't. */
    call.interrupted = who.modem && !g_str_has_prefix(call.command.name, "KL");
    if (strikes(&call, KL_SIM_FAULT_NO_ANSWER)) {
        reply->silent = TRUE;
        return;
    }
    if (lose_unit(&call, reply, consequence))
        return;
    if (strikes(&call, KL_SIM_FAULT_CME))
        answer_cme(&call);
    else
        run_bent(&call);
    reply->delay_us = key_time_us(module);
    if (strikes(&call, KL_SIM_FAULT_LATE))
        reply->delay_us += (gint64)module->plan.options->late_ms * 1000;
    reply->garbage = strikes(&call, KL_SIM_FAULT_GARBAGE);
    reply->echo = strikes(&call, KL_SIM_FAULT_ECHO);
    if (who.modem && kl_sim_random_below(&module->random, UNSOLICITED_ODDS) == 0)
        reply->unsolicited = kl_sim_modem_unsolicited(&module->random);
    if (call.command.step == KL_SIM_STEP_CSR)
        lose_unit_at_issue(&call, consequence);
}
