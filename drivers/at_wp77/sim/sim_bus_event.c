#include "drivers/at_wp77/sim/sim_bus_event.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MONITOR_GROUP_UDEV 2
#define MONITOR_MAGIC 0xfeedcafeu

/* What goes before the properties, in front of which libudev's monitors put a packet filter. Hashes are big-endian. */
typedef struct {
    char prefix[8];
    guint32 magic;
    guint32 header_size;
    guint32 properties_offset;
    guint32 properties_size;
    guint32 subsystem_hash;
    guint32 devtype_hash;
    guint32 tag_bloom_high;
    guint32 tag_bloom_low;
} MonitorHeader;

/* MurmurHash2, 32 bits, by Austin Appleby (public domain), with seed 0. */
static guint32
hash(const char *text)
{
    const guint32 m = 0x5bd1e995;
    gsize len = strlen(text);
    guint32 h = (guint32)len;
    for (; len >= 4; text += 4, len -= 4) {
        guint32 k = 0;
        memcpy(&k, text, 4);
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    for (gsize i = len; i > 0; i--)
        h ^= (guint32)(guint8)text[i - 1] << (8 * (i - 1));
    if (len > 0)
        h *= m;
    h ^= h >> 13;
    h *= m;
    return h ^ (h >> 15);
}

int
kl_sim_event_open(GError **error)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (fd < 0)
        g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(errno), "no netlink: %s", g_strerror(errno));
    return fd;
}

static void
add_property(GString *all, const char *name, const char *value)
{
    g_string_append_printf(all, "%s=%s", name, value);
    g_string_append_c(all, '\0');
}

/* udev names device nodes in full, where the kernel's attribute leaves out /dev/. */
static void
add_uevent(GString *all, const char *uevent)
{
    g_auto(GStrv) lines = g_strsplit(uevent, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        char *value = strchr(lines[i], '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        g_autofree char *node = g_str_equal(lines[i], "DEVNAME") ? g_strconcat("/dev/", value, NULL) : NULL;
        add_property(all, lines[i], node != NULL ? node : value);
    }
}

void
kl_sim_event_send(int fd, const KlSimEvent *event)
{
    g_autoptr(GString) properties = g_string_new(NULL);
    g_autofree char *seqnum = g_strdup_printf("%" G_GUINT64_FORMAT, event->seqnum);
    g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, g_get_monotonic_time());
    add_property(properties, "ACTION", event->action);
    add_property(properties, "DEVPATH", event->sysfs + strlen("/sys"));
    add_property(properties, "SUBSYSTEM", event->subsystem);
    add_uevent(properties, event->uevent);
    add_property(properties, "SEQNUM", seqnum);
    add_property(properties, "USEC_INITIALIZED", now);
    MonitorHeader header = {
        .prefix = "libudev",
        .magic = htonl(MONITOR_MAGIC),
        .header_size = sizeof header,
        .properties_offset = sizeof header,
        .properties_size = (guint32)properties->len,
        .subsystem_hash = htonl(hash(event->subsystem)),
        .devtype_hash = event->devtype != NULL ? htonl(hash(event->devtype)) : 0,
    };
    struct iovec parts[] = {{&header, sizeof header}, {properties->str, properties->len}};
    struct sockaddr_nl listeners = {.nl_family = AF_NETLINK, .nl_groups = MONITOR_GROUP_UDEV};
    const struct msghdr message = {
        .msg_name = &listeners, .msg_namelen = sizeof listeners, .msg_iov = parts, .msg_iovlen = G_N_ELEMENTS(parts)};
    while (sendmsg(fd, &message, 0) < 0 && errno == EINTR)
        ;
}
