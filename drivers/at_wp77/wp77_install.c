/* Storing an item on a unit: piece by piece, then checked and taken over at once by the agent. */
#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/wp77_internal.h"

/* Whether what is staged is not what was sent: a piece was damaged on its way or the agent has restarted. Sending the
 * item again from offset 0 starts over (PROTOCOL.md, Errors). */
static gboolean
is_staging_error(int number)
{
    return number == KL_AGENT_E_ORDER || number == KL_AGENT_E_LENGTH || number == KL_AGENT_E_HASH ||
           number == KL_AGENT_E_NOT_STAGED;
}

static gboolean
put_piece(KlDevice *device, const char *item, gsize offset, const guint8 *bytes, gsize length, KlOp *op,
          KlAtResult *result, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_QUICK_MS, KL_ERROR_INSTALL_REFUSED};
    g_autofree char *at = g_strdup_printf("%" G_GSIZE_FORMAT, offset);
    g_autofree char *base64 = g_base64_encode(bytes, length);
    g_autofree char *text = kl_wp77_command(error, "KLPUT", item, at, base64, NULL);
    return text != NULL && kl_wp77_ask(device->agent, &command, text, op, result, error);
}

static gboolean
commit(KlDevice *device, const char *item, GBytes *data, KlOp *op, KlAtResult *result, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_SLOW_MS, KL_ERROR_INSTALL_REFUSED};
    g_autofree char *length = g_strdup_printf("%" G_GSIZE_FORMAT, g_bytes_get_size(data));
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, data);
    g_autofree char *text = kl_wp77_command(error, "KLCOMMIT", item, length, sha256, NULL);
    return text != NULL && kl_wp77_ask(device->agent, &command, text, op, result, error);
}

/* Sends the whole item once; result has the last answer. */
static gboolean
send_item(KlDevice *device, const char *item, GBytes *data, KlOp *op, KlAtResult *result, GError **error)
{
    gsize length = 0;
    const guint8 *bytes = g_bytes_get_data(data, &length);
    for (gsize offset = 0; offset < length; offset += KL_AGENT_PIECE_MAX) {
        gsize piece = MIN(length - offset, (gsize)KL_AGENT_PIECE_MAX);
        if (!put_piece(device, item, offset, bytes + offset, piece, op, result, error))
            return FALSE;
        kl_op_progress(op, (double)(offset + piece) / (double)(length + KL_AGENT_PIECE_MAX));
    }
    if (!commit(device, item, data, op, result, error))
        return FALSE;
    kl_op_progress(op, 1.0);
    return TRUE;
}

gboolean
kl_wp77_install(KlDevice *device, const char *item, GBytes *data, KlOp *op, GError **error)
{
    g_auto(KlAtResult) result = {0};
    GError *failure = NULL;
    if (g_bytes_get_size(data) == 0)
        return kl_fail(error, KL_ERROR_INTERNAL, "item '%s' is empty", item);
    if (send_item(device, item, data, op, &result, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_INSTALL_REFUSED) && is_staging_error(result.final.number)) {
        kl_transcript_note(op->transcript, "%s is sent again: %s", item, failure->message);
        g_clear_error(&failure);
        return send_item(device, item, data, op, &result, error);
    }
    g_propagate_error(error, failure);
    return FALSE;
}
