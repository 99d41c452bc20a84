/* Shared by the driver's own files. */
#pragma once

#include "drivers/at_wp77/at_chat.h"
#include "drivers/at_wp77/wp77_identity.h"
#include "station/driver.h"
#include "station/error.h"

G_BEGIN_DECLS

/* How long a final result may take, from the command's last byte. */
#define KL_WP77_QUICK_MS 2000 /* nothing but talk */
#define KL_WP77_SLOW_MS 10000 /* a signature, or writing to flash */
#define KL_WP77_KEY_MS 30000  /* the keystore makes a key */

struct KlDevice {
    KlAtChat *agent;
    KlAtChat *modem; /* may be the same as agent; NULL when no port answers as a modem */
};

/* Opens and surveys the ports: KlDriver.open. */
KlDevice *kl_wp77_open(const KlPorts *ports, KlTransportOpen open_transport, KlOp *op, GError **error);
void kl_wp77_close(KlDevice *device);

/* How one of the agent's commands is asked. */
typedef struct {
    const char *prefix; /* of the lines of its answer; NULL when it has none */
    guint timeout_ms;
    KlErrorCode refused; /* the code for every refusal that has none of its own in the driver's table */
} KlWp77Command;

/* Runs a command. A refusal becomes the agent's error in words, with the code of its number. Clear *result after use,
 * also after an error: result->final then has the number. */
gboolean kl_wp77_ask(KlAtChat *chat, const KlWp77Command *command, const char *text, KlOp *op, KlAtResult *result,
                     GError **error);

/* Asks AT+KLINFO?. FALSE with NO_AGENT when nobody there knows the command. Clear *info after use, also after an error.
 */
gboolean kl_wp77_ask_info(KlAtChat *chat, KlWp77Info *info, KlOp *op, GError **error);

/* Asks ATI, and AT+CGSN when that does not tell the IMEI. FALSE with COMMAND_REFUSED when it is no modem. Clear *modem
 * after use, also after an error. */
gboolean kl_wp77_ask_modem(KlAtChat *chat, KlWp77Modem *modem, KlOp *op, GError **error);

KlUnit *kl_wp77_identify(KlDevice *device, KlOp *op, GError **error);
gboolean kl_wp77_install(KlDevice *device, const char *item, GBytes *data, KlOp *op, GError **error);

gboolean kl_wp77_rehearse(KlDevice *device, const char *address, const char *broker_sha256, KlOp *op, GError **error);
gboolean kl_wp77_boot_status(KlDevice *device, KlBootInfo *info, KlOp *op, GError **error);
gboolean kl_wp77_boot_reset(KlDevice *device, KlOp *op, GError **error);

/* A command with its parameters, each in quotes (NULL-terminated list of const char *): AT+NAME="a","b". NULL with
 * INTERNAL when a parameter is too long for a le_atServer or has a character that can't stand between quotes. Free with
 * g_free. */
char *kl_wp77_command(GError **error, const char *name, ...) G_GNUC_NULL_TERMINATED;

G_END_DECLS
