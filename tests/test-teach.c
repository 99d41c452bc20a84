/* Teaching: what is plugged in one after the other becomes the map of a hub, and the map loads as it was taught. */
#include "station/teach.h"

#include <glib/gstdio.h>

#include "station/error.h"
#include "station/port_path.h"
#include "tests/fake_bus.h"

static KlTeachEvent
see(KlTeach *teach, const char *text)
{
    g_autoptr(GPtrArray) devices = fake_devices(text);
    return kl_teach_see(teach, devices);
}

/* Stories: each step is what is on the bus ("" empty), or "skip" or "back", and what comes of it. */
typedef struct {
    const char *bus;
    KlTeachEvent event;
    guint wanted, place; /* afterwards; place only for LEARNT, KNOWN and DONE */
} Step;

typedef struct {
    const char *name;
    guint rows, columns;
    Step steps[12];
    const char *text;
} Story;

static const Story stories[] = {
    {"reading-order",
     2,
     2,
     {{"1-1h1", KL_TEACH_NOTHING, 0, 0},
      {"1-1h1 1-1.3m5", KL_TEACH_LEARNT, 1, 0},
      {"1-1h1", KL_TEACH_NOTHING, 1, 0},
      {"1-1h1 1-1.1m6", KL_TEACH_LEARNT, 2, 1},
      {"1-1h1 1-1.1m6 1-1.4a7", KL_TEACH_LEARNT, 3, 2},
      {"1-1h1 1-1.2b8", KL_TEACH_DONE, 4, 3},
      {"1-1h1 1-1.9m9", KL_TEACH_NOTHING, 4, 0}},
     "[hub A]\npath=1-1\nrows=2\ncolumns=2\nports=3;1;4;2\n"},
    {"there-before",
     1,
     2,
     {{"1-1.1m5 1-1.2m6", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5 1-1.2m6", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5 1-1.2m7", KL_TEACH_LEARNT, 1, 0}, /* taken out and put back between two looks */
      {"1-1.2m7", KL_TEACH_NOTHING, 1, 0},
      {"1-1.2m7 1-1.1m8", KL_TEACH_DONE, 2, 1}},
     "[hub A]\npath=1-1\nrows=1\ncolumns=2\nports=2;1\n"},
    {"several",
     1,
     2,
     {{"", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5 1-1.2m6", KL_TEACH_SEVERAL, 0, 0},
      {"1-1.1m5 1-1.2m6", KL_TEACH_NOTHING, 0, 0},
      {"", KL_TEACH_NOTHING, 0, 0},
      {"1-1.2m7", KL_TEACH_LEARNT, 1, 0}},
     "[hub A]\npath=1-1\nrows=1\ncolumns=2\nports=2;-\n"},
    {"known",
     1,
     3,
     {{"", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5", KL_TEACH_LEARNT, 1, 0},
      {"1-1.1m6", KL_TEACH_KNOWN, 1, 0},
      {"1-1.1m6 1-1.2m7", KL_TEACH_LEARNT, 2, 1},
      {"1-1.1m8 1-1.2m7", KL_TEACH_KNOWN, 2, 0},
      {"1-1.3m9 1-1.2m7", KL_TEACH_DONE, 3, 2},
      {"1-1.2m10", KL_TEACH_KNOWN, 3, 1}},
     "[hub A]\npath=1-1\nrows=1\ncolumns=3\nports=1;2;3\n"},
    {"skip-and-back",
     1,
     4,
     {{"back", KL_TEACH_NOTHING, 0, 0},
      {"", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5", KL_TEACH_LEARNT, 1, 0},
      {"skip", KL_TEACH_NOTHING, 2, 0},
      {"1-1.3m6", KL_TEACH_LEARNT, 3, 2},
      {"back", KL_TEACH_NOTHING, 2, 0},
      {"1-1.4m7", KL_TEACH_LEARNT, 3, 2},
      {"1-1.3m8", KL_TEACH_DONE, 4, 3}, /* that port was forgotten */
      {"back", KL_TEACH_NOTHING, 3, 0},
      {"skip", KL_TEACH_DONE, 4, 0},
      {"skip", KL_TEACH_NOTHING, 4, 0}},
     "[hub A]\npath=1-1\nrows=1\ncolumns=4\nports=1;-;4;-\n"},
    {"hub-comes",
     1,
     2,
     {{"usb1h1 1-9o2", KL_TEACH_NOTHING, 0, 0},
      {"usb1h1 1-1h3", KL_TEACH_NOTHING, 0, 0},
      {"usb1h1 1-1h3 1-2o4", KL_TEACH_NOTHING, 0, 0},
      {"usb1h1 1-1h3 1-1.2h5 1-1.2.1m6", KL_TEACH_LEARNT, 1, 0},
      {"usb1h1", KL_TEACH_NOTHING, 1, 0},
      {"usb1h1 1-1h7 1-1.2h8 1-1.2.1m9 1-1.2.2m10", KL_TEACH_SEVERAL, 1, 0}},
     "[hub A]\npath=1-1.2\nrows=1\ncolumns=2\nports=1;-\n"},
    {"elsewhere",
     1,
     2,
     {{"", KL_TEACH_NOTHING, 0, 0},
      {"1-1.1m5", KL_TEACH_LEARNT, 1, 0},
      {"1-1.1m5 3-1.1m5", KL_TEACH_ELSEWHERE, 1, 0},
      {"1-1.1m5 1-11.1m6", KL_TEACH_DONE, 2, 1}},
     "[hub A]\npath=usb1\nrows=1\ncolumns=2\nports=1.1;11.1\n"},
    {"listed-twice", /* by a bus that repeats an arrival */
     1,
     1,
     {{"", KL_TEACH_NOTHING, 0, 0}, {"1-4m5 1-4m5", KL_TEACH_DONE, 1, 0}},
     "[hub A]\npath=usb1\nrows=1\ncolumns=1\nports=4\n"},
    {"nothing", 1, 1, {{"1-1m1", KL_TEACH_NOTHING, 0, 0}, {"skip", KL_TEACH_DONE, 1, 0}}, NULL},
};

static void
test_story(gconstpointer data)
{
    const Story *story = data;
    g_autoptr(KlTeach) teach = kl_teach_new("A", story->rows, story->columns);
    g_assert_null(kl_teach_text(teach));
    for (const Step *step = story->steps; step->bus != NULL; step++) {
        KlTeachEvent event = KL_TEACH_NOTHING;
        if (strcmp(step->bus, "back") == 0)
            kl_teach_back(teach);
        else
            event = strcmp(step->bus, "skip") == 0 ? kl_teach_skip(teach) : see(teach, step->bus);
        g_test_message("%s: %u", step->bus, event);
        g_assert_cmpuint(event, ==, step->event);
        g_assert_cmpuint(kl_teach_wanted(teach), ==, step->wanted);
        gboolean about = event == KL_TEACH_LEARNT || event == KL_TEACH_KNOWN || event == KL_TEACH_DONE;
        if (about && strcmp(step->bus, "skip") != 0)
            g_assert_cmpuint(kl_teach_place(teach), ==, step->place);
    }
    g_autofree char *text = kl_teach_text(teach);
    g_assert_cmpstr(text, ==, story->text);
}

/* Ports at random depths below a hub of random depth; the lowest hub that has them all is named. */
static char *
random_hub(void)
{
    GString *path = g_string_new(NULL);
    g_string_printf(path, "%d-%d", g_test_rand_int_range(1, 4), g_test_rand_int_range(1, 9));
    for (int depth = g_test_rand_int_range(0, 3); depth > 0; depth--)
        g_string_append_printf(path, ".%d", g_test_rand_int_range(1, 5));
    return g_string_free(path, FALSE);
}

static void
check_config(const KlTeach *teach, const char *dir, guint rows, guint columns)
{
    g_autofree char *path = g_build_filename(dir, "station.conf", NULL);
    g_autofree char *group = kl_teach_text(teach);
    g_autofree char *text = g_strconcat("[station]\nname=n\nproduct=p\n", group, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_remove(path);
    g_assert_no_error(error);
    const KlHubConfig *hub = config->hubs->pdata[0];
    g_assert_cmpuint(hub->rows, ==, rows);
    g_assert_cmpuint(hub->columns, ==, columns);
    guint slots = 0;
    for (guint place = 0; place < rows * columns; place++) {
        const char *port = kl_teach_path(teach, place);
        g_autofree char *name = kl_hub_slot_name("hub-1", rows * columns, place);
        const KlSlotConfig *slot = kl_config_slot(config, name, NULL);
        g_assert_true((slot == NULL) == (port == NULL));
        if (slot == NULL)
            continue;
        g_autofree char *address = g_strconcat("usb:", port, NULL);
        g_assert_cmpstr(slot->agent, ==, address);
        g_assert_cmpuint(slot->row * columns + slot->column, ==, place);
        g_assert_nonnull(kl_port_path_rest(port, hub->path));
        slots++;
    }
    g_assert_cmpuint(config->slots->len, ==, slots);
}

/* TRUE when some hub below that one, too, would have all the ports. */
static gboolean
could_be_lower(const KlTeach *teach, const char *hub, guint places)
{
    g_autofree char *first = NULL;
    for (guint place = 0; place < places; place++) {
        const char *port = kl_teach_path(teach, place);
        const char *rest = port != NULL ? kl_port_path_rest(port, hub) : NULL;
        if (port == NULL)
            continue;
        g_assert_nonnull(rest);
        const char *dot = strchr(rest, '.');
        g_autofree char *step = dot != NULL ? g_strndup(rest, (gsize)(dot - rest)) : NULL;
        if (step == NULL || (first != NULL && strcmp(first, step) != 0))
            return FALSE;
        if (first == NULL)
            first = g_steal_pointer(&step);
    }
    return TRUE;
}

static char *
value_of(const char *text, const char *key)
{
    const char *start = strstr(text, key) + strlen(key);
    return g_strndup(start, strcspn(start, "\n"));
}

static void
test_round_trip(void)
{
    g_autofree char *dir = g_dir_make_tmp("keyline-teach-XXXXXX", NULL);
    for (guint round = 0; round < 300; round++) {
        guint rows = (guint)g_test_rand_int_range(1, 5), columns = (guint)g_test_rand_int_range(1, 5);
        g_autoptr(KlTeach) teach = kl_teach_new("hub-1", rows, columns);
        g_autofree char *hub = random_hub();
        see(teach, "");
        guint learnt = 0;
        for (guint i = 1; kl_teach_wanted(teach) < rows * columns; i++) {
            g_autofree char *unit = g_strdup_printf("%s.%u.%um%u", hub, i % 4 + 1, i / 4 + 1, i);
            KlTeachEvent event = g_test_rand_int_range(0, 5) == 0 ? kl_teach_skip(teach) : see(teach, unit);
            learnt += kl_teach_path(teach, kl_teach_wanted(teach) - 1) != NULL;
            g_assert_true(event == KL_TEACH_LEARNT || event == KL_TEACH_NOTHING || event == KL_TEACH_DONE);
        }
        g_autofree char *text = kl_teach_text(teach);
        g_assert_true((text == NULL) == (learnt == 0));
        if (text == NULL)
            continue;
        g_autofree char *path = value_of(text, "path=");
        g_assert_false(could_be_lower(teach, path, rows * columns));
        check_config(teach, dir, rows, columns);
    }
    g_rmdir(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(stories); i++) {
        g_autofree char *path = g_strconcat("/teach/", stories[i].name, NULL);
        g_test_add_data_func(path, &stories[i], test_story);
    }
    g_test_add_func("/teach/round-trip", test_round_trip);
    return g_test_run();
}
