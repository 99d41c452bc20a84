#include <errno.h>
#include <gio/gio.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_bus.h"
#include "drivers/at_wp77/sim/sim_bus_room.h"

#define INSIDE "KEYLINE_SIM_BUS_INSIDE"
#define FILES_MAX 8192

static gboolean
failed(GError **error, const char *what)
{
    int code = errno;
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "no rigged USB bus here: %s: %s", what,
                g_strerror(code));
    return FALSE;
}

/* The files below /proc/self are written in place, in one write. */
static gboolean
write_own(const char *path, const char *text)
{
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL);
}

/* Root in a namespace of its own is whoever started the program. */
static gboolean
unshare_as_user(GError **error)
{
    g_autofree char *user = g_strdup_printf("0 %u 1", (guint)geteuid());
    g_autofree char *group = g_strdup_printf("0 %u 1", (guint)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0)
        return failed(error, "unshare");
    if (!write_own("/proc/self/setgroups", "deny") || !write_own("/proc/self/uid_map", user) ||
        !write_own("/proc/self/gid_map", group))
        return failed(error, "uid_map");
    return TRUE;
}

static gboolean
start_loopback(GError **error)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    gboolean started = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (!started)
        failed(error, "loopback");
    if (fd >= 0)
        close(fd);
    return started;
}

/* Sixty-four units with three ttys each are several hundred descriptors. */
static void
raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = MIN(MAX(limit.rlim_cur, FILES_MAX), limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A variable that holds words with colons between them. */
static void
add_word(const char *name, const char *word)
{
    const char *before = g_getenv(name);
    g_autofree char *all = before != NULL ? g_strconcat(before, ":", word, NULL) : g_strdup(word);
    g_setenv(name, all, TRUE);
}

static void
set_environment(const char *preload)
{
    add_word("LD_PRELOAD", preload);
    /* AddressSanitizer insists on being loaded before anything else, which it need not be for this library. */
    add_word("ASAN_OPTIONS", "verify_asan_link_order=0");
    g_setenv("SYSTEMD_DEVICE_VERIFY_SYSFS", "0", TRUE); /* libudev would look with fstatfs(2) */
    g_setenv(INSIDE, "1", TRUE);
}

gboolean
kl_sim_bus_enter(char **argv, GError **error)
{
    if (g_getenv(INSIDE) != NULL)
        return TRUE;
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 && !unshare_as_user(error))
        return FALSE;
    g_autofree char *preload = kl_sim_bus_room_mount(error);
    if (preload == NULL || !start_loopback(error))
        return FALSE;
    if (prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) != 0 || prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH) != 0)
        return failed(error, "capabilities");
    raise_limit();
    set_environment(preload);
    execv("/proc/self/exe", argv);
    return failed(error, "exec");
}
