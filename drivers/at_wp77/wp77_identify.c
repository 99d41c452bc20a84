/* Who a unit is, asked of every port that it has. */
#include "drivers/at_wp77/agent/agent_errors.h"
#include "drivers/at_wp77/wp77_internal.h"

gboolean
kl_wp77_ask_info(KlAtChat *chat, KlWp77Info *info, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLINFO:", KL_WP77_QUICK_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    GError *failure = NULL;
    *info = (KlWp77Info){0};
    if (kl_wp77_ask(chat, &command, "AT+KLINFO?", op, &result, &failure))
        return kl_wp77_info_parse(result.lines, info, error);
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_COMMAND_REFUSED) && result.final.number < KL_AGENT_E_SYNTAX)
        failure->code = KL_ERROR_NO_AGENT;
    g_propagate_error(error, failure);
    return FALSE;
}

gboolean
kl_wp77_ask_modem(KlAtChat *chat, KlWp77Modem *modem, KlOp *op, GError **error)
{
    g_auto(KlAtResult) ati = {0};
    g_auto(KlAtResult) cgsn = {0};
    *modem = (KlWp77Modem){0};
    if (!kl_at_chat_command(chat, "ATI", NULL, KL_WP77_QUICK_MS, op, &ati, error))
        return FALSE;
    kl_wp77_modem_parse(ati.lines, modem);
    if (modem->model == NULL && modem->imei == NULL)
        return kl_fail(error, KL_ERROR_COMMAND_REFUSED, "ATI tells neither model nor IMEI");
    if (modem->imei != NULL)
        return TRUE;
    GError *failure = NULL;
    if (kl_at_chat_command(chat, "AT+CGSN", NULL, KL_WP77_QUICK_MS, op, &cgsn, &failure)) {
        modem->imei = kl_wp77_cgsn_parse(cgsn.lines);
        return TRUE;
    }
    if (!g_error_matches(failure, KL_ERROR, KL_ERROR_COMMAND_REFUSED)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_error_free(failure); /* it is a modem that does not tell its IMEI */
    return TRUE;
}

/* What is known by both, but not the same, goes to the record: it decides nothing. */
static void
note_difference(const KlOp *op, const char *what, const char *agent, const char *modem)
{
    if (modem != NULL && !g_str_has_prefix(agent, modem))
        kl_transcript_note(op->transcript, "%s: '%s' by the agent, '%s' by the modem, which decides", what, agent,
                           modem);
}

KlUnit *
kl_wp77_identify(KlDevice *device, KlOp *op, GError **error)
{
    g_auto(KlWp77Info) info = {0};
    g_auto(KlWp77Modem) modem = {0};
    if (!kl_wp77_ask_info(device->agent, &info, op, error))
        return NULL;
    if (device->modem == NULL)
        return kl_wp77_unit_new(&info, NULL, error);
    if (!kl_wp77_ask_modem(device->modem, &modem, op, error))
        return NULL;
    note_difference(op, "model", info.model, modem.model);
    note_difference(op, "firmware", info.firmware, modem.firmware);
    return kl_wp77_unit_new(&info, &modem, error);
}
