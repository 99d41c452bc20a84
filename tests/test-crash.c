/* SIGKILL at every boundary of the journal, before and after the commit, then another run: one live certificate, one
 * row, the key that the unit made is the key that it keeps, and no job is lost. */
#include <string.h>

#include "tests/crash_run.h"
#include "tests/journal_check.h"

#define REASON "the drill"

static void
assert_consistent(const KlLineRig *rig, const KlRecord *record, guint jobs, gboolean reprovisioned)
{
    guint made = reprovisioned ? 2 : 1;
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("%s: %s", record->code, record->detail);
    g_autofree char *expected = g_strdup_printf("live certificates 1 of %u\nkeys 1 of %u\nregistrations 1\n"
                                                "running jobs 0 of %u\nopen intents 0",
                                                made, made, jobs);
    g_autofree char *found = kl_line_rig_sql(
        rig, "SELECT 'live certificates ' || count(*) FILTER (WHERE status = 'live') || ' of ' || count(*)"
             " FROM certificates;"
             "SELECT 'keys ' || count(*) FILTER (WHERE retired_us IS NULL) || ' of ' || count(*) FROM keys;"
             "SELECT 'registrations ' || count(*) FROM registration;"
             "SELECT 'running jobs ' || count(*) FILTER (WHERE outcome = 'RUNNING') || ' of ' || count(*) FROM jobs;"
             "SELECT 'open intents ' || count(*) FROM intents WHERE closed_us IS NULL;");
    g_assert_cmpstr(found, ==, expected);
    g_autofree char *agree =
        g_strdup_printf("diff <(openssl pkey -in '%s/key-keyline.pem' -pubout) "
                        "<(openssl x509 -in '%s/item-certificate' -noout -pubkey) && "
                        "openssl verify -CAfile \"$S/ca/ca.pem\" '%s/item-certificate'",
                        kl_sim_unit_dir(rig->sim, 1), kl_sim_unit_dir(rig->sim, 1), kl_sim_unit_dir(rig->sim, 1));
    g_free(kl_line_rig_shell(rig, agree));
}

/* Also of a job that was broken off: what the tables have, the journal has, and nothing else. */
static void
check_rig_journal(const KlLineRig *rig)
{
    g_autofree char *path = g_build_filename(rig->station_dir, "keyline.db", NULL);
    check_journal(path);
}

static KlLineRig *
new_rig(void)
{
    static const char *const product[] = {"key.lock=false", NULL};
    KlSimOptions options = {.units = 1, .one_port = TRUE};
    return kl_line_rig_new(&options, product);
}

/* How often the journal is written in one job; the drill ends when a boundary does not come any more. */
static void
drill(const char *when, const char *reason)
{
    guint nth = 1;
    for (;; nth += CASE_STEP) {
        g_autoptr(KlLineRig) rig = new_rig();
        guint jobs = 0;
        if (reason != NULL) {
            g_autoptr(KlRecord) first = kl_line_rig_provision(rig, 1, NULL);
            g_assert_cmpint(first->outcome, ==, KL_OUTCOME_PASS);
            jobs++;
        }
        kl_line_rig_close(rig);
        gboolean killed = run_and_kill(rig, nth, when, reason);
        check_rig_journal(rig);
        /* Before its own head is committed, a job does not exist. */
        gboolean begun = !(killed && nth == 1 && g_str_equal(when, "before"));
        jobs += begun ? 1 : 0;
        kl_line_rig_reopen(rig);
        g_autofree char *key_before = kl_line_rig_sql(rig, "SELECT spki_sha256 FROM keys WHERE retired_us IS NULL");
        g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, NULL);
        gboolean reprovisioning = reason != NULL && nth > 1;
        g_autofree char *intents = kl_line_rig_sql(rig, "SELECT count(*) FROM intents WHERE kind = 'REPROVISION'");
        assert_consistent(rig, record, jobs + 1, reprovisioning && g_str_equal(intents, "1"));
        g_autofree char *key_after = kl_line_rig_sql(rig, "SELECT spki_sha256 FROM keys WHERE retired_us IS NULL");
        if (*key_before != '\0')
            g_assert_cmpstr(key_before, ==, key_after); /* never made anew in silence */
        check_rig_journal(rig);
        if (!killed)
            break;
    }
    g_test_message("%u boundaries", nth - 1);
    g_assert_cmpuint(nth, >, 8);
}

static void
test_before(void)
{
    drill("before", NULL);
}

static void
test_after(void)
{
    drill("after", NULL);
}

static void
test_reprovision_before(void)
{
    drill("before", REASON);
}

static void
test_reprovision_after(void)
{
    drill("after", REASON);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crash/first/before", test_before);
    g_test_add_func("/crash/first/after", test_after);
    g_test_add_func("/crash/reprovision/before", test_reprovision_before);
    g_test_add_func("/crash/reprovision/after", test_reprovision_after);
    return g_test_run();
}
