/* Loaded before libc into every program that runs on the rigged bus: answers what ptys and plain files can't.
 *   statfs("/sys")              the magic number of sysfs, on which libusb insists
 *   TIOCMGET and its brothers   on ptys, which have no control lines
 *   usbfs                       control transfers on /dev/bus/usb/BBB/DDD, passed on to the bus. The nodes are FIFOs:
 *                               poll(2) says POLLOUT when there is something to reap if the pipe is full until then
 * It keeps to libc, because it is a guest in programs of all kinds. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_preload.h"

#define PTS_MAJOR 136
#define PTS_MAJORS 8
#define PIPE_SIZE 4096 /* one page, which one byte takes up */

/* A transfer that is done and not reaped yet. */
typedef struct Done {
    struct Done *next;
    int fd;
    struct usbdevfs_urb *urb;
} Done;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Done *all_done;

static int
pass_on(int fd, unsigned long request, void *argument)
{
    static int (*next)(int, unsigned long, ...);
    if (__atomic_load_n(&next, __ATOMIC_ACQUIRE) == NULL) {
        void *found = dlsym(RTLD_NEXT, "ioctl");
        __atomic_store_n((void **)&next, found, __ATOMIC_RELEASE);
    }
    return next(fd, request, argument);
}

static int
answer_lines(int fd, unsigned long request, int *lines)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISCHR(info.st_mode) || major(info.st_rdev) < PTS_MAJOR ||
        major(info.st_rdev) >= PTS_MAJOR + PTS_MAJORS) {
        errno = ENOTTY;
        return -1;
    }
    if (request == TIOCMGET) {
        *lines = TIOCM_DTR | TIOCM_RTS | TIOCM_CTS | TIOCM_DSR | TIOCM_CAR;
        return 0;
    }
    if (info.st_mode & KL_SIM_PRELOAD_NO_LINES) {
        errno = EINVAL;
        return -1;
    }
    return 0;
}

/* Which device the descriptor is of; FALSE when it is of none. *number is 0 when the device is gone: its node is
 * "(deleted)". */
static int
find_device(int fd, unsigned *bus, unsigned *number)
{
    char self[32];
    char path[64] = "";
    static const char folder[] = "/dev/bus/usb/";
    char *end = NULL;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (readlink(self, path, sizeof path - 1) < 0)
        return 0;
    if (strncmp(path, folder, sizeof folder - 1) != 0)
        return 0;
    *bus = (unsigned)strtoul(path + sizeof folder - 1, &end, 10);
    *number = *end == '/' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
    if (*end != '\0')
        *number = 0;
    return 1;
}

/* 0, or an errno. */
static int
ask_bus(const KlSimPreloadRequest *request, KlSimPreloadReply *reply)
{
    static const char name[] = KL_SIM_PRELOAD_SOCKET;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, name, sizeof name - 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ENODEV;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name);
    int well = connect(fd, (struct sockaddr *)&address, size) == 0 &&
               send(fd, request, sizeof *request, MSG_NOSIGNAL) == (ssize_t)sizeof *request &&
               recv(fd, reply, sizeof *reply, 0) == (ssize_t)sizeof *reply;
    close(fd);
    return well ? reply->status : ENODEV;
}

/* Empties the pipe, or puts something into it. */
static void
set_ready(int fd, int ready)
{
    char self[32];
    char bytes[PIPE_SIZE] = "";
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int other = open(self, (ready ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC);
    if (other < 0)
        return;
    if (ready)
        while (read(other, bytes, sizeof bytes) > 0)
            ;
    else if (fcntl(other, F_SETPIPE_SZ, PIPE_SIZE) == PIPE_SIZE)
        (void)!write(other, bytes, 1);
    close(other);
}

static int
submit(int fd, unsigned bus, unsigned number, struct usbdevfs_urb *urb)
{
    if (urb->type != USBDEVFS_URB_TYPE_CONTROL || urb->buffer_length < KL_SIM_USB_SETUP ||
        urb->buffer_length > KL_SIM_USB_SETUP + KL_SIM_PRELOAD_DATA_MAX)
        return EINVAL;
    Done *done = malloc(sizeof *done);
    if (done == NULL)
        return ENOMEM;
    KlSimPreloadRequest request = {.bus = (uint8_t)bus, .number = (uint8_t)number};
    KlSimPreloadReply reply = {0};
    uint8_t *data = (uint8_t *)urb->buffer + KL_SIM_USB_SETUP;
    size_t room = (size_t)urb->buffer_length - KL_SIM_USB_SETUP;
    memcpy(request.setup, urb->buffer, KL_SIM_USB_SETUP);
    memcpy(request.data, data, room);
    int failed = ask_bus(&request, &reply);
    if (failed == ENODEV) {
        free(done);
        return ENODEV;
    }
    urb->status = -failed;
    urb->actual_length = reply.length < (int32_t)room ? reply.length : (int32_t)room;
    if ((request.setup[0] & 0x80) != 0)
        memcpy(data, reply.data, (size_t)urb->actual_length);
    pthread_mutex_lock(&lock);
    *done = (Done){.next = all_done, .fd = fd, .urb = urb};
    all_done = done;
    set_ready(fd, 1);
    pthread_mutex_unlock(&lock);
    return 0;
}

static int
reap(int fd, struct usbdevfs_urb **urb)
{
    pthread_mutex_lock(&lock);
    Done **at = &all_done;
    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    Done *found = *at;
    if (found != NULL)
        *at = found->next;
    else if (all_done == NULL)
        set_ready(fd, 0); /* the pipe is shared by all who have the node open */
    pthread_mutex_unlock(&lock);
    if (found == NULL)
        return EAGAIN;
    *urb = found->urb;
    free(found);
    return 0;
}

/* 0, or an errno. */
static int
answer_usbfs(int fd, unsigned bus, unsigned number, unsigned long request, void *argument)
{
    if (number == 0)
        return ENODEV;
    switch (request) {
    case USBDEVFS_GET_CAPABILITIES:
        *(uint32_t *)argument = 0;
        set_ready(fd, 0);
        return 0;
    case USBDEVFS_SUBMITURB:
        return submit(fd, bus, number, argument);
    case USBDEVFS_REAPURBNDELAY:
    case USBDEVFS_REAPURB:
        return reap(fd, argument);
    case USBDEVFS_DISCARDURB:
        return EINVAL; /* it is done already */
    default:
        return ENOTTY;
    }
}

int
ioctl(int fd, unsigned long request, ...)
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    int result = pass_on(fd, request, argument);
    if (result >= 0 || errno != ENOTTY)
        return result;
    if (request == TIOCMGET || request == TIOCMSET || request == TIOCMBIS || request == TIOCMBIC)
        return answer_lines(fd, request, argument);
    unsigned bus = 0;
    unsigned number = 0;
    if (_IOC_TYPE(request) == 'U' && find_device(fd, &bus, &number)) {
        errno = answer_usbfs(fd, bus, number, request, argument);
        return errno == 0 ? 0 : -1;
    }
    errno = ENOTTY;
    return -1;
}

int
statfs(const char *path, struct statfs *info)
{
    static int (*next)(const char *, struct statfs *);
    if (__atomic_load_n(&next, __ATOMIC_ACQUIRE) == NULL) {
        void *found = dlsym(RTLD_NEXT, "statfs");
        __atomic_store_n((void **)&next, found, __ATOMIC_RELEASE);
    }
    int result = next(path, info);
    if (result == 0 && strcmp(path, "/sys") == 0)
        info->f_type = SYSFS_MAGIC;
    return result;
}
