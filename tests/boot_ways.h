/* The ways through a first boot that its tests go, what may happen on them, and the service at the other end. */
#pragma once

#include "tests/boot_world.h"

#define SOFTWARE "print('new')\n"

static inline void
assert_status(const World *world, KlAgentBootState state, KlAgentBootTrouble trouble)
{
    KlAgentBootStatus status = world_status(world);
    g_test_message("state %d trouble %d: %s", status.state, status.trouble, status.detail);
    g_assert_cmpint(status.state, ==, state);
    g_assert_cmpint(status.trouble, ==, trouble);
    g_assert_cmpint(status.detail[0] == '\0', ==, trouble == KL_AGENT_TROUBLE_FINE);
}

/* --- the way there --- */

static inline void
reach_connecting(World *world)
{
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
    g_assert_true(world_turn(world));
}

static inline void
reach_requested(World *world)
{
    g_assert_cmpint(kl_agent_boot_start(world->boot), ==, 0);
    world_link(world);
}

static inline void
reach_confirmed(World *world)
{
    reach_requested(world);
    g_assert_cmpint(world_tell_text(world, WORLD_BS "parameters/", world->parameters), ==, 0);
}

static inline void
reach_updating(World *world)
{
    reach_confirmed(world);
    world_ack(world, WORLD_BS "register/ok");
}

static inline void
reach_report(World *world)
{
    reach_updating(world);
    g_assert_cmpint(world_tell_notice(world, 3, SOFTWARE), ==, 0);
    g_assert_cmpint(world_tell_software(world, SOFTWARE), ==, 0);
}

static inline void
reach_active(World *world)
{
    reach_report(world);
    world_ack(world, WORLD_DM "update/ok");
}

/* --- what happens --- */

static inline void
event_parameters(World *world)
{
    world_tell_text(world, WORLD_BS "parameters/", world->parameters);
}

static inline void
event_software(World *world)
{
    world_tell_software(world, SOFTWARE);
    world_tell_notice(world, 3, SOFTWARE);
}

static inline void
event_time(World *world)
{
    world->now_ms += MAX(WORLD_ANSWER_MS, 20000) + 1;
    kl_agent_boot_tick(world->boot);
}

/* --- the service --- */

static inline char *
id_of(const char *payload)
{
    const char *id = strstr(payload, "\"id\":\"");
    return id != NULL ? g_strndup(id + 6, KL_BOOT_ID_CHARS) : NULL;
}

/* The service's rules (station/activation/README.md): answers by the row, counts what should not come, but nothing
 * twice. */
static inline void
answer(World *world, const Said *said)
{
    g_autofree char *id = id_of(said->payload);
    if (id == NULL)
        return; /* telemetry */
    gboolean again = !g_hash_table_add(world->ids, g_strdup(id));
    if (strcmp(said->topic, WORLD_BS "register/request") == 0) {
        world->connections += world->row == 2 && !again;
        if (world->row == 2)
            return;
        world->row = 1;
        world_tell_text(world, WORLD_BS "parameters/", world->parameters);
        world_tell_text(world, WORLD_BS "parameters/topic", WORLD_TOPIC);
    } else if (strcmp(said->topic, WORLD_BS "register/ok") == 0) {
        world->connections += world->row != 1 && !again;
        world->row = world->row == 1 ? 2 : world->row;
    } else if (strcmp(said->topic, WORLD_DM "version/request") == 0 && world->row == 2) {
        world_tell_notice(world, 3, SOFTWARE);
        world_tell_software(world, SOFTWARE);
    } else if (strcmp(said->topic, WORLD_DM "update/ok") == 0 && world->row == 2) {
        world->row_version = g_ascii_strtoll(said->payload + strlen("{\"version\":"), NULL, 10);
    }
}

/* One thing happens: a message is taken and answered, or time passes. */
static inline void
step(World *world, gboolean lossy)
{
    if (world->device.changes_left == 0) { /* the power is gone, the store has told so */
        world_power_on(world);
        return;
    }
    for (guint i = 0; world->connected && i < world->said->len; i++) {
        Said *said = world->said->pdata[i];
        if (said->done)
            continue;
        said->done = TRUE;
        g_autofree char *topic = g_strdup(said->topic); /* what follows may end the connection, and free it */
        g_autofree char *payload = g_strdup(said->payload);
        const Said copy = {topic, payload, said->ticket, TRUE};
        gboolean acked = !lossy || g_test_rand_int_range(0, 5) != 0;
        gboolean heard = acked && (!lossy || g_test_rand_int_range(0, 5) != 0);
        if (acked && g_test_rand_bit())
            kl_agent_boot_published(world->boot, copy.ticket, true);
        if (heard)
            answer(world, &copy);
        if (acked)
            kl_agent_boot_published(world->boot, copy.ticket, true);
        return;
    }
    world_turn(world);
    if (world->connected && world_status(world).state == KL_AGENT_BOOT_CONNECTING)
        world_link(world);
}
