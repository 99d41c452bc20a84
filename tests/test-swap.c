/* Units that are swapped while the station works on one: the other one is left as it is, and nobody passes for it. */
#include <string.h>

#include "tests/rig/bent_driver.h"

#define ONE 1 /* the slot that is worked on */
#define OTHER 2

/* A hash over everything that a unit stores, as the shell sees it. */
static char *
state_of(const KlLineRig *rig, guint slot)
{
    g_autofree char *command = g_strdup_printf("cd '%s' && sha256sum key-* item-* $(ls lock-* 2>/dev/null || true)",
                                               kl_sim_unit_dir(rig->sim, slot));
    return kl_line_rig_shell(rig, command);
}

typedef struct {
    const char *name;
    const char *after; /* the call after which the unit is swapped */
    gboolean reprovision;
} Case;

static const Case cases[] = {
    {"erase", "key_status", TRUE}, /* the first one: the precheck's */
    {"install", "get_csr", FALSE},
    {"lock", "prove", FALSE},
};

/* The unit that comes into the slot is a good one, provisioned, with a key that could be erased or locked. */
static void
try_swap(const Case *c, KlBend bend)
{
    KlSimOptions options = {.units = 2, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, NULL);
    KlProfile profile = *kl_station_profile(rig->station);
    KlJobRequest request = {.reprovision_reason = c->reprovision ? "a drill" : NULL};
    KlPorts other = kl_bent_ports(rig, OTHER);
    KlBentDriver how = {.call = c->after, .nth = 1, .bend = bend, .other = &other};

    g_autoptr(KlRecord) good = kl_line_rig_provision(rig, OTHER, NULL);
    g_assert_cmpint(good->outcome, ==, KL_OUTCOME_PASS);
    g_autofree char *before = state_of(rig, OTHER);
    profile.lock = !c->reprovision;
    if (c->reprovision)
        kl_record_free(kl_line_rig_provision(rig, ONE, NULL));

    g_autoptr(KlRecord) record = kl_bent_run(rig, ONE, &how, &profile, &request);
    g_assert_true(how.struck);
    g_assert_cmpstr(record->code, ==, kl_error_name(KL_ERROR_UNIT_CHANGED));
    g_assert_cmpstr(record->unit->imei, ==, kl_sim_imei(rig->sim, ONE));
    g_autofree char *now = state_of(rig, OTHER);
    g_assert_cmpstr(now, ==, before);
    kl_line_rig_assert_deserved(rig, OTHER, good);

    /* Each of them passes when it is left alone. */
    g_autoptr(KlRecord) again = kl_bent_run(rig, ONE, NULL, &profile, NULL);
    g_assert_cmpstr(again->code, ==, NULL);
    kl_line_rig_assert_deserved(rig, ONE, again);
}

static void
test_loud(gconstpointer c)
{
    try_swap(c, KL_BEND_SWAP_LOUD);
}

static void
test_silent(gconstpointer c)
{
    try_swap(c, KL_BEND_SWAP_SILENT);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *loud = g_strdup_printf("/swap/loud/%s", cases[i].name);
        g_autofree char *silent = g_strdup_printf("/swap/silent/%s", cases[i].name);
        g_test_add_data_func(loud, &cases[i], test_loud);
        g_test_add_data_func(silent, &cases[i], test_silent);
    }
    return g_test_run();
}
