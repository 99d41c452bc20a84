/* The simulated line's hands: units pulled out and plugged in by lines of text. */
#include <string.h>

#include "drivers/at_wp77/sim/sim_control.h"

static void
assert_answer(KlSim *sim, guint *next, const char *line, const char *beginning)
{
    g_autofree char *answer = kl_sim_control(sim, 2, next, line);
    if (!g_str_has_prefix(answer, beginning))
        g_error("'%s' is answered '%s', not '%s...'", line, answer, beginning);
}

static gboolean
link_there(const KlSim *sim, guint slot)
{
    g_autofree char *address = kl_sim_address(sim, slot, KL_SIM_AGENT);
    return g_file_test(address + strlen("pty:"), G_FILE_TEST_EXISTS);
}

static void
test_plug(void)
{
    g_autofree char *dir = g_dir_make_tmp("keyline-control-XXXXXX", NULL);
    KlSimOptions options = {.units = 2, .dir = dir};
    g_autoptr(GError) error = NULL;
    guint next = 2;
    KlSim *sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
    g_autofree char *before = g_strdup(kl_sim_fsn(sim, 2));

    assert_answer(sim, &next, "unplug 2\n", "ok unplug 2");
    g_assert_false(link_there(sim, 2));
    g_assert_true(link_there(sim, 1));
    assert_answer(sim, &next, "plug 2 wrong-proof cme@key*1\n", "ok plug 2 4L");
    g_assert_true(link_there(sim, 2));
    g_assert_cmpstr(kl_sim_fsn(sim, 2), !=, before);
    g_assert_cmpuint(next, ==, 3);

    static const char *const wrong[] = {
        "",        "plug",    "plug 0",    "plug 3",   "plug 2x", "pull 1", "plug 1 no-such-fault",
        "field 3", "clone 1", "clone 1 1", "clone 1 3"};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_answer(sim, &next, wrong[i], "error");
    g_assert_cmpuint(next, ==, 3);

    g_autofree char *original = g_strdup(kl_sim_fsn(sim, 1));
    assert_answer(sim, &next, "field 1\n", "ok field 1 4L");
    g_assert_cmpstr(kl_sim_fsn(sim, 1), ==, original);
    assert_answer(sim, &next, "clone 2 1\n", "ok clone 2 4L");
    g_assert_cmpstr(kl_sim_fsn(sim, 2), ==, original);
    g_assert_true(link_there(sim, 1) && link_there(sim, 2));
    kl_sim_stop(sim);
    g_autofree char *remove = g_strdup_printf("rm -rf %s", dir);
    g_assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/control", test_plug);
    return g_test_run();
}
