/* keyline-sim --hub: programs that run on the rigged USB bus. */
#include <sys/wait.h>

#include "tests/sim_talk.h"

/* Runs keyline-sim with these arguments and this script, on a line of its own; returns what was written. */
static char *
run_hub(const char *arguments, const char *script, const char *input, int *status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("kl-hub-XXXXXX", &error);
    g_autofree char *line = g_build_filename(dir, "line.conf", NULL);
    g_autofree char *path = sim_program();
    g_autofree char *quoted = g_shell_quote(script);
    g_autofree char *given = g_shell_quote(input);
    g_autofree char *command =
        g_strdup_printf("printf %%s %s | LINE=%s %s --speed fast --dir %s/units --line %s %s -- sh -c %s", given, line,
                        path, dir, line, arguments, quoted);
    const char *const argv[] = {"sh", "-c", command, NULL};
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, status, &error);
    g_assert_no_error(error);
    remove_tree(dir);
    return g_strconcat(out, err, NULL);
}

static void
test_scripts(void)
{
    static const struct {
        const char *arguments;
        const char *script;
        const char *input;
        int status;
        const char *said;
    } rows[] = {
        {"--hub 2x3", "exit 7", "", 7, ""},
        {"--hub 2x3", "kill -KILL $$", "", 128 + SIGKILL, ""},
        {"--hub 2x3", "trap 'exit 5' TERM; kill -TERM $PPID; while :; do sleep 0.01; done", "", 5, ""},
        {"--hub 2x3", "ls /sys/class/tty | wc -l; grep -c . \"$LINE\"", "", 0, "18\n5\n"},
        {"--hub 2x3 --units 4", "ls /sys/class/tty | wc -l", "", 0, "12\n"},
        {"--hub 2x3 --show-as ftdi", "cat /sys/bus/usb/devices/1-1.2.3/idProduct", "", 0, "6001\n"},
        {"--hub 1x1", "cat", "typed", 0, "typed"},
        {"--hub 1x1 --control", "readlink /proc/$$/fd/0", "", 0, "/dev/null\n"},
        {"--hub 1x1 --control", "while test -e /dev/ttyUSB0; do sleep 0.01; done", "unplug 1\nplug 9\n", 0,
         "ok unplug 1\nerror: \"plug SLOT [FAULT ...]\", \"unplug SLOT\", \"field SLOT\" or \"clone SLOT ORIGINAL\", "
         "with a slot "
         "from 1 to 1\n"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int status = 0;
        g_autofree char *said = run_hub(rows[i].arguments, rows[i].script, rows[i].input, &status);
        g_assert_cmpstr(said, ==, rows[i].said);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, rows[i].status);
    }
}

static void
test_usage(void)
{
    static const struct {
        const char *arguments;
        int status;
        const char *said;
    } rows[] = {
        {"--hub 2y3 -- true", 2, "2y3"},
        {"--hub 2x3 --hub-power solar -- true", 2, "per-port"},
        {"--hub 2x3 --show-as mouse -- true", 2, "ftdi or cp210x"},
        {"--hub 2x3 --units 7 -- true", 2, "place"},
        {"--hub 2x3", 2, "COMMAND"},
        {"--hub 2x3 -- /no/such/program", 1, "/no/such/program"},
    };
    g_autofree char *path = sim_program();
    g_autofree char *dir = g_dir_make_tmp("kl-hub-XXXXXX", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *command = g_strdup_printf("%s --dir %s %s", path, dir, rows[i].arguments);
        g_autofree char *err = NULL;
        int status = 0;
        g_assert_true(g_spawn_command_line_sync(command, NULL, &err, &status, NULL));
        g_assert_true(g_str_has_prefix(err, "keyline-sim: "));
        assert_has(err, rows[i].said);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, rows[i].status);
    }
    remove_tree(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-hub/scripts", test_scripts);
    g_test_add_func("/sim-hub/usage", test_usage);
    return g_test_run();
}
