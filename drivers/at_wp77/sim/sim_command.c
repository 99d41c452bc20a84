#include "drivers/at_wp77/sim/sim_command.h"

#include <string.h>

/* Which step asks what; the first row that fits counts. */
static const struct {
    const char *name;
    gboolean read_only; /* the row is for "AT+NAME?" only */
    KlSimStep step;
} rows[] = {
    {"CMEE", FALSE, KL_SIM_STEP_CONNECT},    {"CFUN", FALSE, KL_SIM_STEP_CONNECT},
    {"KLKEY", TRUE, KL_SIM_STEP_PRECHECK},   {"KLKEY", FALSE, KL_SIM_STEP_KEY},
    {"KLDEL", FALSE, KL_SIM_STEP_KEY},       {"KLCSR", FALSE, KL_SIM_STEP_CSR},
    {"KLPUT", FALSE, KL_SIM_STEP_INSTALL},   {"KLCOMMIT", FALSE, KL_SIM_STEP_INSTALL},
    {"KLPROVE", FALSE, KL_SIM_STEP_VERIFY},  {"KLLOCK", FALSE, KL_SIM_STEP_LOCK},
    {"KLBOOT", FALSE, KL_SIM_STEP_REHEARSE},
};

static gboolean
begins_with(const KlSimCommand *command, const char *text)
{
    gsize len = strlen(text);
    return command->len >= len && g_ascii_strncasecmp(command->line, text, len) == 0;
}

static KlSimStep
find_step(const KlSimCommand *command, gboolean *checked)
{
    if (begins_with(command, "ATE"))
        *checked = FALSE;
    if (strcmp(command->name, "KLITEM") == 0) {
        gboolean first = !*checked;
        *checked = TRUE;
        return first ? KL_SIM_STEP_PRECHECK : KL_SIM_STEP_VERIFY;
    }
    if (strcmp(command->name, "KLPUT") == 0)
        *checked = TRUE;
    gboolean is_read = command->parsed && command->details.type == KL_AGENT_READ;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(rows[i].name, command->name) == 0 && (is_read || !rows[i].read_only))
            return rows[i].step;
    return command->name[0] != '\0' || begins_with(command, "ATI") || begins_with(command, "AT!") ? KL_SIM_STEP_IDENTIFY
                                                                                                  : KL_SIM_STEP_CONNECT;
}

void
kl_sim_command_read(KlSimCommand *command, const char *line, gsize len, gboolean *checked)
{
    *command = (KlSimCommand){.line = line, .len = len};
    gsize end = kl_agent_lex_name(line, len, command->name);
    if (end == 0)
        command->name[0] = '\0';
    command->parsed = end > 0 && kl_agent_lex(line, len, end, &command->details) == 0;
    command->step = find_step(command, checked);
}
