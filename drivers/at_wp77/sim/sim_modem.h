/* What the module itself answers on its AT port (interface 3 of a WP77): identity, SIM, radio. Texts are those of a
 * WP7702; what it does not know gets an ERROR. */
#pragma once

#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/sim/sim_identity.h"

G_BEGIN_DECLS

typedef struct {
    KlSimIdentity identity;
    char *model;    /* "WP7702"; owned by whoever made the modem */
    char *firmware; /* "SWI9X06Y_02.32.02.00"; likewise */
    guint cfun;     /* radio functionality: 0, 1 or 4 */
} KlSimModem;

/* Runs one command line (not NUL-terminated): gives response lines, the last of them final, to out. */
void kl_sim_modem_command(KlSimModem *modem, const char *line, gsize len, KlAgentOut out, void *out_data);

/* One of the lines that a modem sends without being asked. Static. */
const char *kl_sim_modem_unsolicited(guint64 *random);

G_END_DECLS
