/* What a unit says of itself, from the lines of its answers. Pure: no I/O, fit for a fuzzer. */
#pragma once

#include "station/unit.h"

G_BEGIN_DECLS

/* The answer to AT+KLINFO?. No member is NULL after kl_wp77_info_parse. */
typedef struct {
    char *protocol;
    char *agent;
    char *keystore;
    char *imei;
    char *fsn;
    char *model;
    char *firmware;
    char *boot;
} KlWp77Info;

void kl_wp77_info_clear(KlWp77Info *info);

/* Reads +KLINFO: "key","value" lines (char *). Unknown keys are skipped. Errors: AGENT_VERSION (another protocol),
 * ANSWER_GARBLED (a line of another form, a key twice or missing). Clear *info after use, also after an error. */
gboolean kl_wp77_info_parse(const GPtrArray *lines, KlWp77Info *info, GError **error);

/* The answer to ATI. Members are NULL when it does not tell. */
typedef struct {
    char *model;    /* "WP7702" */
    char *firmware; /* the first word of the revision: "SWI9X06Y_02.32.02.00" */
    char *imei;
    char *fsn;
} KlWp77Modem;

void kl_wp77_modem_clear(KlWp77Modem *modem);

/* Reads "Key: value" lines (char *); skips what it does not know. Clear *modem after use. */
void kl_wp77_modem_parse(const GPtrArray *lines, KlWp77Modem *modem);

/* The first line (char *) that is 15 digits, as AT+CGSN answers; NULL when there is none. Free with g_free. */
char *kl_wp77_cgsn_parse(const GPtrArray *lines);

/* The unit that agent and modem (NULL: only the agent was asked) agree on. The modem decides model and firmware
 * (1199:68c0 is shared by many modules: "decide the model by ATI"); the agent's are used where the modem does not tell.
 * Errors: IDENTITY_UNREADABLE (IMEI, FSN or another value is missing, malformed or too long), IDENTITY_MISMATCH (other
 * IMEI or FSN). Free with kl_unit_free. */
KlUnit *kl_wp77_unit_new(const KlWp77Info *info, const KlWp77Modem *modem, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlWp77Info, kl_wp77_info_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlWp77Modem, kl_wp77_modem_clear)

G_END_DECLS
