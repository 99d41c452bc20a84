/* A disk that does not keep records any more: the station says so, the line stops, and nothing passes. */
#include <signal.h>
#include <sys/resource.h>

#include "tests/rig/line_rig.h"

/* A limit that cuts a write in two looks to SQLite like a broken disk rather than a full one. */
static void
assert_stopped(KlLineRig *rig, const KlRecord *record)
{
    static const char *const codes[] = {"STORE_FULL", "STORE_FAILED", NULL};
    g_autoptr(GError) error = NULL;
    KlJobRequest request = {0};
    g_assert_cmpint(record->outcome, ==, KL_OUTCOME_ERROR);
    g_assert_true(g_strv_contains(codes, record->code));
    g_assert_cmpstr(kl_line_stopped(rig->line), ==, record->code);
    g_assert_false(kl_line_start(rig->line, "02", &request, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_STOPPED);
}

static void
assert_no_pass(const KlLineRig *rig)
{
    g_autofree char *passes = kl_line_rig_sql(rig, "SELECT count(*) FROM jobs WHERE outcome = 'PASS'");
    g_assert_cmpstr(passes, ==, "0");
}

/* The limit is the process's: no file can grow past what the database's journal has now. */
static void
limit_files(rlim_t size)
{
    struct rlimit limit = {size, RLIM_INFINITY};
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

static void
test_full(void)
{
    KlSimOptions options = {.units = 2};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    limit_files(4096);
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
    assert_stopped(rig, record);
    limit_files(RLIM_INFINITY);
    assert_no_pass(rig);

    /* Space again: the line goes on, and the unit that was stopped passes. */
    kl_line_resume(rig->line);
    g_autoptr(KlRecord) again = kl_line_rig_provision(rig, 1, NULL);
    g_assert_cmpint(again->outcome, ==, KL_OUTCOME_PASS);
}

/* The disk fills up in the middle of a unit, at whichever write it is. */
static void
test_full_later(void)
{
    gboolean passed = FALSE;
    for (rlim_t size = 16 * 1024; !passed; size += 24 * 1024) {
        KlSimOptions options = {.units = 2, .one_port = TRUE};
        g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
        limit_files(size);
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        limit_files(RLIM_INFINITY);
        passed = record->outcome == KL_OUTCOME_PASS;
        if (passed) {
            kl_line_rig_assert_deserved(rig, 1, record);
            continue;
        }
        assert_stopped(rig, record);
        assert_no_pass(rig);
        kl_line_rig_reopen(rig);
        g_autoptr(KlRecord) again = kl_line_rig_provision(rig, 1, NULL);
        g_assert_cmpint(again->outcome, ==, KL_OUTCOME_PASS);
        kl_line_rig_assert_deserved(rig, 1, again);
    }
}

static void
test_corrupt(void)
{
    KlSimOptions options = {.units = 2};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    kl_line_rig_close(rig);
    g_free(kl_line_rig_shell(rig, "size=$(stat -c %s \"$S/keyline.db\"); "
                                  "head -c $((size - 4096)) /dev/zero | tr '\\0' '\\377' | "
                                  "dd of=\"$S/keyline.db\" bs=4096 seek=1 conv=notrunc status=none"));
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) station = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_null(station);
    g_assert_error(error, KL_ERROR, KL_ERROR_STORE_CORRUPT);
}

int
main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN);
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_log_set_always_fatal(G_LOG_FATAL_MASK); /* a record that can't be kept is warned of */
    g_test_add_func("/disk/full", test_full);
    g_test_add_func("/disk/full-later", test_full_later);
    g_test_add_func("/disk/corrupt", test_corrupt);
    return g_test_run();
}
