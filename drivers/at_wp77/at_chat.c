#include "drivers/at_wp77/at_chat.h"

#include <string.h>

#include "station/error.h"

struct KlAtChat {
    KlTransport *transport;
    char *name;
    KlAtParser parser;
    gboolean out_of_step; /* a reply to an earlier command may still come */
    gboolean gone;
    guint silent; /* commands in a row that got no final result */
};

/* What came back for one command. */
typedef struct {
    KlAtResult *result; /* or NULL */
    gboolean take_all;  /* no prefix is expected: every readable line is the answer */
    gboolean finished;
    gboolean prompted;
    gboolean extra; /* something came after the final result that is no URC */
    KlAtFinal final;
    char *text;    /* of the final result */
    guint lines;   /* readable lines, but for echo and URCs */
    guint garbled; /* damaged lines */
    guint noise;
    gsize bytes;
} Reply;

static void
reply_clear(Reply *reply)
{
    g_free(reply->text);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reply, reply_clear)

void
kl_at_result_clear(KlAtResult *result)
{
    g_clear_pointer(&result->lines, g_ptr_array_unref);
    result->final = (KlAtFinal){KL_AT_ERROR, -1};
}

KlAtChat *
kl_at_chat_new(KlTransport *transport, const char *name)
{
    KlAtChat *chat = g_new0(KlAtChat, 1);
    chat->transport = transport;
    chat->name = g_strdup(name);
    kl_at_parser_reset(&chat->parser);
    return chat;
}

void
kl_at_chat_free(KlAtChat *chat)
{
    kl_transport_close(chat->transport);
    g_free(chat->name);
    g_free(chat);
}

void
kl_at_chat_rename(KlAtChat *chat, const char *name)
{
    g_free(chat->name);
    chat->name = g_strdup(name);
}

void
kl_at_chat_distrust(KlAtChat *chat)
{
    chat->out_of_step = TRUE;
}

/* After an error of the transport nothing more is known of what the module has got or will say. */
static void
note_failure(KlAtChat *chat, const GError *error)
{
    KlErrorCode code = kl_error_code(error);
    chat->out_of_step = TRUE;
    chat->gone |= code == KL_ERROR_PORT_GONE;
    chat->silent += code == KL_ERROR_NO_ANSWER;
}

static gssize
read_some(KlAtChat *chat, guint8 *buffer, gsize length, KlOp *op, gint64 until_us, GError **error)
{
    GError *failure = NULL;
    gint64 start = g_get_monotonic_time();
    gssize n = chat->transport->klass->read(chat->transport, buffer, length, op, until_us, &failure);
    op->device_us += g_get_monotonic_time() - start;
    if (n > 0)
        kl_transcript_add(op->transcript, chat->name, KL_FROM_UNIT, buffer, (gsize)n);
    if (n < 0) {
        note_failure(chat, failure);
        g_propagate_error(error, failure);
    }
    return n;
}

static gboolean
write_command(KlAtChat *chat, const char *command, guint timeout_ms, KlOp *op, GError **error)
{
    GError *failure = NULL;
    g_autofree char *line = g_strconcat(command, "\r", NULL);
    gsize length = strlen(line);
    const guint8 *bytes = (const guint8 *)line;
    kl_transcript_add(op->transcript, chat->name, KL_TO_UNIT, bytes, length);
    gint64 start = g_get_monotonic_time();
    gint64 until_us = kl_op_until(op, timeout_ms);
    gboolean ok = chat->transport->klass->write(chat->transport, bytes, length, op, until_us, &failure);
    op->device_us += g_get_monotonic_time() - start;
    if (!ok) {
        note_failure(chat, failure);
        g_propagate_error(error, failure);
    }
    return ok;
}

static void
take_line(KlAtChat *chat, Reply *reply, gboolean wanted)
{
    reply->lines++;
    if (reply->finished)
        reply->extra = TRUE;
    else if (wanted && reply->result != NULL)
        g_ptr_array_add(reply->result->lines, g_strdup(chat->parser.line));
}

static void
take_final(KlAtChat *chat, Reply *reply)
{
    if (reply->finished) {
        reply->extra = TRUE;
        return;
    }
    reply->finished = TRUE;
    reply->final = chat->parser.final;
    reply->text = g_strdup(chat->parser.line);
}

static void
take_bytes(KlAtChat *chat, Reply *reply, const guint8 *bytes, gsize length)
{
    KlAtEvent event;
    reply->bytes += length;
    while ((event = kl_at_parser_next(&chat->parser, &bytes, &length)) != KL_AT_NONE) {
        if (event == KL_AT_FINAL)
            take_final(chat, reply);
        else if (event == KL_AT_ANSWER || event == KL_AT_OTHER)
            take_line(chat, reply, event == KL_AT_ANSWER || reply->take_all);
        reply->prompted |= event == KL_AT_PROMPT;
        reply->garbled += event == KL_AT_GARBLED;
        reply->noise += event == KL_AT_NOISE;
    }
}

/* Reads until the final result is there, the module asks for text, the reply gets absurdly long, or time is up: reply
 * tells which. A final result whose CR has come and whose LF is still on the wire is waited for: the module counts as
 * busy until it has sent all of it. FALSE only when the transport fails. */
static gboolean
receive(KlAtChat *chat, Reply *reply, KlOp *op, gint64 until_us, GError **error)
{
    guint8 buffer[512];
    gssize n = 0;
    while (!reply->finished && !reply->prompted && reply->bytes <= KL_AT_REPLY_MAX) {
        n = read_some(chat, buffer, sizeof buffer, op, until_us, error);
        if (n <= 0)
            return n == 0;
        take_bytes(chat, reply, buffer, (gsize)n);
    }
    if (!reply->finished || n == 0 || buffer[n - 1] != '\r')
        return TRUE;
    n = read_some(chat, buffer, sizeof buffer, op, kl_op_until(op, KL_AT_LINE_END_MS), error);
    if (n > 0)
        take_bytes(chat, reply, buffer, (gsize)n);
    return n >= 0;
}

/* Sends a command and receives what comes back in time. */
static gboolean
exchange(KlAtChat *chat, const char *command, const char *prefix, guint timeout_ms, Reply *reply, KlOp *op,
         GError **error)
{
    reply->take_all = prefix == NULL;
    kl_at_parser_begin(&chat->parser, command, prefix);
    return write_command(chat, command, timeout_ms, op, error) &&
           receive(chat, reply, op, kl_op_until(op, timeout_ms), error);
}

/* Reads and drops until no byte has come for quiet_ms. Adds what it drops to reply. */
static gboolean
drain(KlAtChat *chat, guint quiet_ms, Reply *reply, KlOp *op, GError **error)
{
    guint8 buffer[512];
    gint64 end_us = kl_op_until(op, KL_AT_DRAIN_MS);
    kl_at_parser_begin(&chat->parser, NULL, NULL);
    for (;;) {
        gssize n = read_some(chat, buffer, sizeof buffer, op, MIN(end_us, kl_op_until(op, quiet_ms)), error);
        if (n <= 0)
            return n == 0;
        take_bytes(chat, reply, buffer, (gsize)n);
        if (g_get_monotonic_time() >= end_us)
            return TRUE;
    }
}

/* Drops what came since the last command, without waiting for more unless a line has only half arrived. URCs do no
 * harm; a final result or a line belongs to a command that was given up, perhaps by a program before this one. */
static gboolean
drop_pending(KlAtChat *chat, KlOp *op, GError **error)
{
    g_auto(Reply) stale = {0};
    if (!drain(chat, 0, &stale, op, error))
        return FALSE;
    if (kl_at_parser_in_line(&chat->parser) && !drain(chat, KL_AT_QUIET_MS, &stale, op, error))
        return FALSE;
    if (stale.finished || stale.lines > 0)
        chat->out_of_step = TRUE;
    return TRUE;
}

/* What the probes of one attempt to get into step have shown. */
typedef struct {
    gboolean overdue; /* a command before the last probe got no final result in its time */
    gboolean refused;
    gboolean late;
    gboolean garbled;
} Probes;

/* One "AT". *clean: exactly one OK came back, and it can't be another command's. */
static gboolean
probe(KlAtChat *chat, Probes *probes, gboolean *clean, KlOp *op, GError **error)
{
    gboolean suspicious = chat->out_of_step;
    g_auto(Reply) before = {0};
    g_auto(Reply) reply = {0};
    g_auto(Reply) after = {0};
    *clean = FALSE;
    if (!kl_op_check(op, error))
        return FALSE;
    if (suspicious) {
        kl_at_parser_reset(&chat->parser);
        if (!drain(chat, KL_AT_QUIET_MS, &before, op, error))
            return FALSE;
    }
    if (!exchange(chat, "AT", NULL, KL_AT_PROBE_MS, &reply, op, error))
        return FALSE;
    gboolean refused = reply.finished && reply.final.type != KL_AT_OK;
    *clean = reply.finished && !refused && reply.lines == 0 && !reply.extra;
    /* A busy le_atServer answers ERROR at once: leave it the time that an unanswered probe would have had. */
    if (refused && !drain(chat, KL_AT_PROBE_MS, &after, op, error))
        return FALSE;
    if (*clean && suspicious) {
        if (!drain(chat, KL_AT_QUIET_MS, &after, op, error))
            return FALSE;
        *clean = !after.finished && after.lines == 0;
    }
    if (before.finished)
        kl_transcript_note(op->transcript, "%s port: a late reply was dropped", chat->name);
    probes->late |= before.finished || after.finished || (reply.finished && reply.lines > 0);
    probes->refused |= refused;
    probes->overdue |= !reply.finished;
    probes->garbled |= reply.garbled + reply.noise + before.garbled > 0;
    return TRUE;
}

static gboolean
fail_probes(const KlAtChat *chat, const Probes *probes, GError **error)
{
    if (probes->late || (probes->refused && probes->overdue))
        return kl_fail(error, KL_ERROR_ANSWER_LATE, "%s port: busy, or answers to AT come after %d ms", chat->name,
                       KL_AT_PROBE_MS);
    if (probes->refused)
        return kl_fail(error, KL_ERROR_COMMAND_REFUSED, "%s port: AT is not answered with OK", chat->name);
    if (probes->garbled)
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "%s port: AT is answered with garbage", chat->name);
    return kl_fail(error, KL_ERROR_NO_ANSWER, "%s port: no answer to %d times AT", chat->name, KL_AT_PROBES);
}

gboolean
kl_at_chat_wake(KlAtChat *chat, KlOp *op, GError **error)
{
    Probes probes = {.overdue = chat->out_of_step};
    for (guint i = 0; i < KL_AT_PROBES; i++) {
        gboolean clean;
        if (!probe(chat, &probes, &clean, op, error))
            return FALSE;
        chat->out_of_step = !clean;
        if (clean)
            return TRUE;
    }
    return kl_op_check(op, error) && fail_probes(chat, &probes, error);
}

/* No final result in time. Waits a little longer, to tell a slow unit from a silent one. */
static gboolean
fail_unfinished(KlAtChat *chat, const char *command, guint timeout_ms, Reply *reply, KlOp *op, GError **error)
{
    chat->out_of_step = TRUE;
    if (!kl_op_check(op, error))
        return FALSE;
    if (reply->prompted)
        return kl_fail(error, KL_ERROR_ANSWER_UNEXPECTED, "%s port: %s is answered with a prompt", chat->name, command);
    chat->silent++;
    if (!receive(chat, reply, op, kl_op_until(op, MIN(timeout_ms, KL_AT_GRACE_MS)), error))
        return FALSE;
    if (reply->finished) {
        chat->silent = 0;
        return kl_fail(error, KL_ERROR_ANSWER_LATE, "%s port: %s is answered '%s' after more than %u ms", chat->name,
                       command, reply->text, timeout_ms);
    }
    if (reply->lines + reply->garbled + reply->noise > 0 || reply->bytes > KL_AT_REPLY_MAX)
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED,
                       "%s port: %s got %" G_GSIZE_FORMAT " bytes within %u ms, but no final result", chat->name,
                       command, reply->bytes, timeout_ms);
    return kl_fail(error, KL_ERROR_NO_ANSWER, "%s port: no answer to %s within %u ms", chat->name, command, timeout_ms);
}

static gboolean
judge(KlAtChat *chat, const char *command, const Reply *reply, GError **error)
{
    chat->silent = 0;
    chat->out_of_step |= reply->extra;
    if (reply->result != NULL)
        reply->result->final = reply->final;
    if (reply->final.type == KL_AT_CONNECT) {
        chat->out_of_step = TRUE;
        return kl_fail(error, KL_ERROR_ANSWER_UNEXPECTED, "%s port: %s is answered '%s'", chat->name, command,
                       reply->text);
    }
    if (reply->final.type != KL_AT_OK)
        return kl_fail(error, KL_ERROR_COMMAND_REFUSED, "%s port: %s is answered '%s'", chat->name, command,
                       reply->text);
    if (reply->result != NULL && reply->garbled > 0)
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "%s port: %s has %u damaged lines in its answer", chat->name,
                       command, reply->garbled);
    return TRUE;
}

/* FALSE when nothing should be sent: the command is not one, the port is known not to work, the operation is over. */
static gboolean
may_send(KlAtChat *chat, const char *command, const KlOp *op, GError **error)
{
    gsize length = strlen(command);
    for (gsize i = 0; i < length; i++) {
        if (!g_ascii_isprint(command[i]))
            return kl_fail(error, KL_ERROR_INTERNAL, "command with byte 0x%02x", (guint)(guchar)command[i]);
    }
    if (length > KL_AT_COMMAND_MAX)
        return kl_fail(error, KL_ERROR_INTERNAL, "command of %" G_GSIZE_FORMAT " bytes", length);
    if (chat->gone)
        return kl_fail(error, KL_ERROR_PORT_GONE, "%s port: gone", chat->name);
    if (chat->silent >= KL_AT_SILENT_MAX)
        return kl_fail(error, KL_ERROR_NO_ANSWER, "%s port: dead after %u commands without an answer", chat->name,
                       chat->silent);
    return kl_op_check(op, error);
}

/* Gets back into step when a reply is overdue. Not being able to counts as one more unanswered command. */
static gboolean
get_into_step(KlAtChat *chat, KlOp *op, GError **error)
{
    if (!drop_pending(chat, op, error))
        return FALSE;
    if (!chat->out_of_step)
        return TRUE;
    GError *failure = NULL;
    if (kl_at_chat_wake(chat, op, &failure))
        return TRUE;
    KlErrorCode code = kl_error_code(failure);
    chat->silent += code == KL_ERROR_NO_ANSWER || code == KL_ERROR_ANSWER_GARBLED;
    g_propagate_error(error, failure);
    return FALSE;
}

gboolean
kl_at_chat_command(KlAtChat *chat, const char *command, const char *prefix, guint timeout_ms, KlOp *op,
                   KlAtResult *result, GError **error)
{
    g_auto(Reply) reply = {.result = result};
    if (result != NULL) {
        kl_at_result_clear(result);
        result->lines = g_ptr_array_new_with_free_func(g_free);
    }
    if (!may_send(chat, command, op, error) || !get_into_step(chat, op, error))
        return FALSE;
    if (!exchange(chat, command, prefix, timeout_ms, &reply, op, error))
        return FALSE;
    if (!reply.finished)
        return fail_unfinished(chat, command, timeout_ms, &reply, op, error);
    return judge(chat, command, &reply, error);
}
