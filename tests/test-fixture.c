/* A fixture that was taught comes into station.conf: nothing else there changes, and nothing that would not load gets
 * in.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "station/error.h"
#include "station/station.h"

#define HEAD "[station]\nname=n\nproduct=fx30s\n"
#define GROUP "[hub A]\npath=1-1\nrows=1\ncolumns=2\nports=1;2\n"

typedef struct {
    char *dir, *conf, *line;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->dir = g_dir_make_tmp("keyline-fixture-XXXXXX", NULL);
    f->conf = g_build_filename(f->dir, "station.conf", NULL);
    f->line = g_build_filename(f->dir, "line.conf", NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_remove(f->conf);
    g_remove(f->line);
    g_assert_cmpint(g_rmdir(f->dir), ==, 0); /* nothing else was left there */
    g_free(f->dir);
    g_free(f->conf);
    g_free(f->line);
}

static void
put(const char *path, const char *text)
{
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *
contents(const char *path)
{
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
test_written(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *before, *after;
    } table[] = {
        {HEAD, HEAD "\n" GROUP},
        {HEAD "# the end, without a line end", HEAD "# the end, without a line end\n\n" GROUP},
        {HEAD "\n" GROUP, HEAD "\n" GROUP},
        {HEAD "[hub A]\npath=9-9\nrows=3\ncolumns=1\n# B is new\n[hub B]\npath=2-1\nrows=1\ncolumns=1\n",
         HEAD GROUP "# B is new\n[hub B]\npath=2-1\nrows=1\ncolumns=1\n"},
        {HEAD " [hub A] \r\n# left of the door\npath=9-9\n\nrows=1\ncolumns=1\n\n[ca]\nkey=file\n",
         HEAD GROUP "# left of the door\n\n\n[ca]\nkey=file\n"},
        {HEAD "#[hub A]\n#path=1-1\n[hub AA]\npath=2-1\nrows=1\ncolumns=1\n",
         HEAD "#[hub A]\n#path=1-1\n[hub AA]\npath=2-1\nrows=1\ncolumns=1\n\n" GROUP},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        put(f->conf, table[i].before);
        g_autoptr(GError) error = NULL;
        g_assert_true(kl_station_set_fixture(f->dir, GROUP, &error));
        g_autofree char *after = contents(f->conf);
        g_assert_cmpstr(after, ==, table[i].after);
        g_assert_true(kl_station_set_fixture(f->dir, GROUP, &error)); /* the same again */
        g_autofree char *again = contents(f->conf);
        g_assert_cmpstr(again, ==, after);
        g_autoptr(KlConfig) config = kl_config_load(f->dir, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(kl_config_slot(config, "A02", NULL)->agent, ==, "usb:1-1.2");
    }
}

static void
test_refused(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *before, *group, *message;
    } table[] = {
        {HEAD "[slot 01]\nusb=1-1.2\n", GROUP,
         "station.conf:11: [hub A] ports: usb:1-1.2 is already a port of slot 01"},
        {HEAD "line=line.conf\n", GROUP, "line.conf:2: [slot 07] usb: usb:1-1.1 is already a port of slot A01"},
        {HEAD, "[hub A]\npath=1-1\nrows=1\ncolumns=2\nports=1;x\n", "'x' is no port"},
        {HEAD, "[hub A]\npath=1-1\n", "needs the key 'rows'"},
        {HEAD, "[hub A]\npath=1-1\nrows=1\ncolumns=1\n[ca]\nkey=pkcs11:x\n", "a fixture is one group"},
        {HEAD, "[slot 01]\nusb=1-1\n", "a fixture is one group"},
        {HEAD, "path=1-1\n", "a fixture is one group"},
        {HEAD, "", "a fixture is one group"},
        {HEAD "colour=red\n", GROUP, "unknown key 'colour'"},
    };
    put(f->line, "[slot 07]\nusb=1-1.1\n");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        put(f->conf, table[i].before);
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_station_set_fixture(f->dir, table[i].group, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        if (strstr(error->message, table[i].message) == NULL || strstr(error->message, ".new") != NULL)
            g_error("'%s' is not in '%s'", table[i].message, error->message);
        g_autofree char *after = contents(f->conf);
        g_assert_cmpstr(after, ==, table[i].before);
    }
    g_remove(f->conf);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_station_set_fixture(f->dir, GROUP, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_MISSING);
}

/* The file keeps its mode. */
static void
test_mode(Fixture *f, gconstpointer data)
{
    put(f->conf, HEAD);
    g_assert_cmpint(g_chmod(f->conf, 0664), ==, 0);
    g_assert_true(kl_station_set_fixture(f->dir, GROUP, NULL));
    struct stat status;
    g_assert_cmpint(stat(f->conf, &status), ==, 0);
    g_assert_cmphex(status.st_mode & 07777, ==, 0664);
}

/* Every setting that the new station.conf shows behind a # works when the # is taken away. */
static void
test_template(Fixture *f, gconstpointer data)
{
    g_autofree char *dir = g_build_filename(f->dir, "new", NULL);
    g_assert_true(kl_station_setup(dir, "new", NULL, NULL));
    g_autofree char *conf = g_build_filename(dir, "station.conf", NULL);
    g_autofree char *text = contents(conf);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint settings = 0;
    for (guint i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '#' || lines[i][1] == ' ' || g_str_has_prefix(lines[i], "#line="))
            continue;
        lines[i][0] = ' ';
        settings++;
    }
    g_assert_cmpuint(settings, >=, 15);
    g_autofree char *all = g_strjoinv("\n", lines);
    put(conf, all);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(config->slots->len, ==, 6);
    g_assert_true(kl_station_set_fixture(dir, GROUP, &error));
    g_assert_no_error(error);
    const char *const argv[] = {"rm", "-rf", "--", dir, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/fixture/written", Fixture, NULL, set_up, test_written, tear_down);
    g_test_add("/fixture/refused", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/fixture/mode", Fixture, NULL, set_up, test_mode, tear_down);
    g_test_add("/fixture/template", Fixture, NULL, set_up, test_template, tear_down);
    return g_test_run();
}
