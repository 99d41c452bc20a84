/* Opening a unit: which port answers what. */
#include <string.h>

#include "drivers/at_wp77/wp77_internal.h"

/* One port and what has been found out about it. */
typedef struct {
    const char *address;
    KlAtChat *chat;
    gboolean is_agent;
    gboolean is_modem;
    KlWp77Info info; /* of an agent */
    GError *silence; /* NO_ANSWER when not even AT was answered */
} Port;

static void
port_clear(Port *port)
{
    g_clear_pointer(&port->chat, kl_at_chat_free);
    kl_wp77_info_clear(&port->info);
    g_clear_error(&port->silence);
}

static gboolean
open_port(Port *port, const char *name, KlTransportOpen open_transport, KlOp *op, GError **error)
{
    KlTransport *transport = open_transport(port->address, op, error);
    if (transport == NULL)
        return FALSE;
    port->chat = kl_at_chat_new(transport, name);
    return TRUE;
}

/* Echo off, results as words, error numbers. A module that refuses one of these is as it should be without it. */
static gboolean
set_modes(KlAtChat *chat, KlOp *op, GError **error)
{
    static const char *const commands[] = {"ATE0", "ATV1", "AT+CMEE=1"};
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(GError) failure = NULL;
        if (!kl_at_chat_command(chat, commands[i], NULL, KL_WP77_QUICK_MS, op, NULL, &failure) &&
            !g_error_matches(failure, KL_ERROR, KL_ERROR_COMMAND_REFUSED)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return TRUE;
}

/* A refusal (that code) says that the port is not what was asked for; every other failure is one. Takes the failure. */
static gboolean
settle(GError *failure, KlErrorCode refusal, gboolean *is_one, GError **error)
{
    *is_one = failure == NULL;
    if (failure == NULL)
        return TRUE;
    if (!g_error_matches(failure, KL_ERROR, (int)refusal)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_error_free(failure);
    return TRUE;
}

/* A garbled (also: an empty) answer may belong to a command before this one, sent by a station that was killed: the
 * chat gets into step, then the agent is asked once more. */
static gboolean
survey_agent(Port *port, KlOp *op, GError **error)
{
    GError *failure = NULL;
    kl_wp77_ask_info(port->chat, &port->info, op, &failure);
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_ANSWER_GARBLED)) {
        g_clear_error(&failure);
        kl_wp77_info_clear(&port->info);
        kl_at_chat_distrust(port->chat);
        kl_wp77_ask_info(port->chat, &port->info, op, &failure);
    }
    return settle(failure, KL_ERROR_NO_AGENT, &port->is_agent, error);
}

static gboolean
survey_modem(Port *port, KlOp *op, GError **error)
{
    g_auto(KlWp77Modem) modem = {0};
    GError *failure = NULL;
    kl_wp77_ask_modem(port->chat, &modem, op, &failure);
    return settle(failure, KL_ERROR_COMMAND_REFUSED, &port->is_modem, error);
}

/* Wakes the port and asks it for both roles. A silent port is no failure yet: the other one may do for both. */
static gboolean
survey(Port *port, KlOp *op, GError **error)
{
    GError *failure = NULL;
    if (kl_at_chat_wake(port->chat, op, &failure))
        return set_modes(port->chat, op, error) && survey_agent(port, op, error) && survey_modem(port, op, error);
    if (!g_error_matches(failure, KL_ERROR, KL_ERROR_NO_ANSWER)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    kl_transcript_note(op->transcript, "%s is silent", port->address);
    port->silence = failure;
    return TRUE;
}

static gboolean
fail_agentless(Port *ports, guint n, GError **error)
{
    for (guint i = 0; i < n; i++) {
        if (ports[i].silence == NULL)
            return kl_fail(error, KL_ERROR_NO_AGENT, "AT+KLINFO? is answered on no port; %s %s", ports[0].address,
                           ports[0].silence != NULL ? "is silent" : "answers AT");
    }
    g_propagate_error(error, g_steal_pointer(&ports[0].silence));
    return FALSE;
}

static gboolean
check_same_unit(const Port *a, const Port *b, GError **error)
{
    if (!a->is_agent || !b->is_agent || strcmp(a->info.imei, b->info.imei) == 0)
        return TRUE;
    return kl_fail(error, KL_ERROR_IDENTITY_MISMATCH, "agents on both ports: IMEI %s on %s, %s on %s", a->info.imei,
                   a->address, b->info.imei, b->address);
}

/* Gives the ports their roles: the agent's is the first that has one, the modem's the last that is one. Moves the chats
 * to the device; a port without a role is left to be closed. */
static KlDevice *
assign(Port *ports, guint n, KlOp *op, GError **error)
{
    Port *agent = NULL;
    Port *modem = NULL;
    for (guint i = 0; i < n; i++) {
        if (ports[i].is_agent && agent == NULL)
            agent = &ports[i];
    }
    if (agent == NULL) {
        fail_agentless(ports, n, error);
        return NULL;
    }
    for (guint i = 0; i < n; i++) {
        if (ports[i].is_modem && (modem == NULL || modem == agent))
            modem = &ports[i];
    }
    if (n == 2 && agent == &ports[1])
        kl_transcript_note(op->transcript, "the ports are crossed: the agent answers on %s", agent->address);
    KlDevice *device = g_new0(KlDevice, 1);
    device->agent = g_steal_pointer(&agent->chat);
    kl_at_chat_rename(device->agent, "agent");
    if (modem == agent) {
        device->modem = device->agent;
    } else if (modem != NULL) {
        device->modem = g_steal_pointer(&modem->chat);
        kl_at_chat_rename(device->modem, "modem");
    }
    return device;
}

/* The ports of a slot; the second one is not used when one port does for both. */
typedef struct {
    Port port[2];
    guint n;
} Ports;

static void
ports_clear(Ports *ports)
{
    for (guint i = 0; i < ports->n; i++)
        port_clear(&ports->port[i]);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ports, ports_clear)

KlDevice *
kl_wp77_open(const KlPorts *addresses, KlTransportOpen open_transport, KlOp *op, GError **error)
{
    g_auto(Ports) ports = {.port = {{.address = addresses->agent}, {.address = addresses->modem}}, .n = 1};
    if (addresses->modem != NULL && strcmp(addresses->modem, addresses->agent) != 0)
        ports.n = 2;
    for (guint i = 0; i < ports.n; i++) {
        if (!open_port(&ports.port[i], i == 0 ? "agent" : "modem", open_transport, op, error))
            return NULL;
    }
    for (guint i = 0; i < ports.n; i++) {
        if (!survey(&ports.port[i], op, error))
            return NULL;
    }
    if (!check_same_unit(&ports.port[0], &ports.port[1], error))
        return NULL;
    return assign(ports.port, ports.n, op, error);
}

void
kl_wp77_close(KlDevice *device)
{
    if (device->modem != NULL && device->modem != device->agent)
        kl_at_chat_free(device->modem);
    kl_at_chat_free(device->agent);
    g_free(device);
}
