#include "drivers/at_wp77/sim/sim_unit.h"

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_port.h"
#include "drivers/at_wp77/sim/sim_strike.h"

#define PORTS_MAX 2
#define OWN_FDS 2
#define READ_POLL_US 1000        /* how often to look whether the station has read an answer */
#define READ_PATIENCE_US 1000000 /* a station that is gone never reads */

struct KlSimUnit {
    KlSimModule *module;
    KlSimPort *ports[PORTS_MAX];
    KlSimPersonality who[PORTS_MAX];
    guint n_ports;
    KlSimConsequence consequence; /* of the last command; waits until the port has been served */
    gint64 answered_us;           /* when that command's answer was put on its way */
    gint64 plug_us;               /* when an unplugged unit comes back; 0: it is plugged in */
    KlSimBus *bus;                /* NULL: it has bare ptys */
    const char *place;
    gboolean on_bus;
    int bus_fd; /* an eventfd: something happened at the place; -1 without a bus */
    int stop_fd;
    pthread_t thread;
    gboolean started;
};

/* KlSimPortHandler. */
static void
handle_command(gpointer data, KlSimPort *port, const char *line, gsize len, KlAgentOut out, gpointer out_data,
               KlSimReply *reply)
{
    KlSimUnit *unit = data;
    /* Whoever sends the next command has read the answer. */
    if (unit->consequence.unplug != KL_SIM_STAY) {
        unit->consequence.unplug = KL_SIM_UNPLUG;
        reply->silent = TRUE;
        return;
    }
    KlSimPersonality who = unit->who[port == unit->ports[0] ? 0 : 1];
    kl_sim_strike_command(unit->module, kl_sim_port_line(port), who, line, len, out, out_data, reply,
                          &unit->consequence);
    unit->answered_us = g_get_monotonic_time();
}

static gboolean
plug_into_bus(KlSimUnit *unit, GError **error)
{
    g_autofree char *pts = kl_sim_port_pts(unit->ports[0]);
    const KlSimBusDevice device = {.kind = unit->module->plan.options->kind, .pts = pts};
    return kl_sim_bus_plug(unit->bus, unit->place, &device, error);
}

static gboolean
plug(KlSimUnit *unit, GError **error)
{
    for (guint i = 0; i < unit->n_ports; i++)
        if (!kl_sim_port_plug(unit->ports[i], error))
            return FALSE;
    unit->on_bus = unit->bus != NULL && plug_into_bus(unit, error);
    return unit->bus == NULL || unit->on_bus;
}

/* The ptys go last: their names may not be another port's while they are on the bus. */
static void
unplug(KlSimUnit *unit)
{
    if (unit->on_bus)
        kl_sim_bus_unplug(unit->bus, unit->place);
    unit->on_bus = FALSE;
    for (guint i = 0; i < unit->n_ports; i++)
        kl_sim_port_unplug(unit->ports[i]);
}

static gint64
away_until(const KlSimUnit *unit)
{
    return g_get_monotonic_time() + (gint64)unit->module->plan.options->reconnect_ms * 1000;
}

static void
go_away(KlSimUnit *unit)
{
    unplug(unit);
    unit->plug_us = away_until(unit);
    /* A store that can't be opened again leaves the unit with its modem only, which is what a real one would do. */
    if (unit->consequence.restart)
        kl_sim_module_restart(unit->module, NULL);
    unit->consequence = (KlSimConsequence){0};
}

static void
come_back(KlSimUnit *unit)
{
    unit->plug_us = 0;
    if (!plug(unit, NULL)) {
        unplug(unit);
        unit->plug_us = away_until(unit);
    }
}

/* A hub above, or its port's power, took the unit off the bus. */
static void
follow_bus(KlSimUnit *unit)
{
    guint64 count = 0;
    (void)!read(unit->bus_fd, &count, sizeof count);
    KlSimBusEvent happened = kl_sim_bus_happened(unit->bus, unit->place);
    if (happened == KL_SIM_BUS_NOTHING)
        return;
    unit->consequence.restart = happened == KL_SIM_BUS_CUT;
    go_away(unit);
}

static gboolean
all_read(const KlSimUnit *unit, gint64 now)
{
    if (now > unit->answered_us + READ_PATIENCE_US)
        return TRUE;
    for (guint i = 0; i < unit->n_ports; i++)
        if (!kl_sim_port_drained(unit->ports[i]))
            return FALSE;
    return TRUE;
}

/* What is due at this moment. */
static void
act(KlSimUnit *unit)
{
    gint64 now = g_get_monotonic_time();
    KlSimUnplug mode = unit->consequence.unplug;
    if (mode == KL_SIM_UNPLUG || (mode == KL_SIM_UNPLUG_WHEN_READ && all_read(unit, now)))
        go_away(unit);
    else if (unit->plug_us != 0 && unit->plug_us <= now)
        come_back(unit);
    for (guint i = 0; i < unit->n_ports; i++)
        kl_sim_port_send(unit->ports[i]);
}

static gint64
next_due(const KlSimUnit *unit)
{
    gint64 due_us = unit->plug_us != 0 ? unit->plug_us : G_MAXINT64;
    if (unit->consequence.unplug == KL_SIM_UNPLUG_WHEN_READ)
        due_us = MIN(due_us, g_get_monotonic_time() + READ_POLL_US);
    for (guint i = 0; i < unit->n_ports; i++)
        due_us = MIN(due_us, kl_sim_port_due(unit->ports[i]));
    return due_us;
}

static int
wait_for(struct pollfd *fds, nfds_t n, gint64 due_us)
{
    if (due_us == G_MAXINT64)
        return ppoll(fds, n, NULL, NULL);
    gint64 us = MAX(due_us - g_get_monotonic_time(), 0);
    const struct timespec timeout = {.tv_sec = us / G_USEC_PER_SEC, .tv_nsec = us % G_USEC_PER_SEC * 1000};
    return ppoll(fds, n, &timeout, NULL);
}

static void *
serve(void *data)
{
    KlSimUnit *unit = data;
    for (;;) {
        act(unit);
        struct pollfd fds[OWN_FDS + PORTS_MAX] = {{.fd = unit->stop_fd, .events = POLLIN},
                                                  {.fd = unit->bus_fd, .events = POLLIN}};
        for (guint i = 0; i < unit->n_ports; i++)
            fds[OWN_FDS + i] =
                (struct pollfd){.fd = kl_sim_port_fd(unit->ports[i]), .events = kl_sim_port_events(unit->ports[i])};
        if (wait_for(fds, OWN_FDS + unit->n_ports, next_due(unit)) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        if (fds[1].revents != 0) {
            follow_bus(unit);
            continue;
        }
        for (guint i = 0; i < unit->n_ports; i++)
            if (fds[OWN_FDS + i].revents & POLLIN)
                kl_sim_port_receive(unit->ports[i]);
    }
}

static void
add_port(KlSimUnit *unit, KlSimPortKind kind, const char *link)
{
    const KlSimOptions *options = unit->module->plan.options;
    KlSimPersonality who = kl_sim_module_personality(unit->module, kind);
    const KlSimPortPlan plan = {
        .link = link,
        .modem_echo = who.modem && !who.agent,
        .paced = options->real_speed,
        .random = unit->module->random + unit->n_ports,
        .handler = handle_command,
        .data = unit,
    };
    unit->who[unit->n_ports] = who;
    unit->ports[unit->n_ports++] = kl_sim_port_new(&plan);
}

/* The unit's thread leaves signals to the program's main thread. */
static gboolean
start_thread(KlSimUnit *unit, GError **error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&unit->thread, NULL, serve, unit);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    unit->started = failed == 0;
    if (failed != 0)
        g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(failed), "no thread: %s", g_strerror(failed));
    return unit->started;
}

static gboolean
watch_bus(KlSimUnit *unit, const KlSimUnitPlan *plan)
{
    unit->bus_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (unit->bus_fd < 0)
        return FALSE;
    unit->bus = plan->module.options->bus;
    unit->place = plan->place;
    kl_sim_bus_watch(unit->bus, unit->place, unit->bus_fd);
    return TRUE;
}

KlSimUnit *
kl_sim_unit_start(const KlSimUnitPlan *plan, GError **error)
{
    g_autoptr(KlSimUnit) unit = g_new0(KlSimUnit, 1);
    unit->bus_fd = -1;
    unit->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (unit->stop_fd < 0 || (plan->place != NULL && !watch_bus(unit, plan))) {
        g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(errno), "no eventfd: %s", g_strerror(errno));
        return NULL;
    }
    unit->module = kl_sim_module_new(&plan->module, error);
    if (unit->module == NULL)
        return NULL;
    add_port(unit, KL_SIM_AGENT, plan->agent_link);
    if (plan->modem_link != NULL)
        add_port(unit, KL_SIM_MODEM, plan->modem_link);
    if (!plug(unit, error) || !start_thread(unit, error))
        return NULL;
    return g_steal_pointer(&unit);
}

void
kl_sim_unit_stop(KlSimUnit *unit)
{
    if (unit->started) {
        const guint64 one = 1;
        while (write(unit->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
            ;
        pthread_join(unit->thread, NULL);
    }
    if (unit->bus != NULL)
        kl_sim_bus_watch(unit->bus, unit->place, -1);
    unplug(unit);
    for (guint i = 0; i < unit->n_ports; i++)
        kl_sim_port_free(unit->ports[i]);
    g_clear_pointer(&unit->module, kl_sim_module_free);
    if (unit->bus_fd >= 0)
        close(unit->bus_fd);
    if (unit->stop_fd >= 0)
        close(unit->stop_fd);
    g_free(unit);
}

const KlSimIdentity *
kl_sim_unit_identity(const KlSimUnit *unit)
{
    return &unit->module->modem.identity;
}

guint
kl_sim_unit_strikes(const KlSimUnit *unit)
{
    return kl_sim_faults_strikes(unit->module->faults);
}
