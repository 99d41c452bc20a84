/* A station folder whose configuration lies elsewhere, behind links, as packages lay it out: what the station writes
 * goes where the links lead, and the links stay. */
#include "station/station.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "db/database.h"
#include "station/error.h"

typedef struct {
    char *top, *dir, *etc, *conf, *link;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    f->top = g_dir_make_tmp("keyline-linked-XXXXXX", NULL);
    f->dir = g_build_filename(f->top, "var", NULL);
    f->etc = g_build_filename(f->top, "etc", NULL);
    f->conf = g_build_filename(f->etc, "station.conf", NULL);
    f->link = g_build_filename(f->dir, "station.conf", NULL);
    g_autofree char *products = g_build_filename(f->etc, "products", NULL);
    g_autofree char *products_link = g_build_filename(f->dir, "products", NULL);
    g_assert_cmpint(g_mkdir_with_parents(products, 0755), ==, 0);
    g_assert_cmpint(g_mkdir(f->dir, 0750), ==, 0);
    g_assert_cmpint(symlink("../etc/products", products_link), ==, 0);
    g_assert_cmpint(symlink(f->conf, f->link), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_station_setup(f->dir, "linked", NULL, &error));
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    const char *argv[] = {"rm", "-rf", "--", f->top, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(f->top);
    g_free(f->dir);
    g_free(f->etc);
    g_free(f->conf);
    g_free(f->link);
}

/* The file is a file, with the text in it, and the link a link to it. */
static void
assert_written(const Fixture *f, const char *expected)
{
    g_autofree char *text = NULL;
    g_autofree char *target = g_file_read_link(f->link, NULL);
    g_assert_cmpstr(target, ==, f->conf);
    g_assert_false(g_file_test(f->conf, G_FILE_TEST_IS_SYMLINK));
    g_assert_true(g_file_get_contents(f->conf, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, expected));
    g_autoptr(KlStation) station = kl_station_open(f->dir, KL_STATION_READ, NULL, NULL);
    g_assert_nonnull(station);
}

static guint
files_in(const char *dir)
{
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    guint count = 0;
    while (g_dir_read_name(entries) != NULL)
        count++;
    return count;
}

static void
test_setup(Fixture *f, gconstpointer data)
{
    g_autofree char *product = g_build_filename(f->etc, "products", "fx30s.conf", NULL);
    g_autofree char *written = NULL;
    g_autofree char *expected = kl_station_template("fx30s.conf");
    g_assert_true(g_file_get_contents(product, &written, NULL, NULL));
    g_assert_cmpstr(written, ==, expected);
    assert_written(f, "\nname=linked\n");
}

static void
test_product(Fixture *f, gconstpointer data)
{
    g_autofree char *first = g_build_filename(f->etc, "products", "fx30s.conf", NULL);
    g_autofree char *second = g_build_filename(f->etc, "products", "asia.conf", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(first, &text, NULL, NULL));
    g_assert_true(g_file_set_contents(second, text, -1, NULL));
    g_assert_true(kl_station_set_product(f->dir, "asia", &error));
    g_assert_no_error(error);
    assert_written(f, "\nproduct=asia\n");
}

static void
test_fixture(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_station_set_fixture(f->dir, "[hub B]\npath=1-1\nrows=1\ncolumns=1\nports=1.1\n", &error));
    g_assert_no_error(error);
    assert_written(f, "\n[hub B]\n");
    g_assert_cmpuint(files_in(f->etc), ==, 2);
    g_assert_false(kl_station_set_fixture(f->dir, "[hub B]\nrows=7\n", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
    assert_written(f, "\nports=1.1\n");
    g_assert_cmpuint(files_in(f->etc), ==, 2);
}

/* Who may read a file is its owner's business. */
static void
test_mode(Fixture *f, gconstpointer data)
{
    GStatBuf info;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_chmod(f->conf, 0660), ==, 0);
    g_assert_true(kl_station_set_product(f->dir, "fx30s", &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_stat(f->conf, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0660);
}

/* ".." in a link counts from where the link really lies, not from the path by which it was found. */
static void
test_folder_behind_link(Fixture *f, gconstpointer data)
{
    g_autofree char *deep = g_build_filename(f->top, "a", "b", NULL);
    g_autofree char *dir = g_build_filename(deep, "station", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
    g_assert_cmpint(symlink(f->dir, dir), ==, 0);
    g_assert_cmpint(g_unlink(f->link), ==, 0);
    g_assert_cmpint(symlink("../etc/station.conf", f->link), ==, 0);
    g_assert_true(kl_station_set_fixture(dir, "[hub B]\npath=1-1\nrows=1\ncolumns=1\nports=1.1\n", &error));
    g_assert_no_error(error);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(f->conf, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "\n[hub B]\n"));
}

/* An older database is not brought up to date below a program that works with it. */
static void
test_setup_beside(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) station = kl_station_open(f->dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(kl_station_setup(f->dir, "linked", NULL, &error)); /* nothing to do */
    g_autofree char *path = g_build_filename(f->dir, "keyline.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_true(kl_database_exec(db, "PRAGMA user_version = 1", NULL));
    kl_database_close(db);
    g_assert_false(kl_station_setup(f->dir, "linked", NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_BUSY);
}

/* A link that leads round in a circle is told, not followed for ever. */
static void
test_circle(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_unlink(f->conf), ==, 0);
    g_assert_cmpint(symlink(f->link, f->conf), ==, 0);
    g_assert_false(kl_station_setup(f->dir, "linked", NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/linked/setup", Fixture, NULL, set_up, test_setup, tear_down);
    g_test_add("/linked/product", Fixture, NULL, set_up, test_product, tear_down);
    g_test_add("/linked/fixture", Fixture, NULL, set_up, test_fixture, tear_down);
    g_test_add("/linked/mode", Fixture, NULL, set_up, test_mode, tear_down);
    g_test_add("/linked/folder-behind-link", Fixture, NULL, set_up, test_folder_behind_link, tear_down);
    g_test_add("/linked/setup-beside", Fixture, NULL, set_up, test_setup_beside, tear_down);
    g_test_add("/linked/circle", Fixture, NULL, set_up, test_circle, tear_down);
    return g_test_run();
}
