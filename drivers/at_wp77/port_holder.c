#include "drivers/at_wp77/port_holder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads the name of a process. FALSE when there is no such process (any more). */
static gboolean
read_program(const char *pid, char *program, gsize size)
{
    g_autofree char *file = g_build_filename("/proc", pid, "comm", NULL);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(file, &text, NULL, NULL))
        return FALSE;
    g_strlcpy(program, g_strchomp(text), size);
    return TRUE;
}

/* The next process of that name (NULL: any), or NULL. Borrowed from processes. */
static const char *
next_process(GDir *processes, const char *program, char *found, gsize size)
{
    for (const char *name = g_dir_read_name(processes); name != NULL; name = g_dir_read_name(processes)) {
        if (g_ascii_isdigit(name[0]) && read_program(name, found, size) &&
            (program == NULL || strcmp(found, program) == 0))
            return name;
    }
    return NULL;
}

/* Whether a descriptor's link in /proc leads to the node. Only what is below /dev is followed, as files elsewhere may
 * be on a dead network disk. */
static gboolean
leads_to(const char *link, const struct stat *node)
{
    char target[256];
    struct stat info;
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length <= 0)
        return FALSE;
    target[length] = '\0';
    return g_str_has_prefix(target, "/dev/") && stat(link, &info) == 0 && info.st_dev == node->st_dev &&
           info.st_ino == node->st_ino;
}

static gboolean
holds(const char *pid, const struct stat *node)
{
    g_autofree char *folder = g_build_filename("/proc", pid, "fd", NULL);
    g_autoptr(GDir) descriptors = g_dir_open(folder, 0, NULL);
    if (descriptors == NULL)
        return FALSE;
    for (const char *name = g_dir_read_name(descriptors); name != NULL; name = g_dir_read_name(descriptors)) {
        g_autofree char *link = g_build_filename(folder, name, NULL);
        if (leads_to(link, node))
            return TRUE;
    }
    return FALSE;
}

gboolean
kl_port_holder_find(const char *device, const char *program, KlPortHolder *holder)
{
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    struct stat node;
    KlPortHolder found = {0};
    gboolean ours = FALSE;
    if (processes == NULL || stat(device, &node) != 0)
        return FALSE;
    for (;;) {
        const char *pid = next_process(processes, program, found.program, sizeof found.program);
        if (pid == NULL)
            return ours;
        if (!holds(pid, &node))
            continue;
        found.pid = (pid_t)g_ascii_strtoll(pid, NULL, 10);
        *holder = found;
        if (found.pid != getpid())
            return TRUE;
        ours = TRUE;
    }
}

gboolean
kl_program_runs(const char *program)
{
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    char found[32];
    return processes != NULL && next_process(processes, program, found, sizeof found) != NULL;
}
