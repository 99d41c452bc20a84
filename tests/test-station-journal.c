/* The station's part of its journal: the seal is made once and never in silence again; what begins, what was changed in
 * between and what a person did is noted; the end of the work is sealed. */
#include <glib/gstdio.h>
#include <string.h>

#include "station/build_id.h"
#include "station/station.h"
#include "tests/journal_check.h"
#include "tests/store-fixture.h"

typedef struct {
    char *dir, *path;
} Station;

static void
run(const Station *f, const char *command)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    int status = -1;
    g_assert_true(
        g_spawn_sync(f->dir, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

static void
set_up(Station *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->dir = g_dir_make_tmp("keyline-journal-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "keyline.db", NULL);
    g_assert_true(kl_station_setup(f->dir, "line 1", NULL, &error));
    g_assert_no_error(error);
}

static void
tear_down(Station *f, gconstpointer data)
{
    check_journal(f->path);
    run(f, "rm -rf \"$PWD\"");
    g_free(f->dir);
    g_free(f->path);
}

static void
work(const Station *f)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) station = kl_station_open(f->dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(kl_station_seal(station));
}

static void
assert_closed(const Station *f, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_station_open(f->dir, KL_STATION_RUN, NULL, &error));
    g_assert_error(error, KL_ERROR, (int)code);
    g_autoptr(KlStation) reader = kl_station_open(f->dir, KL_STATION_READ, NULL, NULL);
    g_assert_nonnull(reader); /* what was kept can be looked at all the same */
    g_assert_null(kl_station_seal(reader));
}

#define TYPES_AFTER(n) "SELECT group_concat(type, ' ') FROM (SELECT type FROM audit_events WHERE n > " #n " ORDER BY n)"

static void
test_begins(Station *f, gconstpointer data)
{
    assert_sql(f->path, TYPES_AFTER(0), "journal-begin audit-key program-start act");
    work(f);
    assert_sql(f->path, TYPES_AFTER(4), "program-start configuration configuration checkpoint");
    assert_sql(f->path, "SELECT n, body ->> '$.reason', body ->> '$.station' FROM audit_checkpoints", "7|shift|line 1");
    work(f);
    assert_sql(f->path, TYPES_AFTER(8), "program-start checkpoint");
    g_autofree char *build = kl_build_id();
    g_autofree char *started = g_strdup_printf("%s|run|%s", KL_PROGRAM_VERSION, build != NULL ? build : "");
    assert_sql(f->path,
               "SELECT body ->> '$.data.program', body ->> '$.data.mode', body ->> '$.data.build' FROM audit_events"
               " ORDER BY n DESC LIMIT 1 OFFSET 1",
               started);
}

/* Each event says what the file was and is; a file that is gone has no hash any more. */
static void
test_configuration(Station *f, gconstpointer data)
{
    work(f);
    run(f, "cp products/fx30s.conf products/b.conf && echo '# x' >>station.conf");
    work(f);
    run(f, "rm products/b.conf");
    work(f);
    g_autofree char *content = NULL, *conf = g_build_filename(f->dir, "station.conf", NULL);
    g_assert_true(g_file_get_contents(conf, &content, NULL, NULL));
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, content, -1);
    assert_sql(f->path,
               "SELECT body ->> '$.data.file', body ->> '$.data.was' IS NOT NULL, body ->> '$.data.sha256' IS NOT NULL"
               " FROM audit_events WHERE type = 'configuration' ORDER BY n",
               "products/fx30s.conf|0|1\nstation.conf|0|1\nproducts/b.conf|0|1\nstation.conf|1|1\n"
               "products/b.conf|1|0");
    assert_sql(f->path,
               "SELECT body ->> '$.data.sha256' FROM audit_events WHERE body ->> '$.data.file' = 'station.conf'"
               " ORDER BY n DESC LIMIT 1",
               sha256);
}

static void
test_seal_stays(Station *f, gconstpointer data)
{
    work(f);
    run(f, "chmod 644 audit/seal.key");
    assert_closed(f, KL_ERROR_SEAL_EXPOSED);
    run(f, "chmod 600 audit/seal.key && mv audit kept");
    assert_closed(f, KL_ERROR_SEAL_MISSING);
    run(f, "mkdir audit && cp kept/station.pem audit/");
    assert_closed(f, KL_ERROR_SEAL_MISSING);
    run(f, "test ! -e audit/seal.key && rm -r audit && mv kept audit");
    work(f);
    assert_sql(f->path, "SELECT count(*) FROM audit_events WHERE type = 'audit-key'", "1");
}

/* One that is lost for good, or that others have: another is made when that is said, and why. */
static void
test_new_seal(Station *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    work(f);
    run(f, "rm audit/seal.key");
    assert_closed(f, KL_ERROR_SEAL_MISSING);
    g_assert_true(kl_station_new_seal(f->dir, "disk died", &error));
    g_assert_no_error(error);
    assert_sql(f->path, TYPES_AFTER(8), "act audit-key checkpoint");
    assert_sql(f->path, "SELECT reason FROM acts WHERE what = 'new-seal'", "disk died");
    g_autoptr(KlStation) running = kl_station_open(f->dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(kl_station_new_seal(f->dir, "again", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_BUSY);
}

/* A station from before there was a journal gets its seal when work begins. */
static void
test_older_station(Station *f, gconstpointer data)
{
    run(f, "rm -r audit keyline.db");
    kl_store_free(open_store(f->path));
    work(f);
    assert_sql(f->path, TYPES_AFTER(0), "journal-begin audit-key program-start configuration configuration checkpoint");
    work(f);
}

static char *
journal_finding(const Station *f)
{
    g_autoptr(GPtrArray) findings = kl_station_doctor(f->dir, NULL);
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = g_ptr_array_index(findings, i);
        if (g_str_equal(finding->title, "Journal"))
            return g_strdup_printf("%d %s", finding->ok, finding->detail);
    }
    return NULL;
}

static void
test_doctor(Station *f, gconstpointer data)
{
    g_autofree char *fresh = journal_finding(f);
    g_assert_true(g_str_has_prefix(fresh, "1 4 events, no checkpoint yet; seal "));
    assert_sql(f->path, TYPES_AFTER(4), "doctor");
    assert_sql(f->path,
               "SELECT value ->> '$.state' FROM audit_events, json_each(body, '$.data.findings')"
               " WHERE audit_events.type = 'doctor' AND value ->> '$.title' = 'Database'",
               "ok");
    work(f);
    g_autofree char *later = journal_finding(f);
    g_assert_nonnull(strstr(later, "last checkpoint at 8"));
    run(f, "chmod 644 audit/seal.key");
    g_autofree char *exposed = journal_finding(f);
    g_assert_cmpint(exposed[0], ==, '0');

    /* Not told by who must not write: the findings come all the same. */
    run(f, "chmod 600 audit/seal.key");
    g_autoptr(KlStation) other = kl_station_open(f->dir, KL_STATION_RUN, NULL, NULL);
    g_autofree char *before = sqlite(f->path, "SELECT max(n) FROM audit_events");
    g_autofree char *beside = journal_finding(f);
    g_assert_nonnull(beside);
    assert_sql(f->path, "SELECT max(n) FROM audit_events", before);
    g_autoptr(GPtrArray) running = kl_station_doctor_running(other);
    assert_sql(f->path, "SELECT type FROM audit_events ORDER BY n DESC LIMIT 1", "doctor");
}

static void
test_acts(Station *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStation) running = kl_station_open(f->dir, KL_STATION_RUN, NULL, NULL);
    g_assert_true(kl_station_note_act(f->dir, "ca-create", "CN", NULL, &error)); /* beside the running station */
    g_assert_true(kl_station_note_act("/no/such/folder", "ca-create", NULL, NULL, &error));
    g_autofree char *told = g_strdup_printf("%s|engineer|ca-create|CN", g_get_user_name());
    assert_sql(f->path,
               "SELECT body ->> '$.data.who', body ->> '$.data.role', body ->> '$.data.what',"
               " body ->> '$.data.subject' FROM audit_events WHERE type = 'act' ORDER BY n DESC LIMIT 1",
               told);
}

#define ADD(name, function) g_test_add(name, Station, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/station-journal/begins", test_begins);
    ADD("/station-journal/configuration", test_configuration);
    ADD("/station-journal/seal-stays", test_seal_stays);
    ADD("/station-journal/new-seal", test_new_seal);
    ADD("/station-journal/older-station", test_older_station);
    ADD("/station-journal/doctor", test_doctor);
    ADD("/station-journal/acts", test_acts);
    return g_test_run();
}
