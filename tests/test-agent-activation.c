/* The unit's first boot in a made-up world: every state and what may happen in it, how it waits, and its rehearsals. */
#include "drivers/at_wp77/agent/json_flat.h"
#include "tests/boot_ways.h"

static void
reach_fresh(World *world)
{
}

static void
reach_failed(World *world)
{
    g_assert_cmpint(kl_agent_boot_rehearse(world->boot, "127.0.0.1:1", (const guint8[32]){1}), ==, 0);
    world_link(world);
    kl_agent_boot_lost(world->boot, KL_AGENT_TROUBLE_REFUSED, "no");
}

static void
test_way(void)
{
    g_autoptr(World) world = world_new();
    assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpuint(kl_agent_boot_tick(world->boot), ==, KL_BOOT_NEVER);
    reach_active(world);
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpuint(world->applies, ==, 1);
    g_assert_cmpmem(world->software->data, world->software->len, SOFTWARE, strlen(SOFTWARE));
    static const char *const topics[] = {WORLD_BS "register/request", WORLD_BS "register/ok",
                                         WORLD_DM "version/request", WORLD_DM "update/ok", WORLD_TOPIC};
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    g_assert_cmpuint(world->said->len, ==, G_N_ELEMENTS(topics));
    for (guint i = 0; i < world->said->len; i++) {
        const Said *said = world->said->pdata[i];
        g_assert_cmpstr(said->topic, ==, topics[i]);
        g_assert_true(g_hash_table_add(ids, said->payload));
        g_assert_true(kl_json_is_object(said->payload, strlen(said->payload)));
    }
    KlAgentBootStatus status = world_status(world);
    g_assert_cmpint(status.version, ==, 3);
    g_assert_cmpstr(status.topic, ==, WORLD_TOPIC);
    g_assert_cmpstr(status.endpoint, ==, "broker.example:8883");
    /* The factory's own items are as they were. */
    g_assert_null(g_hash_table_lookup(world->device.items, "parameters"));

    /* Telemetry comes at its interval, but never two of them unacknowledged. */
    guint64 before = world->now_ms;
    g_assert_true(world_turn(world));
    g_assert_cmpuint(world->now_ms - before, ==, WORLD_TELEMETRY_MS);
    g_assert_cmpuint(world->said->len, ==, G_N_ELEMENTS(topics));
    world_ack(world, WORLD_TOPIC);
    g_assert_true(world_turn(world));
    g_assert_cmpuint(world->said->len, ==, G_N_ELEMENTS(topics) + 1);
}

/* --- every state, and what may happen in it --- */

static void
event_connected(World *world)
{
    kl_agent_boot_connected(world->boot);
}

static void
event_subscribed(World *world)
{
    kl_agent_boot_subscribed(world->boot, true);
}

static void
event_not_granted(World *world)
{
    kl_agent_boot_subscribed(world->boot, false);
}

static void
event_taken(World *world)
{
    for (int ticket = 0; ticket <= world->tickets + 1; ticket++)
        kl_agent_boot_published(world->boot, ticket, true);
}

static void
event_not_taken(World *world)
{
    for (int ticket = 0; ticket <= world->tickets + 1; ticket++)
        kl_agent_boot_published(world->boot, ticket, false);
}

static void
event_bad_parameters(World *world)
{
    world_tell_text(world, WORLD_BS "parameters/", "{}");
}

static void
event_bad_software(World *world)
{
    world_tell_software(world, "another");
    world_tell_notice(world, 3, SOFTWARE);
}

static void
event_ignored(World *world)
{
    g_assert_cmpint(world_tell_text(world, "bs/device/FX30S-000002/parameters/", world->parameters), ==,
                    KL_AGENT_E_MESSAGE_FOREIGN);
    g_assert_cmpint(kl_agent_boot_message(world->boot, WORLD_BS "parameters/", (const guint8 *)"{}", 2, true), ==,
                    KL_AGENT_E_MESSAGE_FOREIGN);
    world_tell_text(world, WORLD_DM "update/ok", "{\"version\":9}");
    world_tell_text(world, WORLD_BS "parameters/topic", "elsewhere");
    world_tell_text(world, WORLD_BS "credentials/key", "a key");
}

static void
event_lost(World *world)
{
    kl_agent_boot_lost(world->boot, KL_AGENT_TROUBLE_UNREACHABLE, "gone");
}

static void
event_power_cut(World *world)
{
    world_power_on(world);
}

static void
event_start(World *world)
{
    kl_agent_boot_start(world->boot);
}

static void
event_rehearse(World *world)
{
    kl_agent_boot_rehearse(world->boot, "127.0.0.1:2", (const guint8[32]){2});
}

static void
event_reset(World *world)
{
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
}

static const struct {
    const char *name;
    void (*happen)(World *world);
} events[] = {
    {"connected", event_connected},
    {"subscribed", event_subscribed},
    {"not granted", event_not_granted},
    {"taken", event_taken},
    {"not taken", event_not_taken},
    {"parameters", event_parameters},
    {"bad parameters", event_bad_parameters},
    {"software", event_software},
    {"bad software", event_bad_software},
    {"ignored", event_ignored},
    {"lost", event_lost},
    {"time", event_time},
    {"power cut", event_power_cut},
    {"start", event_start},
    {"rehearse", event_rehearse},
    {"reset", event_reset},
};

/* One letter an event, in their order: f fresh, c connecting, q requested, o confirmed, u updating, a active, x failed.
 */
static const struct {
    const char *name;
    void (*reach)(World *world);
    const char *become;
} states[] = {
    {"fresh", reach_fresh, "fffffffffffffccf"},
    {"connecting", reach_connecting,
     "cqccccccccccccc"
     "f"},
    {"requested", reach_requested, "qqqqqoqqqqcqcqqf"},
    {"confirmed", reach_confirmed, "ooouoooooococoof"},
    {"updating", reach_updating, "uuuuuuuuuucacuuf"},
    {"report", reach_report, "uuuauuuuuucucuuf"},
    {"active", reach_active, "aaaaaaauaacacaaf"},
    {"failed", reach_failed, "xxxxxxxxxxxxfxcf"},
};

static void
test_table(void)
{
    static const char letters[] = "fcqouax";
    for (gsize s = 0; s < G_N_ELEMENTS(states); s++) {
        g_assert_cmpuint(strlen(states[s].become), ==, G_N_ELEMENTS(events));
        for (gsize e = 0; e < G_N_ELEMENTS(events); e++) {
            g_autoptr(World) world = world_new();
            states[s].reach(world);
            events[e].happen(world);
            char became = letters[world_status(world).state];
            if (became != states[s].become[e]) {
                g_test_message("%s, %s: %c, not %c", states[s].name, events[e].name, became, states[s].become[e]);
                g_test_fail();
            }
        }
    }
}

/* What begins when, and what refuses to. */
static void
test_commands(void)
{
    const guint8 pin[32] = {1};
    g_autoptr(World) world = world_new();
    world->self_error = KL_AGENT_E_BOOT_INCOMPLETE;
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, KL_AGENT_E_BOOT_INCOMPLETE);
    assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpuint(world->device.log->len, ==, 0);
    world->self_error = 0;
    g_assert_cmpint(kl_agent_boot_rehearse(world->boot, "127.0.0.1:1", pin), ==, 0);
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, KL_AGENT_E_BOOT_BEGUN);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
    g_assert_cmpint(kl_agent_boot_rehearse(world->boot, "127.0.0.1:1", pin), ==, KL_AGENT_E_BOOT_BEGUN);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);

    /* What can't be stored has not begun. */
    world->device.fail_op = "item_write";
    world->device.fail_with = KL_AGENT_E_STORE_FULL;
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, KL_AGENT_E_STORE_FULL);
    assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
}

/* --- waiting --- */

static guint64
wait_after_loss(World *world)
{
    guint64 before = world->now_ms;
    guint connects = world->connects;
    kl_agent_boot_lost(world->boot, KL_AGENT_TROUBLE_UNREACHABLE, NULL);
    while (world->connects == connects)
        g_assert_true(world_turn(world));
    return world->now_ms - before;
}

static void
test_backoff(void)
{
    g_autoptr(World) world = world_new();
    world->chance = 0xffffffff;
    reach_connecting(world);
    guint64 longest = 1000;
    for (guint i = 0; i < 40; i++) {
        guint64 wait = wait_after_loss(world);
        g_assert_cmpuint(wait, <=, longest);
        g_assert_cmpuint(wait, >=, longest - 1);
        longest = MIN(longest * 2, 900000);
    }
    g_assert_cmpuint(longest, ==, 900000);
    world->chance = 0x80000000; /* full jitter: any part of that */
    g_assert_cmpuint(wait_after_loss(world), ==, 450000);
    world->chance = 1;
    g_assert_cmpuint(wait_after_loss(world), ==, 0);

    /* Who gets further begins with short waits again. */
    world->chance = 0xffffffff;
    world_link(world);
    world_tell_text(world, WORLD_BS "parameters/", world->parameters);
    g_assert_cmpuint(wait_after_loss(world), <=, 1000);
}

/* A link that does not come about is given up. */
static void
test_link_timeout(void)
{
    g_autoptr(World) world = world_new();
    reach_connecting(world);
    event_time(world);
    assert_status(world, KL_AGENT_BOOT_CONNECTING, KL_AGENT_TROUBLE_UNREACHABLE);
    g_assert_false(world->connected);
    kl_agent_boot_connected(world->boot); /* too late */
    kl_agent_boot_subscribed(world->boot, true);
    g_assert_cmpuint(world->subscribes, ==, 0);
    world->mute = TRUE;
    world_link(world);
    assert_status(world, KL_AGENT_BOOT_CONNECTING, KL_AGENT_TROUBLE_UNREACHABLE);
    world->mute = FALSE;
    world->self_error = KL_AGENT_E_BOOT_INCOMPLETE;
    g_assert_true(world_turn(world));
    assert_status(world, KL_AGENT_BOOT_CONNECTING, KL_AGENT_TROUBLE_INCOMPLETE);
    world->self_error = 0;
    world_link(world);
    g_assert_cmpint(world_status(world).state, ==, KL_AGENT_BOOT_REQUESTED);
}

/* --- rehearsals --- */

/* It goes all the way, keeps nothing, and its first trouble is its last. */
static void
test_rehearsal(void)
{
    const guint8 pin[32] = {1};
    g_autoptr(World) world = world_new();
    g_assert_cmpint(kl_agent_boot_rehearse(world->boot, "10.0.0.1:1234", pin), ==, 0);
    world_link(world);
    g_assert_cmpstr(world->address, ==, "10.0.0.1:1234");
    for (guint i = 0; world_status(world).state != KL_AGENT_BOOT_ACTIVE && i < 100; i++)
        step(world, FALSE);
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpint(world_status(world).version, ==, 3);
    g_assert_true(world_status(world).rehearsal);
    g_assert_cmpint(world->row, ==, 2);
    g_assert_cmpuint(world->applies, ==, 0);
    g_assert_cmpuint(world->device.log->len, ==, 0);
    world_last(world, WORLD_TOPIC);
    world_power_on(world);
    assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
}

/* A rehearsal may have no software for the unit: it is active all the same, and asks no more. */
static void
test_rehearsal_without_software(void)
{
    g_autoptr(World) world = world_new();
    event_rehearse(world);
    world_link(world);
    event_parameters(world);
    world_ack(world, WORLD_BS "register/ok");
    event_time(world);
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_NO_ANSWER);
    guint before = world->said->len;
    world_last(world, WORLD_TOPIC);
    world->now_ms += WORLD_TELEMETRY_MS - 1;
    kl_agent_boot_tick(world->boot);
    g_assert_cmpuint(world->said->len, ==, before);
}

static void
test_rehearsal_ends(void)
{
    static const struct {
        void (*happen)(World *world);
        KlAgentBootTrouble trouble;
    } rows[] = {
        {event_lost, KL_AGENT_TROUBLE_UNREACHABLE},
        {event_time, KL_AGENT_TROUBLE_NO_ANSWER},
        {event_bad_parameters, KL_AGENT_TROUBLE_BAD_PARAMETERS},
        {event_not_taken, KL_AGENT_TROUBLE_REFUSED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(World) world = world_new();
        event_rehearse(world);
        world_link(world);
        rows[i].happen(world);
        assert_status(world, KL_AGENT_BOOT_FAILED, rows[i].trouble);
        g_assert_false(world->connected);
        g_assert_cmpuint(kl_agent_boot_tick(world->boot), ==, KL_BOOT_NEVER);
        g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
        assert_status(world, KL_AGENT_BOOT_FRESH, KL_AGENT_TROUBLE_FINE);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-activation/way", test_way);
    g_test_add_func("/agent-activation/table", test_table);
    g_test_add_func("/agent-activation/commands", test_commands);
    g_test_add_func("/agent-activation/backoff", test_backoff);
    g_test_add_func("/agent-activation/link-timeout", test_link_timeout);
    g_test_add_func("/agent-activation/rehearsal", test_rehearsal);
    g_test_add_func("/agent-activation/rehearsal-without-software", test_rehearsal_without_software);
    g_test_add_func("/agent-activation/rehearsal-ends", test_rehearsal_ends);
    return g_test_run();
}
