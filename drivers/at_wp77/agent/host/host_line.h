/* The AT line discipline that a Legato AT server has, on any byte stream: assembles command lines, frames response
 * lines.
 *
 * Bytes in:  a command is what follows the first "AT" up to a CR; everything before it, NULs and LFs are dropped; a
 * line keeps its first 511 bytes and loses its tail in silence. Bytes out: echo only after ATE1; the first response
 * line of a command goes out as CR LF text CR LF, later ones as text CR LF, the final one as CR LF text CR LF.
 *
 * It dispatches nothing itself: the owner's handler gets every line and decides, for example
 *
 *     if (!kl_host_line_basic(line, text, len, out, out_data) && !kl_agent_command(agent, text, len, out, out_data))
 *         modem_personality(text, len, out, out_data);
 *
 * A handler that never gives a final line makes a unit that does not answer. */
#pragma once

#include <glib.h>

#include "drivers/at_wp77/agent/commands.h"

G_BEGIN_DECLS

#define KL_HOST_LINE_MAX 511

typedef struct KlHostLine KlHostLine;

/* Gets one command line, "AT" included, CR not; not NUL-terminated. Response lines go to out, with out_data, until the
 * handler returns. */
typedef void (*KlHostLineHandler)(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data);

/* Takes bytes for the wire. */
typedef void (*KlHostLineWrite)(gpointer data, const guint8 *bytes, gsize len);

/* Both callbacks' data are borrowed. Free with kl_host_line_free. */
KlHostLine *kl_host_line_new(KlHostLineHandler handler, gpointer handler_data, KlHostLineWrite write,
                             gpointer write_data);
void kl_host_line_free(KlHostLine *line);

/* Gives it bytes from the wire; runs the handler for each command that they complete. */
void kl_host_line_feed(KlHostLine *line, const guint8 *bytes, gsize len);

/* Runs AT, ATE0, ATE1, ATV1 (also joined, as ATE0V1), AT+CMEE=0, AT+CMEE=1, AT+CMEE? and AT+CMEE=?. FALSE, with nothing
 * written, for every other line. */
gboolean kl_host_line_basic(KlHostLine *line, const char *text, gsize len, KlAgentOut out, gpointer out_data);

/* Sends an unsolicited line. */
void kl_host_line_unsolicited(KlHostLine *line, const char *text);

/* What a power cut does: a half-received command is gone, echo and CMEE are off. */
void kl_host_line_reset(KlHostLine *line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlHostLine, kl_host_line_free)

G_END_DECLS
