/* keyline slots teach: learns which hub port each place of a fixture is. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/station.h"
#include "station/teach.h"

/* Changes on the bus that follow each other as closely count as one: two units plugged in at once are told so. */
#define SETTLE_MS 300
#define SETTLE_ROUNDS 10

typedef struct {
    char *hub;
    int rows, columns;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->hub);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* One go through the places. What is said to the person goes to stderr: stdout is for the map. */
typedef struct {
    const Options *options;
    KlTeach *teach;
    KlBus *bus;
    int wake_fd;   /* readable when the bus has changed */
    int signal_fd; /* readable on Ctrl-C */
    GString *typed;
} Lesson;

typedef enum { LESSON_GOES_ON, LESSON_DONE, LESSON_STOPPED, LESSON_FAILED } LessonState;

static void
lesson_clear(Lesson *lesson)
{
    if (lesson->bus != NULL)
        lesson->bus->klass->watch(lesson->bus, NULL, NULL);
    if (lesson->wake_fd >= 0)
        close(lesson->wake_fd);
    if (lesson->signal_fd >= 0)
        close(lesson->signal_fd);
    g_string_free(lesson->typed, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lesson, lesson_clear)

/* On the bus's thread. */
static void
wake(gpointer data)
{
    eventfd_write(GPOINTER_TO_INT(data), 1);
}

static sigset_t
stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

static void
ask(const Lesson *lesson)
{
    guint place = kl_teach_wanted(lesson->teach), columns = (guint)lesson->options->columns;
    fprintf(stderr, "Plug a unit into row %u, column %u ... ", place / columns + 1, place % columns + 1);
    fflush(stderr);
}

static LessonState
react(const Lesson *lesson, KlTeachEvent event)
{
    guint place = kl_teach_place(lesson->teach), columns = (guint)lesson->options->columns;
    switch (event) {
    case KL_TEACH_NOTHING:
        return LESSON_GOES_ON;
    case KL_TEACH_LEARNT:
    case KL_TEACH_DONE:
        fprintf(stderr, "port %s\n", kl_teach_path(lesson->teach, place));
        break;
    case KL_TEACH_KNOWN:
        fprintf(stderr, "\nThat port is row %u, column %u already.\n", place / columns + 1, place % columns + 1);
        break;
    case KL_TEACH_ELSEWHERE:
        fprintf(stderr, "\nThat port is on another USB bus than the places before: teach it as a hub of its own.\n");
        break;
    case KL_TEACH_SEVERAL:
        fprintf(stderr, "\nSeveral were plugged in at once: take them out, then plug in one at a time.\n");
        break;
    }
    if (event == KL_TEACH_DONE)
        return LESSON_DONE;
    ask(lesson);
    return LESSON_GOES_ON;
}

static LessonState
look(const Lesson *lesson, GError **error)
{
    g_autoptr(GPtrArray) devices = lesson->bus->klass->devices(lesson->bus, error);
    return devices != NULL ? react(lesson, kl_teach_see(lesson->teach, devices)) : LESSON_FAILED;
}

/* Waits until the bus is quiet, but not for ever. */
static void
settle(const Lesson *lesson)
{
    struct pollfd wait = {.fd = lesson->wake_fd, .events = POLLIN};
    for (guint round = 0; round < SETTLE_ROUNDS; round++) {
        eventfd_t count;
        eventfd_read(lesson->wake_fd, &count);
        if (poll(&wait, 1, SETTLE_MS) == 0)
            return;
    }
}

static LessonState
obey(const Lesson *lesson, const char *line)
{
    if (line[0] == '\0') {
        fprintf(stderr, "left out\n");
        if (kl_teach_skip(lesson->teach) == KL_TEACH_DONE)
            return LESSON_DONE;
    } else if (strcmp(line, "b") == 0) {
        fprintf(stderr, "back\n");
        kl_teach_back(lesson->teach);
    } else {
        fprintf(stderr, "\nPress Enter to leave this place out, b and Enter to go one back, Ctrl-D to stop.\n");
    }
    ask(lesson);
    return LESSON_GOES_ON;
}

/* Takes in what was typed, line by line. */
static LessonState
listen_to_person(const Lesson *lesson)
{
    char text[256];
    ssize_t length = read(STDIN_FILENO, text, sizeof text);
    if (length <= 0)
        return length < 0 && errno == EINTR ? LESSON_GOES_ON : LESSON_STOPPED;
    g_string_append_len(lesson->typed, text, length);
    LessonState state = LESSON_GOES_ON;
    for (char *end = strchr(lesson->typed->str, '\n'); end != NULL && state == LESSON_GOES_ON;
         end = strchr(lesson->typed->str, '\n')) {
        g_autofree char *line = g_strndup(lesson->typed->str, (gsize)(end - lesson->typed->str));
        g_string_erase(lesson->typed, 0, (gssize)strlen(line) + 1);
        state = obey(lesson, g_strstrip(line));
    }
    return state;
}

/* Asks for one place after the other. */
static LessonState
teach_all(const Lesson *lesson, GError **error)
{
    struct pollfd waits[] = {
        {.fd = lesson->signal_fd, .events = POLLIN},
        {.fd = lesson->wake_fd, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    fprintf(stderr, "Plug one unit into each place in turn. Enter leaves a place out, b and Enter goes one back,\n"
                    "Ctrl-D stops and writes nothing.\n");
    /* What is there before the first question is not the answer to it. */
    LessonState state = look(lesson, error);
    if (state == LESSON_GOES_ON)
        ask(lesson);
    while (state == LESSON_GOES_ON) {
        if (poll(waits, G_N_ELEMENTS(waits), -1) < 0)
            continue;
        if (waits[0].revents != 0) {
            state = LESSON_STOPPED;
        } else if (waits[1].revents != 0) {
            settle(lesson);
            state = look(lesson, error);
        } else if (waits[2].revents != 0) {
            state = listen_to_person(lesson);
        }
    }
    return state;
}

/* Teaches on the station's bus, which is closed again before the fixture is written. */
static LessonState
run_lesson(const KlCli *cli, const Options *options, KlTeach *teach, GError **error)
{
    /* Before the bus has a thread, which inherits it. */
    sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    KlBus *bus = station != NULL ? kl_station_bus(station, error) : NULL;
    if (bus == NULL)
        return LESSON_FAILED;
    g_auto(Lesson) lesson = {
        .options = options,
        .teach = teach,
        .bus = bus,
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
        .typed = g_string_new(NULL),
    };
    if (lesson.wake_fd < 0 || lesson.signal_fd < 0) {
        kl_fail(error, KL_ERROR_INTERNAL, "%s", g_strerror(errno));
        return LESSON_FAILED;
    }
    bus->klass->watch(bus, wake, GINT_TO_POINTER(lesson.wake_fd));
    return teach_all(&lesson, error);
}

static void
print_json(const Options *options, const KlTeach *teach, gboolean written)
{
    guint columns = (guint)options->columns, places = (guint)options->rows * columns;
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "hub", options->hub);
    kl_json_bool(builder, "written", written);
    kl_json_array(builder, "places");
    for (guint i = 0; i < places; i++) {
        g_autofree char *slot = kl_hub_slot_name(options->hub, places, i);
        json_builder_begin_object(builder);
        kl_json_string(builder, "slot", slot);
        kl_json_int(builder, "row", i / columns + 1);
        kl_json_int(builder, "column", i % columns + 1);
        kl_json_string(builder, "port", kl_teach_path(teach, i));
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

/* The map as it stands on the fixture. */
static void
print_grid(const Options *options, const KlTeach *teach)
{
    guint columns = (guint)options->columns, places = (guint)options->rows * columns;
    g_auto(GStrv) cells = g_new0(char *, columns + 1);
    for (guint i = 0; i < columns; i++)
        cells[i] = g_strdup("");
    g_autoptr(KlTable) table = kl_table_new((const char *const *)cells);
    for (guint place = 0; place < places; place++) {
        g_autofree char *slot = kl_hub_slot_name(options->hub, places, place);
        const char *port = kl_teach_path(teach, place);
        g_free(cells[place % columns]);
        cells[place % columns] = g_strdup_printf("%s %s", slot, port != NULL ? port : "-");
        if (place % columns == columns - 1)
            kl_table_add(table, (const char *const *)cells);
    }
    printf("Hub %s:\n", options->hub);
    kl_table_print(table, stdout);
}

/* What was learnt must not be lost when it can't be written. */
static gboolean
write_fixture(const KlCli *cli, const char *group, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_RUN, NULL, error);
    if (station != NULL && kl_station_set_fixture(cli->dir, group, error))
        return kl_station_note_act(cli->dir, "hub", NULL, NULL, error);
    fprintf(stderr, "\nThis is what belongs into station.conf:\n\n%s\n", group);
    return FALSE;
}

static gboolean
check_options(const Options *options, GError **error)
{
    if (options->hub == NULL || !kl_hub_name_valid(options->hub))
        return kl_fail(error, KL_ERROR_USAGE, "--hub must be given: 1 to 16 of A-Z a-z 0-9 _ -");
    if (options->rows < 1 || options->rows > KL_HUB_SIDE_MAX || options->columns < 1 ||
        options->columns > KL_HUB_SIDE_MAX)
        return kl_fail(error, KL_ERROR_USAGE, "--rows and --columns must be given: 1 to %d each", KL_HUB_SIDE_MAX);
    return TRUE;
}

static int
teach(const KlCli *cli, const Options *options, GError **error)
{
    g_autoptr(KlTeach) taught = kl_teach_new(options->hub, (guint)options->rows, (guint)options->columns);
    LessonState state = run_lesson(cli, options, taught, error);
    if (state == LESSON_FAILED)
        return -1;
    g_autofree char *group = state == LESSON_DONE ? kl_teach_text(taught) : NULL;
    if (group != NULL && !write_fixture(cli, group, error))
        return -1;
    if (group == NULL)
        fprintf(stderr, "\n%s: nothing was written.\n", state == LESSON_DONE ? "No place is known" : "Stopped");
    if (cli->json)
        print_json(options, taught, group != NULL);
    else if (group != NULL)
        print_grid(options, taught);
    return group != NULL ? KL_EXIT_DONE : KL_EXIT_UNIT;
}

int
kl_cmd_slots_teach(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) options = {0};
    const GOptionEntry entries[] = {
        {"hub", 'H', 0, G_OPTION_ARG_STRING, &options.hub, "The fixture's name: slots A01, A02, ...", "A"},
        {"rows", 'r', 0, G_OPTION_ARG_INT, &options.rows, "Rows of places on the fixture", "N"},
        {"columns", 'c', 0, G_OPTION_ARG_INT, &options.columns, "Places in a row", "N"},
        {NULL},
    };
    const char *about = "Asks for a unit in each place of a fixture, row by row, and writes down in\n"
                        "station.conf which hub port each place is. One unit will do for all of them.";
    if (!kl_cli_parse(cli, "keyline slots teach", NULL, about, entries, 0, 0, words, error) ||
        !check_options(&options, error))
        return -1;
    return teach(cli, &options, error);
}
