#include "drivers/at_wp77/sim/sim_bus_room.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRELOAD_FILE "/run/udev/keyline-sim-preload.so"

static gboolean
failed(GError **error, const char *what, const char *path)
{
    int code = errno;
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s %s: %s", what, path, g_strerror(code));
    return FALSE;
}

static gboolean
mount_new(const char *type, const char *path, const char *options, GError **error)
{
    return mount(type, path, type, MS_NOSUID, options) == 0 || failed(error, "can't mount", path);
}

/* Shows what an O_PATH descriptor stands for at `path` too; what can't be opened is not there. */
static gboolean
bind_again(int fd, gboolean is_dir, const char *path, GError **error)
{
    g_autofree char *source = g_strdup_printf("/proc/self/fd/%d", fd);
    if (is_dir ? mkdir(path, 0755) != 0 : mknod(path, S_IFREG | 0666, 0) != 0)
        return failed(error, "can't make", path);
    return mount(source, path, NULL, MS_BIND | MS_REC, NULL) == 0 || failed(error, "can't bind", path);
}

/* A folder's entries, which are to be seen again when something else is mounted over it. */
typedef struct {
    char *name;
    char *target; /* of a symbolic link */
    gboolean is_dir;
    int fd;
} Kept;

static void
kept_free(gpointer data)
{
    Kept *kept = data;
    close(kept->fd);
    g_free(kept->name);
    g_free(kept->target);
    g_free(kept);
}

static void
keep(GPtrArray *all, const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    struct stat info;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0)
        return;
    Kept *kept = g_new0(Kept, 1);
    kept->name = g_strdup(name);
    kept->target = S_ISLNK(info.st_mode) ? g_file_read_link(path, NULL) : NULL;
    kept->is_dir = S_ISDIR(info.st_mode);
    kept->fd = fd;
    g_ptr_array_add(all, kept);
}

static gboolean
show_again(const GPtrArray *all, const char *dir, GError **error)
{
    for (guint i = 0; i < all->len; i++) {
        const Kept *kept = all->pdata[i];
        g_autofree char *path = g_build_filename(dir, kept->name, NULL);
        if (kept->target != NULL && symlink(kept->target, path) != 0)
            return failed(error, "can't link", path);
        if (kept->target == NULL && !bind_again(kept->fd, kept->is_dir, path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
make_links(GError **error)
{
    static const char *const links[][2] = {{"pts/ptmx", "/dev/ptmx"},
                                           {"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"}};
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++)
        if (symlink(links[i][0], links[i][1]) != 0)
            return failed(error, "can't link", links[i][1]);
    return TRUE;
}

static gboolean
mount_dev(GError **error)
{
    static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(kept_free);
    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
        keep(kept, "/dev", nodes[i]);
    if (!mount_new("tmpfs", "/dev", "mode=0755", error) || !show_again(kept, "/dev", error) || !make_links(error))
        return FALSE;
    if (mkdir("/dev/pts", 0755) != 0 || mkdir("/dev/shm", 0777) != 0 || chmod("/dev/shm", 01777) != 0 ||
        g_mkdir_with_parents("/dev/bus/usb", 0755) != 0)
        return failed(error, "can't make folders in", "/dev");
    return mount_new("devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620", error);
}

/* libudev listens to udev only where its control socket is. The rest of /run stays as it is: buses and displays live
 * there. */
static gboolean
mount_run(GError **error)
{
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(kept_free);
    g_autoptr(GDir) entries = g_dir_open("/run", 0, NULL);
    for (const char *name = entries != NULL ? g_dir_read_name(entries) : NULL; name != NULL;
         name = g_dir_read_name(entries))
        if (!g_str_equal(name, "udev"))
            keep(kept, "/run", name);
    if (!mount_new("tmpfs", "/run", "mode=0755", error) || !show_again(kept, "/run", error))
        return FALSE;
    if (mkdir("/run/udev", 0755) != 0 || mkdir("/run/udev/data", 0755) != 0 ||
        mknod("/run/udev/control", S_IFREG | 0600, 0) != 0)
        return failed(error, "can't make", "/run/udev");
    return TRUE;
}

/* Goes up as far as there is anything, from a folder that is not below the root. */
static gboolean
leave_chroot(void)
{
    struct stat here;
    struct stat above;
    if (chdir("/") != 0 || chroot("dev") != 0)
        return FALSE;
    do {
        if (stat(".", &here) != 0 || chdir("..") != 0 || stat(".", &above) != 0)
            return FALSE;
    } while (here.st_ino != above.st_ino || here.st_dev != above.st_dev);
    return chroot(".") == 0;
}

/* What is mounted here is not to show up outside. In a chroot that is no mount of its own, this can only be said of the
 * namespace's true root. */
static gboolean
make_private(GError **error)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
        return TRUE;
    if (errno != EINVAL)
        return failed(error, "can't keep mounts in", "/");
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    gboolean well = root >= 0 && folder >= 0 && leave_chroot() &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && fchdir(root) == 0 && chroot(".") == 0 &&
                    fchdir(folder) == 0;
    if (!well)
        failed(error, "can't keep mounts in", "the chroot");
    if (root >= 0)
        close(root);
    if (folder >= 0)
        close(folder);
    return well;
}

char *
kl_sim_bus_room_mount(GError **error)
{
    if (!make_private(error) || !mount_new("tmpfs", "/sys", "mode=0755", error) || !mount_dev(error) ||
        !mount_run(error) ||
        !g_file_set_contents(PRELOAD_FILE, (const char *)kl_sim_preload_library, (gssize)kl_sim_preload_library_size,
                             error))
        return NULL;
    return g_strdup(PRELOAD_FILE);
}
