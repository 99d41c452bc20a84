/* A conversation with a modem over one port: one command in flight, every reply matched to its command.
 *
 * A reply that comes after its command was given up would be taken for the next command's. So a command that got no
 * final result leaves the chat out of step, and before the next command the chat gets back into it: it reads until the
 * port is quiet, sends "AT" until exactly one OK comes back for it, and reads until quiet again. */
#pragma once

#include "drivers/at_wp77/at_parse.h"
#include "station/transport.h"

G_BEGIN_DECLS

#define KL_AT_GRACE_MS 1000     /* at most this long after a timeout, a reply still counts: as late */
#define KL_AT_PROBE_MS 300      /* for the answer to a bare "AT" */
#define KL_AT_QUIET_MS 100      /* no byte for this long: the port is quiet */
#define KL_AT_LINE_END_MS 40    /* for the LF after a final result's CR: adapters hold bytes back for up to 16 ms */
#define KL_AT_DRAIN_MS 500      /* a port that is never quiet is waited for this long */
#define KL_AT_PROBES 8          /* times "AT" is sent before the port counts as silent */
#define KL_AT_SILENT_MAX 3      /* commands in a row without a final result, then the port is dead */
#define KL_AT_REPLY_MAX 0x10000 /* bytes of one reply; more is garbage */

typedef struct KlAtChat KlAtChat;

/* What a command was answered. */
typedef struct {
    GPtrArray *lines; /* of char *: the lines with the expected prefix, or all readable lines when none was expected */
    KlAtFinal final;  /* type and number; valid only with success or COMMAND_REFUSED */
} KlAtResult;

void kl_at_result_clear(KlAtResult *result);

/* A chat over an open transport, which it takes over and closes in the end. The name is the port's in the transcript
 * ("agent", "modem"). */
KlAtChat *kl_at_chat_new(KlTransport *transport, const char *name);
void kl_at_chat_free(KlAtChat *chat);

/* The name that further transcript entries carry. */
void kl_at_chat_rename(KlAtChat *chat, const char *name);

/* Sends "AT" until the port answers it with OK (KL_AT_PROBES times at most). Errors: NO_ANSWER (silence, or only the
 * echo), ANSWER_GARBLED, ANSWER_LATE (answers came, but not in time, or it is busy), COMMAND_REFUSED (never an OK),
 * PORT_GONE, CANCELLED, STEP_TIMEOUT. */
gboolean kl_at_chat_wake(KlAtChat *chat, KlOp *op, GError **error);

/* Tells the chat that the last reply was not its command's: it gets back into step before the next one. */
void kl_at_chat_distrust(KlAtChat *chat);

/* Sends a command ("AT+KLINFO?", no CR) and waits for its final result, timeout_ms from when its last byte was written,
 * but not past the operation's deadline. prefix: how the lines of its answer begin, or NULL to take all. Writes nothing
 * while it waits. Clear *result (may be NULL) after use, also after an error.
 *
 * TRUE when the final result is OK. Errors:
 *   COMMAND_REFUSED     another final result; result->final has it, with the number of a +CME ERROR
 *   NO_ANSWER           nothing, or nothing but echo and URCs, in time; or the port is dead (see KL_AT_SILENT_MAX)
 *   ANSWER_LATE         the final result came after timeout_ms, but within the same time again (at most KL_AT_GRACE_MS)
 *   ANSWER_GARBLED      bytes but no final result; or, when a result is wanted, a damaged line in the answer
 *   ANSWER_UNEXPECTED   the module waits for text, or went to data mode
 *   PORT_GONE           now or by an earlier command
 *   CANCELLED, STEP_TIMEOUT; INTERNAL when the command is too long or not printable ASCII */
gboolean kl_at_chat_command(KlAtChat *chat, const char *command, const char *prefix, guint timeout_ms, KlOp *op,
                            KlAtResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAtChat, kl_at_chat_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAtResult, kl_at_result_clear)

G_END_DECLS
