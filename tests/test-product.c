/* Changing a station's product: checked first, and nothing else in station.conf changes. */
#include "station/station.h"

#include <glib/gstdio.h>
#include <string.h>

#include "station/error.h"

typedef struct {
    char *dir, *conf;
} Fixture;

static void
run(const char *program, const char *argument, const char *path)
{
    const char *argv[] = {program, argument, path, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->dir = g_dir_make_tmp("keyline-product-XXXXXX", NULL);
    g_assert_true(kl_station_setup(f->dir, "product=line", NULL, &error));
    f->conf = g_build_filename(f->dir, "station.conf", NULL);
    g_autofree char *first = g_build_filename(f->dir, "products", "fx30s.conf", NULL);
    g_autofree char *second = g_build_filename(f->dir, "products", "asia.conf", NULL);
    g_autofree char *broken = g_build_filename(f->dir, "products", "broken.conf", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(first, &text, NULL, NULL));
    g_assert_true(g_file_set_contents(second, text, -1, NULL));
    g_assert_true(g_file_set_contents(broken, "[product]\nmodels=\n", -1, NULL));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    run("rm", "-rf", f->dir);
    g_free(f->dir);
    g_free(f->conf);
}

static char *
read_conf(const Fixture *f)
{
    char *text = NULL;
    g_assert_true(g_file_get_contents(f->conf, &text, NULL, NULL));
    return text;
}

static void
test_listed(Fixture *f, gconstpointer data)
{
    g_auto(GStrv) names = kl_station_products(f->dir, NULL);
    g_autofree char *joined = g_strjoinv(" ", names);
    g_assert_cmpstr(joined, ==, "asia broken fx30s");
}

static void
test_changed(Fixture *f, gconstpointer data)
{
    g_autofree char *before = read_conf(f);
    g_autoptr(GError) error = NULL;
    g_assert_true(kl_station_set_product(f->dir, "asia", &error));
    g_assert_no_error(error);
    g_autofree char *after = read_conf(f);
    g_auto(GStrv) parts = g_strsplit(before, "\nproduct=fx30s\n", -1);
    g_assert_cmpuint(g_strv_length(parts), ==, 2);
    g_autofree char *expected = g_strjoinv("\nproduct=asia\n", parts);
    g_assert_cmpstr(after, ==, expected);
    g_autoptr(KlStation) station = kl_station_open(f->dir, KL_STATION_READ, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(kl_station_profile(station)->name, ==, "asia");
    g_assert_cmpstr(kl_station_config(station)->name, ==, "product=line");
}

static void
test_refused(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *product;
        KlErrorCode code;
    } table[] = {{"broken", KL_ERROR_CONFIG_INVALID},
                 {"none", KL_ERROR_CONFIG_INVALID},
                 {"../fx30s", KL_ERROR_USAGE},
                 {"", KL_ERROR_USAGE},
                 {"asia\nline=x", KL_ERROR_USAGE}};
    g_autofree char *before = read_conf(f);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_station_set_product(f->dir, table[i].product, &error));
        g_assert_error(error, KL_ERROR, (gint)table[i].code);
        g_autofree char *after = read_conf(f);
        g_assert_cmpstr(after, ==, before);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/product/listed", Fixture, NULL, set_up, test_listed, tear_down);
    g_test_add("/product/changed", Fixture, NULL, set_up, test_changed, tear_down);
    g_test_add("/product/refused", Fixture, NULL, set_up, test_refused, tear_down);
    return g_test_run();
}
