/* The AT line discipline: bytes in, bytes out, with the agent behind it. */
#include <glib.h>
#include <string.h>

#include "agent_fake.h"
#include "drivers/at_wp77/agent/host/host_line.h"

/* A port with an agent behind it. */
typedef struct {
    Unit *unit;
    KlHostLine *line;
    GString *wire; /* what came back */
} Port;

static void
handle(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data)
{
    Port *port = data;
    if (!kl_host_line_basic(port->line, line, len, out, out_data) &&
        !kl_agent_command(port->unit->agent, line, len, out, out_data))
        out(out_data, KL_AGENT_FINAL, "ERROR");
}

static void
take(gpointer data, const guint8 *bytes, gsize len)
{
    Port *port = data;
    g_string_append_len(port->wire, (const char *)bytes, (gssize)len);
}

static Port *
port_new(void)
{
    Port *port = g_new0(Port, 1);
    port->unit = unit_new();
    port->line = kl_host_line_new(handle, port, take, port);
    port->wire = g_string_new(NULL);
    return port;
}

static void
port_free(Port *port)
{
    kl_host_line_free(port->line);
    unit_free(port->unit);
    g_string_free(port->wire, TRUE);
    g_free(port);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Port, port_free)

/* Sends a command; what came back, as it was on the wire. */
static const char *
send(Port *port, const char *command)
{
    g_string_truncate(port->wire, 0);
    kl_host_line_feed(port->line, (const guint8 *)command, strlen(command));
    kl_host_line_feed(port->line, (const guint8 *)"\r", 1);
    return port->wire->str;
}

#define TOO_LONG_TAIL                                                                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *in;
    gsize in_len;
    const char *out;
} wire[] = {
#define WIRE(in, out)                                                                                                  \
    {                                                                                                                  \
        in, sizeof(in) - 1, out                                                                                        \
    }
    WIRE("AT\r", "\r\nOK\r\n"),
    WIRE("at\r", "\r\nOK\r\n"),
    WIRE("AT\n\r\n", "\r\nOK\r\n"),
    WIRE("AT\n", ""),
    WIRE("\r\r\r", ""),
    WIRE("AT\rAT\r", "\r\nOK\r\n\r\nOK\r\n"),
    WIRE("\0\0AT\0\r", "\r\nOK\r\n"),
    WIRE("AT+KL\0ITEM=?\r", "\r\nOK\r\n"),
    WIRE("\xff\xfe garbage AT\r", "\r\nOK\r\n"),
    WIRE("A\rAT\r", "\r\nOK\r\n"),
    WIRE("AAAT\r", "\r\nOK\r\n"),
    WIRE("ATI\r", "\r\nERROR\r\n"),
    WIRE("ATE1\rAT\rATE0\rAT\r", "\r\nOK\r\nAT\r\r\nOK\r\nATE0\r\r\nOK\r\n\r\nOK\r\n"),
    WIRE("ATE1V1E0\rAT\r", "\r\nOK\r\n\r\nOK\r\n"),
    WIRE("ATV0\r", "\r\nERROR\r\n"),
    WIRE("ATE2\r", "\r\nERROR\r\n"),
    WIRE("ATE1X\rAT\r", "\r\nERROR\r\n\r\nOK\r\n"),
    WIRE("AT+KLITEM\r", "\r\nERROR\r\n"),
    WIRE("AT+CMEE=1\rAT+KLITEM\r", "\r\nOK\r\n\r\n+CME ERROR: 512\r\n"),
    WIRE("AT+CMEE=1\rAT+CMEE=0\rAT+KLITEM\r", "\r\nOK\r\n\r\nOK\r\n\r\nERROR\r\n"),
    WIRE("AT+CMEE?\rAT+CMEE=1\rAT+cmee?\r", "\r\n+CMEE: 0\r\n\r\nOK\r\n\r\nOK\r\n\r\n+CMEE: 1\r\n\r\nOK\r\n"),
    WIRE("AT+CMEE=?\r", "\r\n+CMEE: (0,1)\r\n\r\nOK\r\n"),
    WIRE("AT+CMEE=2\r", "\r\nERROR\r\n"),
    WIRE("AT+CMEE=1\rAT+KLDEL=" TOO_LONG_TAIL TOO_LONG_TAIL TOO_LONG_TAIL TOO_LONG_TAIL TOO_LONG_TAIL TOO_LONG_TAIL
         "\rAT\r",
         "\r\nOK\r\n\r\n+CME ERROR: 513\r\n\r\nOK\r\n"),
};

/* Whole and byte by byte. */
static void
test_table(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(wire); i++) {
        for (gsize step = 1; step <= wire[i].in_len; step += wire[i].in_len > 1 ? wire[i].in_len - 1 : 1) {
            g_autoptr(Port) port = port_new();
            for (gsize at = 0; at < wire[i].in_len; at += step)
                kl_host_line_feed(port->line, (const guint8 *)wire[i].in + at, MIN(step, wire[i].in_len - at));
            g_assert_cmpstr(port->wire->str, ==, wire[i].out);
        }
    }
}

static void
test_framing(void)
{
    g_autoptr(Port) port = port_new();
    g_assert_true(
        g_regex_match_simple("^\\r\\n\\+KLINFO: [^\\r\\n]*\\r\\n(\\+KLINFO: [^\\r\\n]*\\r\\n){7}\\r\\nOK\\r\\n$",
                             send(port, "AT+KLINFO?"), 0, 0));
    g_string_truncate(port->wire, 0);
    kl_host_line_unsolicited(port->line, "+WDSI: 4");
    g_assert_cmpstr(port->wire->str, ==, "\r\n+WDSI: 4\r\n");
}

static void
test_reset(void)
{
    g_autoptr(Port) port = port_new();
    send(port, "ATE1");
    send(port, "AT+CMEE=1");
    kl_host_line_feed(port->line, (const guint8 *)"AT+KL", 5);
    kl_host_line_reset(port->line);
    g_assert_cmpstr(send(port, "AT+KLITEM"), ==, "\r\nERROR\r\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-line/table", test_table);
    g_test_add_func("/agent-line/framing", test_framing);
    g_test_add_func("/agent-line/reset", test_reset);
    return g_test_run();
}
