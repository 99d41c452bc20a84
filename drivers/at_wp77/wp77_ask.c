/* Commands and refusals: what all of the driver's calls have in common. */
#include <string.h>

#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/wp77_internal.h"

/* Refusals that mean the same whatever the command was. */
static const struct {
    int number;
    KlErrorCode code;
} refusals[] = {
    {KL_AGENT_E_NO_KEY, KL_ERROR_KEY_LOST},
    {KL_AGENT_E_SLOT_USED, KL_ERROR_KEY_SLOT_USED},
    {KL_AGENT_E_LOCKED, KL_ERROR_UNIT_LOCKED},
    {KL_AGENT_E_IDENTITY, KL_ERROR_UNIT_STARTING},
};

/* What the agent means by a number, or NULL when it is not one of its numbers. Static. */
static const char *
error_text(int number)
{
    static const struct {
        int number;
        const char *text;
    } texts[] = {
#define TEXT(name, value, text) {value, text},
        KL_AGENT_ERRORS(TEXT)
#undef TEXT
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (texts[i].number == number)
            return texts[i].text;
    }
    return NULL;
}

gboolean
kl_wp77_ask(KlAtChat *chat, const KlWp77Command *command, const char *text, KlOp *op, KlAtResult *result,
            GError **error)
{
    GError *failure = NULL;
    if (kl_at_chat_command(chat, text, command->prefix, command->timeout_ms, op, result, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_COMMAND_REFUSED)) {
        int number = result->final.type == KL_AT_CME_ERROR ? result->final.number : -1;
        const char *meaning = error_text(number);
        failure->code = (int)command->refused;
        for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
            if (refusals[i].number == number)
                failure->code = (int)refusals[i].code;
        }
        if (meaning != NULL)
            g_prefix_error(&failure, "%s (agent error %d): ", meaning, number);
    }
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean
append_parameter(GString *command, const char *parameter, GError **error)
{
    gsize length = strlen(parameter);
    gboolean quotable = length <= KL_AGENT_PARAMETER_MAX;
    for (gsize i = 0; i < length; i++)
        quotable = quotable && g_ascii_isprint(parameter[i]) && parameter[i] != '"';
    if (!quotable)
        return kl_fail(error, KL_ERROR_INTERNAL, "not a parameter of an AT command: '%s'", parameter);
    char last = command->str[command->len - 1];
    g_string_append_printf(command, "%s\"%s\"", last == '"' ? "," : "=", parameter);
    return TRUE;
}

char *
kl_wp77_command(GError **error, const char *name, ...)
{
    g_autoptr(GString) command = g_string_new("AT+");
    g_string_append(command, name);
    gboolean ok = TRUE;
    va_list parameters;
    va_start(parameters, name);
    for (const char *next = va_arg(parameters, const char *); ok && next != NULL;
         next = va_arg(parameters, const char *))
        ok = append_parameter(command, next, error);
    va_end(parameters);
    return ok ? g_string_free(g_steal_pointer(&command), FALSE) : NULL;
}
