#include "drivers/at_wp77/sim/sim_port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_random.h"
#include "drivers/at_wp77/sim/sim_wire.h"

#define BYTE_NS 86806 /* ten bits at 115200 baud */
#define PACED_SLICE 32
#define PACED_LATENCY_MIN_US 2000
#define PACED_LATENCY_SPREAD_US 8000

/* Bytes on their way out, and when they are due. */
typedef struct {
    gint64 due_us;
    GByteArray *bytes;
    gsize sent;
    gboolean last; /* of its command's answer */
} Chunk;

struct KlSimPort {
    KlSimPortPlan plan;
    char *link;
    KlSimWire wire;
    KlHostLine *line;
    GQueue chunks;         /* of Chunk, by due time */
    GByteArray *answer;    /* what the command that runs now has written */
    GByteArray *echo;      /* what was echoed and not scheduled yet */
    gboolean in_command;   /* inside the handler */
    gboolean busy;         /* an answer is on its way */
    gboolean full;         /* the wire takes nothing more now */
    gint64 paced_until_us; /* when the line is free for the next byte */
};

static void
chunk_free(gpointer data)
{
    Chunk *chunk = data;
    g_byte_array_unref(chunk->bytes);
    g_free(chunk);
}

/* Never says that two are equal, so that what is due at the same time keeps its order. */
static gint
compare_due(gconstpointer queued, gconstpointer added, gpointer unused)
{
    const Chunk *first = queued;
    const Chunk *second = added;
    return first->due_us <= second->due_us ? -1 : 1;
}

static void
add_chunk(KlSimPort *port, const guint8 *bytes, gsize len, gint64 due_us, gboolean last)
{
    Chunk *chunk = g_new0(Chunk, 1);
    chunk->due_us = due_us;
    chunk->bytes = g_byte_array_append(g_byte_array_sized_new((guint)len), bytes, (guint)len);
    chunk->last = last;
    g_queue_insert_sorted(&port->chunks, chunk, compare_due, NULL);
}

static void
schedule(KlSimPort *port, const guint8 *bytes, gsize len, gint64 due_us, gboolean last)
{
    if (!port->plan.paced) {
        add_chunk(port, bytes, len, due_us, last);
        return;
    }
    for (gsize at = 0; at < len; at += PACED_SLICE) {
        gsize n = MIN(PACED_SLICE, len - at);
        due_us = MAX(due_us, port->paced_until_us) + (gint64)n * BYTE_NS / 1000;
        port->paced_until_us = due_us;
        add_chunk(port, bytes + at, n, due_us, last && at + n == len);
    }
}

static void
schedule_echo(KlSimPort *port)
{
    if (port->echo->len > 0)
        schedule(port, port->echo->data, port->echo->len, g_get_monotonic_time(), FALSE);
    g_byte_array_set_size(port->echo, 0);
}

/* KlHostLineWrite. Outside a command it is the echo. */
static void
collect(gpointer data, const guint8 *bytes, gsize len)
{
    KlSimPort *port = data;
    g_byte_array_append(port->in_command ? port->answer : port->echo, bytes, (guint)len);
}

/* Noise of the answer's length between line ends, so that it looks like lines that nobody can read. */
static void
make_noise(KlSimPort *port)
{
    guint8 *bytes = port->answer->data;
    for (guint i = 0; i < port->answer->len; i++) {
        guint8 noise = (guint8)kl_sim_random(&port->plan.random);
        bytes[i] = noise == '\r' || noise == '\n' ? 0xff : noise;
    }
    g_byte_array_prepend(port->answer, (const guint8 *)"\r\n", 2);
    g_byte_array_append(port->answer, (const guint8 *)"\r\n", 2);
}

static gint64
working_time(KlSimPort *port, gsize command_len, gint64 delay_us)
{
    if (!port->plan.paced)
        return delay_us;
    gint64 arrival = (gint64)(command_len + 1) * BYTE_NS / 1000;
    return arrival + PACED_LATENCY_MIN_US + kl_sim_random_below(&port->plan.random, PACED_LATENCY_SPREAD_US) + delay_us;
}

static void
send_answer(KlSimPort *port, const char *command, gsize command_len, gboolean echoed, const KlSimReply *reply)
{
    gint64 now = g_get_monotonic_time();
    gint64 due_us = now + working_time(port, command_len, reply->delay_us);
    if (reply->silent || port->answer->len == 0)
        return;
    if (reply->garbage)
        make_noise(port);
    if (reply->echo && !echoed) {
        g_autofree char *text = g_strdup_printf("%.*s\r", (int)command_len, command);
        schedule(port, (const guint8 *)text, strlen(text), now, FALSE);
    }
    schedule(port, port->answer->data, port->answer->len, due_us, TRUE);
    port->busy = TRUE;
    if (reply->unsolicited != NULL) {
        g_autofree char *text = g_strconcat("\r\n", reply->unsolicited, "\r\n", NULL);
        schedule(port, (const guint8 *)text, strlen(text), due_us, FALSE);
    }
}

/* KlHostLineHandler. */
static void
take_line(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data)
{
    KlSimPort *port = data;
    KlSimReply reply = {0};
    gboolean echoed = port->echo->len > 0;
    g_byte_array_set_size(port->answer, 0);
    schedule_echo(port);
    port->in_command = TRUE;
    if (port->busy) {
        out(out_data, KL_AGENT_FINAL, "ERROR");
        add_chunk(port, port->answer->data, port->answer->len, g_get_monotonic_time(), FALSE);
    } else {
        port->plan.handler(port->plan.data, port, line, len, out, out_data, &reply);
        send_answer(port, line, len, echoed, &reply);
    }
    port->in_command = FALSE;
}

KlSimPort *
kl_sim_port_new(const KlSimPortPlan *plan)
{
    KlSimPort *port = g_new0(KlSimPort, 1);
    port->plan = *plan;
    port->link = g_strdup(plan->link);
    port->wire = KL_SIM_WIRE_NONE;
    port->line = kl_host_line_new(take_line, port, collect, port);
    port->answer = g_byte_array_new();
    port->echo = g_byte_array_new();
    g_queue_init(&port->chunks);
    return port;
}

void
kl_sim_port_free(KlSimPort *port)
{
    kl_sim_port_unplug(port);
    kl_host_line_free(port->line);
    g_byte_array_unref(port->answer);
    g_byte_array_unref(port->echo);
    g_free(port->link);
    g_free(port);
}

static void
ignore_answer(void *data, KlAgentRsp kind, const char *text)
{
}

gboolean
kl_sim_port_plug(KlSimPort *port, GError **error)
{
    kl_host_line_reset(port->line);
    if (port->plan.modem_echo)
        kl_host_line_basic(port->line, "ATE1", 4, ignore_answer, NULL);
    return kl_sim_wire_plug(&port->wire, port->link, error);
}

void
kl_sim_port_unplug(KlSimPort *port)
{
    kl_sim_wire_unplug(&port->wire, port->link);
    g_queue_clear_full(&port->chunks, chunk_free);
    g_byte_array_set_size(port->echo, 0);
    port->busy = FALSE;
    port->full = FALSE;
    port->paced_until_us = 0;
}

char *
kl_sim_port_pts(const KlSimPort *port)
{
    return kl_sim_wire_name(&port->wire);
}

KlHostLine *
kl_sim_port_line(KlSimPort *port)
{
    return port->line;
}

int
kl_sim_port_fd(const KlSimPort *port)
{
    return port->wire.master;
}

short
kl_sim_port_events(const KlSimPort *port)
{
    return port->full ? POLLIN | POLLOUT : POLLIN;
}

gint64
kl_sim_port_due(const KlSimPort *port)
{
    const Chunk *next = g_queue_peek_head((GQueue *)&port->chunks);
    return next != NULL && !port->full ? next->due_us : G_MAXINT64;
}

void
kl_sim_port_receive(KlSimPort *port)
{
    guint8 bytes[512];
    if (port->wire.master < 0)
        return;
    ssize_t n = read(port->wire.master, bytes, sizeof bytes);
    if (n > 0)
        kl_host_line_feed(port->line, bytes, (gsize)n);
    schedule_echo(port);
}

/* FALSE when the wire takes no more now. */
static gboolean
send_chunk(KlSimPort *port, Chunk *chunk)
{
    while (chunk->sent < chunk->bytes->len) {
        ssize_t n = write(port->wire.master, chunk->bytes->data + chunk->sent, chunk->bytes->len - chunk->sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        chunk->sent += (gsize)n;
    }
    return TRUE;
}

void
kl_sim_port_send(KlSimPort *port)
{
    port->full = FALSE;
    while (port->wire.master >= 0 && kl_sim_port_due(port) <= g_get_monotonic_time()) {
        Chunk *chunk = g_queue_peek_head(&port->chunks);
        if (!send_chunk(port, chunk)) {
            port->full = TRUE;
            return;
        }
        if (chunk->last)
            port->busy = FALSE;
        chunk_free(g_queue_pop_head(&port->chunks));
    }
}

gboolean
kl_sim_port_drained(const KlSimPort *port)
{
    return port->wire.master < 0 || (g_queue_is_empty((GQueue *)&port->chunks) && !kl_sim_wire_unread(&port->wire));
}
