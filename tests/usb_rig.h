/* The rigged USB bus for tests of what listens to it: plugging in as udev and the operator would, waiting for what
 * follows, and processes that are in the way. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus.h"
#include "station/error.h"

#define FOR_EVER_S 120 /* what ends before does not end by time */

/* Waits until something becomes true that nothing tells of. */
#define WAIT_FOR(condition)                                                                                            \
    do {                                                                                                               \
        gint64 until_us = g_get_monotonic_time() + FOR_EVER_S * G_USEC_PER_SEC;                                        \
        while (!(condition)) {                                                                                         \
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);                                                      \
            g_usleep(1000);                                                                                            \
        }                                                                                                              \
    } while (0)

static inline KlSimBus *
rig_new(void)
{
    g_autoptr(GError) error = NULL;
    KlSimBus *bus = kl_sim_bus_new(&error);
    g_assert_no_error(error);
    return bus;
}

static inline void
rig_hub(KlSimBus *bus, const char *path, guint ports, KlSimHubPower power, gboolean usb3)
{
    g_autoptr(GError) error = NULL;
    kl_sim_bus_add_hub(bus, path, ports, power, usb3, &error);
    g_assert_no_error(error);
}

/* The entry of a USB device in udev's database. */
static inline char *
rig_udev_entry(KlSimBus *bus, const char *path)
{
    return g_strdup_printf("/run/udev/data/c189:%u", kl_sim_bus_number(bus, path) - 1);
}

/* Plugs in on bus 1, with udev's rule at work: the test's machine may have a real ModemManager. */
static inline void
rig_plug(KlSimBus *bus, const char *path, const KlSimBusDevice *device)
{
    g_autoptr(GError) error = NULL;
    kl_sim_bus_plug(bus, path, device, &error);
    g_assert_no_error(error);
    g_autofree char *entry = rig_udev_entry(bus, path);
    g_assert_true(g_file_set_contents(entry, "E:ID_MM_DEVICE_IGNORE=1\n", -1, NULL));
}

typedef struct {
    pid_t pid;
    int end; /* closed: the process ends */
} Intruder;

/* A process of that name that has a port open, and locked. */
static inline Intruder
intruder_start(const char *program, const char *device, gboolean lock)
{
    int ready[2], end[2];
    char byte = 0;
    g_assert_cmpint(pipe2(ready, O_CLOEXEC) | pipe2(end, O_CLOEXEC), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) { /* the parent has threads: system calls only */
        close(end[1]);
        prctl(PR_SET_NAME, program);
        int fd = device != NULL ? open(device, O_RDWR | O_NOCTTY | O_NONBLOCK) : 0;
        if (fd < 0 || (lock && flock(fd, LOCK_EX | LOCK_NB) != 0) || write(ready[1], "r", 1) != 1)
            _exit(1);
        _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ready[1]);
    close(end[0]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return (Intruder){pid, end[1]};
}

static inline void
intruder_stop(Intruder *intruder)
{
    int status = 0;
    close(intruder->end);
    g_assert_cmpint(waitpid(intruder->pid, &status, 0), ==, intruder->pid);
    g_assert_cmpint(status, ==, 0);
}

/* The main of such a test: the whole program runs inside the rig. */
static inline void
rig_enter(int *argc, char ***argv)
{
    g_autoptr(GError) error = NULL;
    if (!kl_sim_bus_enter(*argv, &error))
        g_error("%s", error->message);
    g_test_init(argc, argv, NULL);
}
