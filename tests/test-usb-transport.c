/* Opening whatever is plugged into a hub port, through unmodified libserialport on the rigged bus. */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <libserialport.h>
#include <sys/mount.h>

#include "drivers/at_wp77/transport.h"
#include "tests/usb_rig.h"

typedef struct {
    KlSimBus *rig;
    KlOp op;
} Fixture;

/* What happens in the very moment that a port is opened: the program's sp_open stands before the library's. */
static void (*before_open)(Fixture *f);
static void (*after_open)(Fixture *f);
static Fixture *opening;

enum sp_return
sp_open(struct sp_port *port, enum sp_mode flags)
{
    enum sp_return (*library)(struct sp_port *, enum sp_mode) = NULL;
    *(void **)&library = dlsym(RTLD_NEXT, "sp_open");
    if (before_open != NULL)
        before_open(opening);
    enum sp_return result = library(port, flags);
    if (after_open != NULL)
        after_open(opening);
    return result;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->rig = rig_new();
    f->op = (KlOp){0};
    rig_hub(f->rig, "1-1", 4, KL_SIM_HUB_PER_PORT, FALSE);
    opening = f;
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    before_open = after_open = NULL;
    kl_sim_bus_free(f->rig);
}

/* A unit whose other end is ours. */
typedef struct {
    int master;
    char *pts;
} Unit;

static void
unit_plug(Fixture *f, Unit *unit, const char *path, KlSimBusKind kind)
{
    unit->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(unit->master, >=, 0);
    g_assert_cmpint(grantpt(unit->master) | unlockpt(unit->master), ==, 0);
    unit->pts = g_strdup(ptsname(unit->master));
    rig_plug(f->rig, path, &(KlSimBusDevice){.kind = kind, .pts = unit->pts});
}

static void
unit_unplug(Fixture *f, Unit *unit, const char *path)
{
    kl_sim_bus_unplug(f->rig, path);
    close(unit->master);
    g_clear_pointer(&unit->pts, g_free);
}

static KlTransport *
open_ok(const Fixture *f, const char *address)
{
    g_autoptr(GError) error = NULL;
    KlTransport *transport = kl_transport_open(address, &f->op, &error);
    g_assert_no_error(error);
    return transport;
}

static void
assert_fails(const Fixture *f, const char *address, KlErrorCode code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlTransport) transport = kl_transport_open(address, &f->op, &error);
    g_test_message("%s: %s", address, error != NULL ? error->message : "opened");
    g_assert_null(transport);
    g_assert_error(error, KL_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, address));
    if (words != NULL)
        g_assert_nonnull(strstr(error->message, words));
}

/* Bytes both ways, and only this unit's. */
static void
assert_talks(const Fixture *f, KlTransport *transport, const Unit *unit, const char *text)
{
    char got[32] = {0};
    gint64 until_us = kl_op_until(&f->op, FOR_EVER_S * 1000);
    gsize length = strlen(text);
    g_assert_true(transport->klass->write(transport, (const guint8 *)text, length, &f->op, until_us, NULL));
    g_assert_cmpint(read(unit->master, got, sizeof got - 1), ==, length);
    g_assert_cmpstr(got, ==, text);
    memset(got, 0, sizeof got);
    g_assert_cmpint(write(unit->master, text, length), ==, length);
    g_assert_cmpint(transport->klass->read(transport, (guint8 *)got, sizeof got - 1, &f->op, until_us, NULL), ==,
                    length);
    g_assert_cmpstr(got, ==, text);
}

static void
assert_gone(const Fixture *f, KlTransport *transport)
{
    guint8 buffer[8];
    g_autoptr(GError) error = NULL;
    gint64 until_us = kl_op_until(&f->op, FOR_EVER_S * 1000);
    g_assert_cmpint(transport->klass->read(transport, buffer, sizeof buffer, &f->op, until_us, &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_PORT_GONE);
}

static void
test_talk(Fixture *f, gconstpointer data)
{
    Unit module, adapter;
    unit_plug(f, &module, "1-1.4", KL_SIM_MODULE);
    unit_plug(f, &adapter, "1-1.2", KL_SIM_CP210X);
    KlTransport *to_module = open_ok(f, "usb:1-1.4");
    KlTransport *to_adapter = open_ok(f, "usb:1-1.2");
    assert_talks(f, to_module, &module, "AT+KLINFO?\r");
    assert_talks(f, to_adapter, &adapter, "ATI\r");
    unit_unplug(f, &module, "1-1.4");
    assert_gone(f, to_module);
    assert_talks(f, to_adapter, &adapter, "AT\r");
    unit_unplug(f, &adapter, "1-1.2");
    assert_gone(f, to_adapter);
    kl_transport_close(to_module);
    kl_transport_close(to_adapter);
    assert_fails(f, "usb:1-1.4", KL_ERROR_PORT_MISSING, "nothing");
}

/* The names of ttys change owners when units come in another order: each place keeps its own unit. */
static void
test_order_swapped(Fixture *f, gconstpointer data)
{
    const char *paths[] = {"1-1.1", "1-1.2", "1-1.3"};
    const char *addresses[] = {"usb:1-1.1", "usb:1-1.2", "usb:1-1.3"};
    g_autofree char *first_name = NULL;
    for (int round = 0; round < 3; round++) {
        Unit units[3];
        for (int i = 0; i < 3; i++)
            unit_plug(f, &units[(i + round) % 3], paths[(i + round) % 3], KL_SIM_MODULE);
        for (int i = 0; i < 3; i++) {
            g_autoptr(KlTransport) transport = open_ok(f, addresses[i]);
            assert_talks(f, transport, &units[i], paths[i]);
        }
        g_autofree char *name = kl_sim_bus_tty(f->rig, "1-1.1", 3);
        g_assert_cmpstr(name, !=, first_name);
        g_free(first_name);
        first_name = g_steal_pointer(&name);
        for (int i = 0; i < 3; i++)
            unit_unplug(f, &units[i], paths[i]);
    }
}

static void
test_interfaces(Fixture *f, gconstpointer data)
{
    Unit unit;
    unit_plug(f, &unit, "1-1.1", KL_SIM_MODULE);
    KlTransport *third = open_ok(f, "usb:1-1.1#3");
    assert_talks(f, third, &unit, "AT\r");
    kl_transport_close(third);
    kl_transport_close(open_ok(f, "usb:1-1.1#2"));
    assert_fails(f, "usb:1-1.1#0", KL_ERROR_PORT_MISSING, "Invalid argument");
    assert_fails(f, "usb:1-1.1#8", KL_ERROR_PORT_MISSING, "no serial port");
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1#3"), ==, kl_transport_plug("usb:1-1.1"));
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1#8"), ==, 0);
    unit_unplug(f, &unit, "1-1.1");
}

/* Another number after every plugging in, the same one in between, whatever the port is used for. */
static void
test_plug_numbers(Fixture *f, gconstpointer data)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autofree char *first_name = NULL;
    for (int i = 0; i < 20; i++) {
        Unit unit;
        g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, 0);
        unit_plug(f, &unit, "1-1.1", KL_SIM_FTDI);
        g_autofree char *name = kl_sim_bus_tty(f->rig, "1-1.1", 0);
        if (first_name == NULL)
            first_name = g_strdup(name);
        g_assert_cmpstr(name, ==, first_name);
        guint64 plug = kl_transport_plug("usb:1-1.1");
        g_assert_cmpuint(plug, !=, 0);
        g_assert_true(g_hash_table_add(seen, g_memdup2(&plug, sizeof plug)));
        KlTransport *transport = open_ok(f, "usb:1-1.1");
        assert_talks(f, transport, &unit, "AT\r");
        g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, plug);
        kl_transport_close(transport);
        g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, plug);
        unit_unplug(f, &unit, "1-1.1");
    }
}

/* Another node in the place of a tty's. */
static char *
cover_node(Fixture *f, const char *path, const char *with)
{
    g_autofree char *name = kl_sim_bus_tty(f->rig, path, 0);
    char *node = g_build_filename("/dev", name, NULL);
    g_assert_cmpint(mount(with, node, NULL, MS_BIND, NULL), ==, 0);
    return node;
}

static void
uncover_node(char *node)
{
    g_assert_cmpint(umount(node), ==, 0);
    g_free(node);
}

/* The number of the device may come round again, and its tty's name does: then the node is a new one. */
static void
test_plug_by_node(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    guint64 before = kl_transport_plug("usb:1-1.1");
    char *node = cover_node(f, "1-1.1", "/dev/null");
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), !=, 0);
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), !=, before);
    uncover_node(node);
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, before);
}

static void
test_late_tty(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE, .tty_delay_ms = FOR_EVER_S * 1000});
    g_assert_cmpuint(kl_sim_bus_number(f->rig, "1-1.1"), !=, 0);
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, 0);
    assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_MISSING, "no serial port");
    kl_sim_bus_unplug(f->rig, "1-1.1");
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE, .tty_delay_ms = 10});
    WAIT_FOR(kl_transport_plug("usb:1-1.1") != 0);
    kl_transport_close(open_ok(f, "usb:1-1.1"));
}

static void
test_boot(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    assert_fails(f, "usb:1-1.1", KL_ERROR_UNIT_BOOT_MODE, "single interface");
    guint64 first = kl_transport_plug("usb:1-1.1");
    g_assert_cmpuint(first, !=, 0);
    kl_sim_bus_unplug(f->rig, "1-1.1");
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), ==, 0);
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE_BOOT});
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), !=, first);
}

static void
test_denied(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI, .no_access = TRUE});
    assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_DENIED, "ttyUSB");
    g_assert_cmpuint(kl_transport_plug("usb:1-1.1"), !=, 0);
}

static void
test_busy(Fixture *f, gconstpointer data)
{
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    g_autofree char *name = kl_sim_bus_tty(f->rig, "1-1.1", 0);
    g_autofree char *node = g_build_filename("/dev", name, NULL);
    static const struct {
        const char *program;
        gboolean lock;
        KlErrorCode code;
    } table[] = {
        {"minicom", TRUE, KL_ERROR_PORT_BUSY},
        {"ModemManager", TRUE, KL_ERROR_PORT_MODEM_MANAGER},
        {"ModemManager", FALSE, KL_ERROR_PORT_MODEM_MANAGER},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        Intruder intruder = intruder_start(table[i].program, node, table[i].lock);
        g_autofree char *words = g_strdup_printf("in use by %s (process %d)", table[i].program, (int)intruder.pid);
        assert_fails(f, "usb:1-1.1", table[i].code, words);
        intruder_stop(&intruder);
        kl_transport_close(open_ok(f, "usb:1-1.1"));
    }
    KlTransport *ours = open_ok(f, "usb:1-1.1");
    g_autofree char *own = g_strdup_printf("(process %d)", (int)getpid());
    assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_BUSY, own);
    kl_transport_close(ours);
}

static void
unplug_it(Fixture *f)
{
    kl_sim_bus_unplug(f->rig, "1-1.1");
}

/* The same kind of unit, with the same names of ttys. */
static void
replace_it(Fixture *f)
{
    kl_sim_bus_unplug(f->rig, "1-1.1");
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
}

/* The name of its tty now belongs to a unit elsewhere. */
static void
move_it(Fixture *f)
{
    kl_sim_bus_unplug(f->rig, "1-1.1");
    rig_plug(f->rig, "1-1.2", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
}

static void
test_vanishes(Fixture *f, gconstpointer data)
{
    static void (*const events[])(Fixture *) = {unplug_it, replace_it, move_it};
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(events); i++) {
        rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_MODULE});
        before_open = i % 2 == 0 ? events[i / 2] : NULL;
        after_open = i % 2 == 1 ? events[i / 2] : NULL;
        assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_MISSING, "while it was opened");
        before_open = after_open = NULL;
        kl_sim_bus_unplug(f->rig, "1-1.1");
        kl_sim_bus_unplug(f->rig, "1-1.2");
    }
}

static Unit replugged;

static void
replug_it(Fixture *f)
{
    kl_sim_bus_unplug(f->rig, "1-1.1");
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI, .pts = replugged.pts});
}

/* Name and number of the tty are the same again: only the number of the device tells. */
static void
test_replugged(Fixture *f, gconstpointer data)
{
    unit_plug(f, &replugged, "1-1.1", KL_SIM_FTDI);
    before_open = replug_it;
    assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_MISSING, "while it was opened");
    before_open = NULL;
    kl_transport_close(open_ok(f, "usb:1-1.1"));
    unit_unplug(f, &replugged, "1-1.1");
}

/* The tty's name leads to another port than the one that sysfs means. */
static void
test_wrong_node(Fixture *f, gconstpointer data)
{
    Unit other;
    rig_plug(f->rig, "1-1.1", &(KlSimBusDevice){.kind = KL_SIM_FTDI});
    unit_plug(f, &other, "1-1.2", KL_SIM_FTDI);
    char *node = cover_node(f, "1-1.1", other.pts);
    assert_fails(f, "usb:1-1.1", KL_ERROR_PORT_MISSING, "another device");
    uncover_node(node);
    kl_transport_close(open_ok(f, "usb:1-1.1"));
    unit_unplug(f, &other, "1-1.2");
}

int
main(int argc, char **argv)
{
    rig_enter(&argc, &argv);
#define ADD(name, test) g_test_add("/usb-transport/" name, Fixture, NULL, set_up, test, tear_down)
    ADD("talk", test_talk);
    ADD("order-swapped", test_order_swapped);
    ADD("interfaces", test_interfaces);
    ADD("plug-numbers", test_plug_numbers);
    ADD("plug-by-node", test_plug_by_node);
    ADD("late-tty", test_late_tty);
    ADD("boot-mode", test_boot);
    ADD("denied", test_denied);
    ADD("busy", test_busy);
    ADD("vanishes", test_vanishes);
    ADD("replugged", test_replugged);
    ADD("wrong-node", test_wrong_node);
    return g_test_run();
}
