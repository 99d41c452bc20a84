/* The real keyline on the rigged USB bus, with units on a hub of hubs: what it lists, and how it is taught. */
#include <unistd.h>

#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_hub.h"
#include "tests/cli_rig.h"

#define HEAD "[station]\nname=bench\nproduct=fx30s\n"

/* A 2 x 2 fixture: hub 1-1 with a hub on its ports 1 and 2. */
static const KlSimHub fixture = {2, 2};

typedef struct {
    Rig rig;
    KlSimBus *bus;
    char *conf;
} Bench;

static void
set_up(Bench *bench, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    bench->bus = kl_sim_bus_new(&error);
    g_assert_no_error(error);
    kl_sim_hub_add(&fixture, bench->bus, KL_SIM_HUB_PER_PORT, FALSE, &error);
    g_assert_no_error(error);
    rig_make(&bench->rig);
    g_auto(Run) setup = keyline(&bench->rig, "setup --name bench");
    g_assert_cmpint(setup.code, ==, 0);
    bench->conf = g_build_filename(bench->rig.station, "station.conf", NULL);
}

static void
tear_down(Bench *bench, gconstpointer data)
{
    rig_clear(&bench->rig);
    kl_sim_bus_free(bench->bus);
    g_free(bench->conf);
}

static KlSim *
start_units(const Bench *bench, const char *const *places)
{
    g_autofree char *dir = g_build_filename(bench->rig.dir, "units", NULL);
    const KlSimOptions options = {
        .units = g_strv_length((char **)places), .dir = dir, .bus = bench->bus, .places = places};
    g_autoptr(GError) error = NULL;
    KlSim *sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
    return sim;
}

/* The tree, the ports and, with --look, the identities; a port that may not be opened with its remedy. */
static void
test_listing(Bench *bench, gconstpointer data)
{
    static const char *const places[] = {"1-1.1.1", "1-1.2.2", NULL};
    g_autofree char *line = g_build_filename(bench->rig.dir, "line.conf", NULL);
    g_assert_true(kl_sim_hub_write_line(&fixture, line, NULL));
    g_autofree char *conf = g_strdup_printf(HEAD "line=%s\n", line);
    write_file(bench->conf, conf, 0644);
    g_autoptr(KlSim) sim = start_units(bench, places);
    const KlSimBusDevice locked = {.kind = KL_SIM_FTDI, .no_access = TRUE};
    g_assert_true(kl_sim_bus_plug(bench->bus, "1-1.2.1", &locked, NULL));

    g_auto(Run) run = keyline(&bench->rig, "slots --look");
    g_assert_cmpint(run.code, ==, 0);
    g_autofree char *tty = kl_sim_bus_tty(bench->bus, "1-1.1.1", 3);
    g_autofree char *row = g_strdup_printf("1199:68c0  /dev/%s  A01 ", tty);
    g_assert_nonnull(strstr(run.out, "\n  1-1 "));
    g_assert_nonnull(strstr(run.out, "[hub A]"));
    g_assert_nonnull(strstr(run.out, "\n      1-1.1.1  "));
    g_assert_nonnull(strstr(run.out, row));
    g_assert_nonnull(strstr(run.out, "\n      1-1.1.2  empty "));
    g_assert_nonnull(strstr(run.out, "\nslot A03: The station may not open the unit's port.\n"));
    g_assert_null(strstr(run.out, "slot A02:")); /* that it is empty is nothing wrong */
    for (guint slot = 1; slot <= 2; slot++) {
        g_assert_nonnull(strstr(run.out, kl_sim_imei(sim, slot)));
        g_assert_nonnull(strstr(run.out, kl_sim_fsn(sim, slot)));
    }

    g_auto(Run) json = keyline(&bench->rig, "slots --output json");
    g_autoptr(JsonNode) node = document(&json);
    JsonArray *tree = member_array(node, "usb");
    guint units = 0;
    for (guint i = 0; i < json_array_get_length(tree); i++)
        units += g_strcmp0(text(json_array_get_object_element(tree, i), "kind"), "module") == 0;
    g_assert_cmpuint(units, ==, 2);
    g_assert_cmpuint(json_array_get_length(member_array(node, "slots")), ==, 4);

    g_auto(Run) doctor = keyline(&bench->rig, "doctor");
    g_assert_nonnull(strstr(doctor.out, "3 of 4 have a unit; 2 may be opened"));
    g_assert_nonnull(strstr(doctor.out, "each port: 2, all ports together: 0"));
    g_assert_nonnull(strstr(doctor.out, "2 hubs with slots, all there"));
}

/* keyline slots teach, running, with both ends of its conversation. */
typedef struct {
    GSubprocess *process;
    GOutputStream *in;
    GInputStream *err;
    GString *said; /* on stderr, what was not waited for yet */
} Lesson;

static void
lesson_clear(Lesson *lesson)
{
    g_clear_object(&lesson->process);
    g_string_free(lesson->said, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lesson, lesson_clear)

static Lesson
lesson_start(const Bench *bench, const char *rows, const char *columns)
{
    g_autofree char *path = keyline_path();
    const char *const argv[] = {path,     "--station", bench->rig.station, "slots", "teach", "--hub", "B",
                                "--rows", rows,        "--columns",        columns, NULL};
    g_autoptr(GError) error = NULL;
    Lesson lesson = {.said = g_string_new(NULL)};
    lesson.process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
    g_assert_no_error(error);
    lesson.in = g_subprocess_get_stdin_pipe(lesson.process);
    lesson.err = g_subprocess_get_stderr_pipe(lesson.process);
    return lesson;
}

/* Reads until it has said that, and forgets all up to there. */
static void
lesson_expect(Lesson *lesson, const char *words)
{
    for (const char *at = strstr(lesson->said->str, words);; at = strstr(lesson->said->str, words)) {
        if (at != NULL) {
            g_string_erase(lesson->said, 0, at - lesson->said->str + (gssize)strlen(words));
            return;
        }
        char text[512];
        gssize length = g_input_stream_read(lesson->err, text, sizeof text, NULL, NULL);
        if (length <= 0)
            g_error("'%s' never came; '%s' did", words, lesson->said->str);
        g_string_append_len(lesson->said, text, length);
    }
}

static void
lesson_type(Lesson *lesson, const char *line)
{
    g_assert_true(g_output_stream_write_all(lesson->in, line, strlen(line), NULL, NULL, NULL));
}

/* Waits for its end. Returns what it printed. */
static char *
lesson_end(Lesson *lesson, int code)
{
    char out[4096] = {0};
    gsize length = 0;
    g_input_stream_read_all(g_subprocess_get_stdout_pipe(lesson->process), out, sizeof out - 1, &length, NULL, NULL);
    g_assert_true(g_subprocess_wait(lesson->process, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(lesson->process), ==, code);
    return g_strdup(out);
}

/* One unit goes from place to place. */
static void
move_unit(const Bench *bench, const char *from, const char *to)
{
    static const KlSimBusDevice unit = {.kind = KL_SIM_FTDI};
    g_autoptr(GError) error = NULL;
    if (from != NULL)
        kl_sim_bus_unplug(bench->bus, from);
    kl_sim_bus_plug(bench->bus, to, &unit, &error);
    g_assert_no_error(error);
}

static void
test_teach(Bench *bench, gconstpointer data)
{
    write_file(bench->conf, "# ours\n" HEAD "[slot 01]\nusb=1-2\n", 0644);
    g_auto(Lesson) lesson = lesson_start(bench, "2", "2");
    lesson_expect(&lesson, "row 1, column 1 ... ");
    move_unit(bench, NULL, "1-1.2.1");
    lesson_expect(&lesson, "port 1-1.2.1\nPlug a unit into row 1, column 2 ... ");
    move_unit(bench, "1-1.2.1", "1-1.1.1");
    lesson_expect(&lesson, "port 1-1.1.1\nPlug a unit into row 2, column 1 ... ");
    lesson_type(&lesson, "b\n");
    lesson_expect(&lesson, "row 1, column 2 ... ");
    move_unit(bench, "1-1.1.1", "1-1.2.2");
    lesson_expect(&lesson, "port 1-1.2.2\nPlug a unit into row 2, column 1 ... ");
    move_unit(bench, "1-1.2.2", "1-1.2.1");
    lesson_expect(&lesson, "That port is row 1, column 1 already.\n");
    lesson_expect(&lesson, "row 2, column 1 ... ");
    lesson_type(&lesson, "\n");
    lesson_expect(&lesson, "left out\nPlug a unit into row 2, column 2 ... ");
    move_unit(bench, "1-1.2.1", "1-1.1.2");
    lesson_expect(&lesson, "port 1-1.1.2\n");
    g_autofree char *map = lesson_end(&lesson, 0);
    g_assert_cmpstr(map, ==, "Hub B:\nB01 1-1.2.1  B02 1-1.2.2\nB03 -        B04 1-1.1.2\n");
    g_autofree char *conf = NULL;
    g_assert_true(g_file_get_contents(bench->conf, &conf, NULL, NULL));
    g_assert_cmpstr(conf, ==,
                    "# ours\n" HEAD "[slot 01]\nusb=1-2\n\n[hub B]\npath=1-1\nrows=2\ncolumns=2\n"
                    "ports=2.1;2.2;-;1.2\n");
    g_auto(Run) slots = keyline(&bench->rig, "slots");
    g_assert_cmpint(slots.code, ==, 0);
    g_assert_nonnull(strstr(slots.out, "B04"));
}

/* Whoever stops half way, or teaches a port that is another slot's, changes nothing. */
static void
test_not_written(Bench *bench, gconstpointer data)
{
    static const char conf[] = HEAD "[slot 01]\nusb=1-1.2.1\n";
    write_file(bench->conf, conf, 0644);
    for (guint i = 0; i < 3; i++) {
        g_auto(Lesson) lesson = lesson_start(bench, "1", i < 2 ? "2" : "1");
        lesson_expect(&lesson, "row 1, column 1 ... ");
        move_unit(bench, i > 0 ? "1-1.2.1" : NULL, "1-1.2.1");
        lesson_expect(&lesson, "port 1-1.2.1\n");
        if (i == 0)
            g_assert_true(g_output_stream_close(lesson.in, NULL, NULL));
        if (i == 1)
            g_subprocess_send_signal(lesson.process, SIGINT);
        lesson_expect(&lesson, i < 2 ? "nothing was written" : "usb:1-1.2.1 is already a port of slot 01");
        g_autofree char *map = lesson_end(&lesson, i < 2 ? 1 : 2);
        g_assert_cmpstr(map, ==, "");
        g_autofree char *after = NULL;
        g_assert_true(g_file_get_contents(bench->conf, &after, NULL, NULL));
        g_assert_cmpstr(after, ==, conf);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (!kl_sim_bus_enter(argv, &error))
        g_error("%s", error->message);
    alarm(240); /* a conversation that does not go as it should must not wait for ever */
    g_unsetenv("KEYLINE_STATION");
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add("/cli-hub/listing", Bench, NULL, set_up, test_listing, tear_down);
    g_test_add("/cli-hub/teach", Bench, NULL, set_up, test_teach, tear_down);
    g_test_add("/cli-hub/not-written", Bench, NULL, set_up, test_not_written, tear_down);
    return g_test_run();
}
