#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "station/secret.h"

void
kl_bench_init(void)
{
    g_setenv("TMPDIR", KL_BENCH_BUILD_ROOT, TRUE);
    kl_secret_init();
}

char *
kl_bench_program(const char *path)
{
    return g_build_filename(KL_BENCH_BUILD_ROOT, path, NULL);
}

char *
kl_bench_folder_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("keyline-bench-XXXXXX", &error);
    kl_bench_check(error);
    return folder;
}

void
kl_bench_folder_free(char *folder)
{
    g_autoptr(GError) error = NULL;
    const char *const argv[] = {"rm", "-rf", "--", folder, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, &error);
    kl_bench_check(error);
    g_free(folder);
}

double
kl_bench_now(void)
{
    return (double)g_get_monotonic_time() / G_USEC_PER_SEC;
}

GArray *
kl_bench_samples_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(double));
}

void
kl_bench_sample(GArray *samples, double value)
{
    g_array_append_val(samples, value);
}

double
kl_bench_mean(const GArray *samples)
{
    double sum = 0;
    for (guint i = 0; i < samples->len; i++)
        sum += g_array_index(samples, double, i);
    return sum / samples->len;
}

static int
compare(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double
kl_bench_percentile(GArray *samples, guint percent)
{
    g_array_sort(samples, compare);
    guint rank = (samples->len * percent + 99) / 100;
    return g_array_index(samples, double, MAX(rank, 1) - 1);
}

/* Three significant digits or more, so that a small value is not rounded away. */
static void
print_row(const char *name, double value, const char *unit, const char *target)
{
    int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
    printf("%-24s %10.*f %-8s %s\n", name, decimals, value, unit, target);
    fflush(stdout);
}

static void
print_row_with_target(const char *name, double value, const char *unit, const char *relation, double target,
                      gboolean met)
{
    g_autofree char *text = g_strdup_printf("%s %g%s", relation, target, met ? "" : " MISSED");
    print_row(name, value, unit, text);
}

void
kl_bench_row(const char *name, double value, const char *unit)
{
    print_row(name, value, unit, "-");
}

void
kl_bench_row_at_most(const char *name, double value, const char *unit, double target)
{
    print_row_with_target(name, value, unit, "<=", target, value <= target);
}

void
kl_bench_row_at_least(const char *name, double value, const char *unit, double target)
{
    print_row_with_target(name, value, unit, ">=", target, value >= target);
}

void
kl_bench_check(const GError *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "%s: %s\n", g_get_prgname(), error->message);
    exit(EXIT_FAILURE);
}
