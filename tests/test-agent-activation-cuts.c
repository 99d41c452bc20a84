/* The unit's first boot through power cuts at every write and between any two events, lost and repeated messages, and
 * what is left of a state that was damaged or half reset. */
#include "tests/boot_ways.h"

static void
run_to_the_end(World *world, gboolean lossy)
{
    for (guint i = 0; i < 5000; i++) {
        KlAgentBootStatus status = world_status(world);
        if (status.state == KL_AGENT_BOOT_ACTIVE && status.trouble == KL_AGENT_TROUBLE_FINE && world->row_version == 3)
            return;
        if (lossy && g_test_rand_int_range(0, 12) == 0)
            world_power_on(world);
        else if (lossy && g_test_rand_int_range(0, 12) == 0)
            kl_agent_boot_lost(world->boot, KL_AGENT_TROUBLE_UNREACHABLE, NULL);
        else
            step(world, lossy);
    }
    g_error("stuck: state %d, trouble %s, row %d, its version %d", world_status(world).state,
            world_status(world).detail, world->row, (int)world->row_version);
}

static void
assert_end(const World *world)
{
    g_assert_cmpint(world->row, ==, 2);
    g_assert_cmpuint(world->connections, ==, 0);
    g_assert_cmpint(world->row_version, ==, 3);
    g_assert_cmpmem(world->software->data, world->software->len, SOFTWARE, strlen(SOFTWARE));
}

/* The power goes at each write, before it has its effect; whatever was said before has been heard. */
static void
test_power_cut_at_write(void)
{
    for (guint cut = 1;; cut++) {
        g_autoptr(World) world = world_new();
        g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
        g_assert_cmpuint(world->device.log->len, ==, 1);
        world->device.changes_left = cut - 1;
        run_to_the_end(world, FALSE);
        assert_end(world);
        if (world->device.changes_left != NO_FAULT && world->device.changes_left > 0) {
            g_assert_cmpuint(cut, >, 5); /* parameters, confirm, update, report, active: a cut at each of them */
            return;
        }
    }
}

/* Power cuts, lost connections, and messages that are lost or acknowledged twice, anywhere. */
static void
test_random(void)
{
    guint runs = g_test_slow() ? 5000 : 150;
    for (guint i = 0; i < runs; i++) {
        g_autoptr(World) world = world_new();
        g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
        run_to_the_end(world, TRUE);
        assert_end(world);
    }
}

/* A message that is said again, in the same life or after a power cut, has the same id; another start has others. */
static void
test_ids(void)
{
    g_autoptr(World) world = world_new();
    reach_requested(world);
    g_autofree char *first = id_of(world_last(world, WORLD_BS "register/request")->payload);
    event_time(world);
    g_assert_true(world_turn(world));
    g_autofree char *second = id_of(world_last(world, WORLD_BS "register/request")->payload);
    g_assert_cmpuint(world->said->len, ==, 2);
    world_power_on(world);
    world_link(world);
    g_autofree char *third = id_of(world_last(world, WORLD_BS "register/request")->payload);
    g_assert_cmpstr(first, ==, second);
    g_assert_cmpstr(first, ==, third);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    reach_requested(world);
    g_autofree char *other = id_of(world_last(world, WORLD_BS "register/request")->payload);
    g_assert_cmpstr(first, !=, other);
}

/* --- what is left --- */

/* A damaged record, and one whose parameters are gone. */
static void
test_damaged_state(void)
{
    g_autoptr(World) world = world_new();
    reach_active(world);
    g_hash_table_remove(world->device.items, KL_BOOT_RECEIVED);
    world_power_on(world);
    world_link(world);
    world_last(world, WORLD_BS "register/request");
    GByteArray *record = g_hash_table_lookup(world->device.items, KL_BOOT_RECORD);
    record->data[4] = 99;
    world_power_on(world);
    assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
}

/* A reset that loses its power anywhere leaves a unit that another reset makes fresh, with the factory's software. */
static void
test_reset_power_cut(void)
{
    for (guint cut = 0; cut < 4; cut++) {
        g_autoptr(World) world = world_new();
        reach_active(world);
        world->device.changes_left = cut;
        g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, cut < 3 ? KL_AGENT_E_STORE : 0);
        assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
        g_assert_cmpint(world->software == NULL, ==, cut > 0);
        world_power_on(world);
        g_assert_cmpint(world_status(world).version, ==, cut == 0 ? 3 : 0);
        g_assert_cmpint(world_status(world).state, ==, cut < 2 ? KL_AGENT_BOOT_CONNECTING : KL_AGENT_BOOT_FRESH);
        g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
        g_assert_null(world->software);
        world_power_on(world);
        assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
        reach_active(world);
    }
}

/* A hook that can't take the software back: the unit is not fresh until it can. */
static void
test_not_reverted(void)
{
    g_autoptr(World) world = world_new();
    reach_active(world);
    world->apply_fails = TRUE;
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, KL_AGENT_E_NOT_APPLIED);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, KL_AGENT_E_NOT_APPLIED);
    world_power_on(world);
    g_assert_cmpint(world_status(world).state, ==, KL_AGENT_BOOT_CONNECTING);
    world->apply_fails = FALSE;
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    g_assert_null(world->software);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-activation-cuts/power-cut-at-write", test_power_cut_at_write);
    g_test_add_func("/agent-activation-cuts/random", test_random);
    g_test_add_func("/agent-activation-cuts/ids", test_ids);
    g_test_add_func("/agent-activation-cuts/damaged-state", test_damaged_state);
    g_test_add_func("/agent-activation-cuts/reset-power-cut", test_reset_power_cut);
    g_test_add_func("/agent-activation-cuts/not-reverted", test_not_reverted);
    return g_test_run();
}
