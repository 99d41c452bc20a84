/* A scripted port for the chat: every write and every read in its order, with no time passing. */
#pragma once

#include <string.h>

#include "drivers/at_wp77/at_chat.h"
#include "station/error.h"

/* What the port does next. A write has to meet an EXPECT, a read a GIVE, SILENCE, GONE or CANCEL; a look at what is
 * there already (a read that does not wait) gets a PENDING and goes without one. */
typedef enum { END, EXPECT, GIVE, PENDING, SILENCE, GONE, CANCEL, DEAF } Act;

typedef struct {
    Act act; /* DEAF: for ever after, takes all bytes and says nothing */
    const char *text;
} Turn;

typedef struct {
    KlTransport base;
    const Turn *turn;
    guint writes;
    gboolean closed;
    GCancellable *cancel;
} Script;

static gssize
script_read(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    Script *script = (Script *)transport;
    gboolean waits = until_us > g_get_monotonic_time();
    if (script->turn->act == DEAF || (!waits && script->turn->act != PENDING))
        return 0;
    const Turn *turn = script->turn++;
    switch (turn->act) {
    case GIVE:
    case PENDING:
        g_assert_cmpuint(strlen(turn->text), <=, length);
        memcpy(buffer, turn->text, strlen(turn->text));
        return (gssize)strlen(turn->text);
    case SILENCE:
        return 0;
    case GONE:
        kl_fail(error, KL_ERROR_PORT_GONE, "unplugged");
        return -1;
    case CANCEL:
        g_cancellable_cancel(script->cancel);
        kl_fail(error, KL_ERROR_CANCELLED, "stopped");
        return -1;
    default:
        g_error("a read in place of '%s'", turn->text);
    }
}

static gboolean
script_write(KlTransport *transport, const guint8 *bytes, gsize length, const KlOp *op, gint64 until_us, GError **error)
{
    Script *script = (Script *)transport;
    script->writes++;
    if (script->turn->act == DEAF)
        return TRUE;
    g_autofree char *text = g_strndup((const char *)bytes, length);
    g_assert_cmpint(script->turn->act, ==, EXPECT);
    g_assert_cmpstr(text, ==, script->turn->text);
    script->turn++;
    return TRUE;
}

static void
script_close(KlTransport *transport)
{
    ((Script *)transport)->closed = TRUE;
}

static const KlTransportClass script_class = {script_read, script_write, script_close};

typedef struct {
    Script script;
    KlAtChat *chat;
    KlOp op;
} Fixture;

static inline void
fixture_init(Fixture *f, const Turn *turns)
{
    *f = (Fixture){.script = {.base = {&script_class}, .turn = turns}};
    f->script.cancel = g_cancellable_new();
    f->op.cancel = f->script.cancel;
    f->op.transcript = kl_transcript_new(1 << 20);
    f->chat = kl_at_chat_new(&f->script.base, "agent");
}

static inline void
fixture_clear(Fixture *f)
{
    kl_at_chat_free(f->chat);
    g_assert_true(f->script.closed);
    if (f->script.turn->act != DEAF)
        g_assert_cmpint(f->script.turn->act, ==, END);
    g_object_unref(f->script.cancel);
    kl_transcript_free(f->op.transcript);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

/* Runs a command; code -1 is success. */
static inline void
run(Fixture *f, const char *command, const char *prefix, KlAtResult *result, int code)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = kl_at_chat_command(f->chat, command, prefix, 5000, &f->op, result, &error);
    if (error != NULL)
        g_test_message("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    g_assert_cmpint(ok, ==, error == NULL);
    g_assert_cmpint(error == NULL ? -1 : (int)kl_error_code(error), ==, code);
}

/* One command, one script, one outcome. */
typedef struct {
    const char *name;
    int code;          /* -1: success */
    const char *lines; /* joined by '|' */
    int number;        /* of the final result */
    Turn turns[8];
} Case;

#define ASK                                                                                                            \
    {                                                                                                                  \
        EXPECT, "AT+K?\r"                                                                                              \
    }
