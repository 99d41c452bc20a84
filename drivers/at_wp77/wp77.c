#include "drivers/at_wp77/wp77.h"

#include <string.h>

#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/wp77_answers.h"
#include "drivers/at_wp77/wp77_internal.h"

#define KEY_TYPE "ec-p256"

/* A parse that failed leaves nothing behind for the caller to mistake for a key. */
static gboolean
settle_key(gboolean ok, KlKeyInfo *info)
{
    if (!ok)
        kl_key_info_clear(info);
    return ok;
}

static gboolean
wp77_key_status(KlDevice *device, const char *key_slot, KlKeyInfo *info, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLKEY:", KL_WP77_QUICK_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    *info = (KlKeyInfo){0};
    return kl_wp77_ask(device->agent, &command, "AT+KLKEY?", op, &result, error) &&
           settle_key(kl_wp77_key_list_parse(result.lines, key_slot, info, error), info);
}

static gboolean
wp77_generate_key(KlDevice *device, const char *key_slot, KlKeyInfo *info, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLKEY:", KL_WP77_KEY_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    *info = (KlKeyInfo){0};
    g_autofree char *text = kl_wp77_command(error, "KLKEY", key_slot, KEY_TYPE, NULL);
    return text != NULL && kl_wp77_ask(device->agent, &command, text, op, &result, error) &&
           settle_key(kl_wp77_key_made_parse(result.lines, info, error), info);
}

static GBytes *
wp77_get_csr(KlDevice *device, const char *key_slot, const char *common_name, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLCSR:", KL_WP77_SLOW_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    g_autofree char *text = kl_wp77_command(error, "KLCSR", key_slot, common_name, NULL);
    if (text == NULL || !kl_wp77_ask(device->agent, &command, text, op, &result, error))
        return NULL;
    return kl_wp77_csr_parse(result.lines, error);
}

static GPtrArray *
wp77_read_back(KlDevice *device, KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLITEM:", KL_WP77_SLOW_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    if (!kl_wp77_ask(device->agent, &command, "AT+KLITEM?", op, &result, error))
        return NULL;
    return kl_wp77_items_parse(result.lines, error);
}

static GBytes *
wp77_prove(KlDevice *device, const char *key_slot, const guint8 nonce[KL_NONCE_SIZE], KlOp *op, GError **error)
{
    static const KlWp77Command command = {"+KLPROVE:", KL_WP77_SLOW_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    char hex[2 * KL_NONCE_SIZE + 1];
    for (gsize i = 0; i < KL_NONCE_SIZE; i++)
        g_snprintf(hex + 2 * i, 3, "%02x", nonce[i]);
    g_autofree char *text = kl_wp77_command(error, "KLPROVE", key_slot, hex, NULL);
    if (text == NULL || !kl_wp77_ask(device->agent, &command, text, op, &result, error))
        return NULL;
    return kl_wp77_proof_parse(result.lines, error);
}

/* The agent removes the items before the key: no key means that an earlier erase got through, but its answer did not.
 */
static gboolean
wp77_erase(KlDevice *device, const char *key_slot, KlOp *op, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_SLOW_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    GError *failure = NULL;
    g_autofree char *text = kl_wp77_command(error, "KLDEL", key_slot, NULL);
    if (text == NULL)
        return FALSE;
    if (kl_wp77_ask(device->agent, &command, text, op, &result, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_KEY_LOST)) {
        g_error_free(failure);
        return TRUE;
    }
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_UNIT_LOCKED))
        failure->code = KL_ERROR_REPROVISION_LOCKED;
    g_propagate_error(error, failure);
    return FALSE;
}

static gboolean
wp77_lock(KlDevice *device, const char *key_slot, KlOp *op, GError **error)
{
    static const KlWp77Command command = {NULL, KL_WP77_SLOW_MS, KL_ERROR_COMMAND_REFUSED};
    g_auto(KlAtResult) result = {0};
    g_autofree char *text = kl_wp77_command(error, "KLLOCK", key_slot, NULL);
    return text != NULL && kl_wp77_ask(device->agent, &command, text, op, &result, error);
}

const KlDriver kl_wp77_driver = {
    .id = "at_wp77",
    .title = "FX30S with a WP77 module",
    .open = kl_wp77_open,
    .identify = kl_wp77_identify,
    .key_status = wp77_key_status,
    .generate_key = wp77_generate_key,
    .get_csr = wp77_get_csr,
    .install = kl_wp77_install,
    .read_back = wp77_read_back,
    .prove = wp77_prove,
    .erase = wp77_erase,
    .lock = wp77_lock,
    .rehearse = kl_wp77_rehearse,
    .boot_status = kl_wp77_boot_status,
    .boot_reset = kl_wp77_boot_reset,
    .close = kl_wp77_close,
};
