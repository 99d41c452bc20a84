#include "drivers/at_wp77/sim/sim_hub_run.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_control.h"

extern char **environ;

typedef struct {
    const KlSimHubRun *run;
    KlSim *sim;
    GString *orders; /* what has come on stdin and is no whole line yet */
    guint next_index;
    pid_t child;
    int child_fd;
    int signal_fd;
    int order_fd; /* -1: no orders any more */
} Stage;

static void
stage_clear(Stage *stage)
{
    g_string_free(stage->orders, TRUE);
    if (stage->child_fd >= 0)
        close(stage->child_fd);
    if (stage->signal_fd >= 0)
        close(stage->signal_fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static gboolean
failed(GError **error, int code, const char *what)
{
    g_set_error(error, G_IO_ERROR, (int)g_io_error_from_errno(code), "%s: %s", what, g_strerror(code));
    return FALSE;
}

/* The program has the signal mask that this one was started with. */
static int
spawn(Stage *stage, const sigset_t *mask)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, mask);
    if (stage->run->control)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    char **command = stage->run->command;
    int code = posix_spawnp(&stage->child, command[0], &actions, &attributes, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

static gboolean
start_program(Stage *stage, GError **error)
{
    sigset_t ending;
    sigset_t before;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, &before);
    stage->signal_fd = signalfd(-1, &ending, SFD_CLOEXEC);
    if (stage->signal_fd < 0)
        return failed(error, errno, "signalfd");
    int code = spawn(stage, &before);
    if (code != 0)
        return failed(error, code, stage->run->command[0]);
    stage->child_fd = pidfd_open(stage->child, 0);
    return stage->child_fd >= 0 || failed(error, errno, "pidfd");
}

static void
obey_lines(Stage *stage)
{
    for (char *end = strchr(stage->orders->str, '\n'); end != NULL; end = strchr(stage->orders->str, '\n')) {
        *end = '\0';
        g_autofree char *answer =
            kl_sim_control(stage->sim, stage->run->options.units, &stage->next_index, stage->orders->str);
        g_string_erase(stage->orders, 0, end - stage->orders->str + 1);
        g_print("%s\n", answer);
        fflush(stdout);
    }
}

static void
take_orders(Stage *stage)
{
    char bytes[512];
    ssize_t n = read(stage->order_fd, bytes, sizeof bytes);
    if (n > 0)
        g_string_append_len(stage->orders, bytes, n);
    else
        stage->order_fd = -1;
    obey_lines(stage);
}

static void
pass_signal_on(const Stage *stage)
{
    struct signalfd_siginfo info;
    if (read(stage->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        kill(stage->child, (int)info.ssi_signo);
}

static int
wait_for_program(Stage *stage)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = stage->child_fd, .events = POLLIN},
                               {.fd = stage->signal_fd, .events = POLLIN},
                               {.fd = stage->order_fd, .events = POLLIN}};
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
            continue;
        if (fds[2].revents != 0)
            take_orders(stage);
        if (fds[1].revents != 0)
            pass_signal_on(stage);
        if (fds[0].revents != 0)
            break;
    }
    int status = 0;
    waitpid(stage->child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
kl_sim_hub_run(const KlSimHubRun *run, GError **error)
{
    g_auto(GStrv) places = kl_sim_hub_places(&run->hub);
    g_autoptr(KlSimBus) bus = kl_sim_bus_new(error);
    if (bus == NULL || !kl_sim_hub_add(&run->hub, bus, run->power, TRUE, error))
        return -1;
    KlSimOptions options = run->options;
    options.bus = bus;
    options.places = (const char *const *)places;
    g_autoptr(KlSim) sim = kl_sim_start(&options, error);
    if (sim == NULL || (run->line != NULL && !kl_sim_hub_write_line(&run->hub, run->line, error)))
        return -1;
    g_auto(Stage) stage = {.run = run,
                           .sim = sim,
                           .orders = g_string_new(NULL),
                           .next_index = options.units,
                           .child_fd = -1,
                           .signal_fd = -1,
                           .order_fd = run->control ? STDIN_FILENO : -1};
    return start_program(&stage, error) ? wait_for_program(&stage) : -1;
}
