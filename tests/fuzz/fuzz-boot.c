/* What a hostile broker could tell a unit in its first boot: byte 0 says where the boot is, byte 1 on which topic, and
 * the rest is the message. The boot lives on, nothing is applied that nobody signed, and the readers of JSON and of
 * Base64 agree with GLib's. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "drivers/at_wp77/agent/json_flat.h"
#include "tests/boot_world.h"
#include "tests/fuzz/fuzz.h"

static World *world;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    world = world_new();
    world->chance = 0x12345678;
    return 0;
}

static void
reach(guint stage)
{
    world_power_on(world);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    g_assert_cmpint(stage == 3 ? kl_agent_boot_rehearse(world->boot, "a:1", (const guint8[32]){0})
                               : kl_agent_boot_start(world->boot),
                    ==, 0);
    world_link(world);
    if (stage != 1 && stage != 2)
        return;
    g_assert_cmpint(world_tell_text(world, WORLD_BS "parameters/", world->parameters), ==, 0);
    world_ack(world, WORLD_BS "register/ok");
    if (stage == 2)
        world_tell_software(world, "x");
}

/* What our reader takes for an object, json-glib does too; it takes more than that, and some that is no UTF-8. */
static void
compare_json(const char *text, gsize len)
{
    char ours[KL_BOOT_TOPIC_MAX + 1];
    gint64 number = 0;
    if (!kl_json_is_object(text, len))
        return;
    fuzz_accepted++;
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) error = NULL;
    json_parser_load_from_data(parser, text, (gssize)len, &error);
    g_assert_no_error(error);
    JsonObject *object = json_node_get_object(json_parser_get_root(parser));
    if (kl_json_text(text, len, "topic", ours, sizeof ours) == KL_JSON_FOUND)
        g_assert_cmpstr(json_object_get_string_member(object, "topic"), ==, ours);
    if (kl_json_number(text, len, "version", &number) == KL_JSON_FOUND)
        g_assert_cmpint(json_object_get_int_member(object, "version"), ==, number);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static const char *const topics[] = {WORLD_BS "parameters/", WORLD_DM "update/parameters/", WORLD_DM "update/",
                                         WORLD_BS "parameters/topic"};
    if (size < 2)
        return 0;
    guint applies = world->applies;
    reach(data[0] % 4);
    world_tell(world, topics[data[1] % G_N_ELEMENTS(topics)], data + 2, size - 2);
    g_assert_cmpuint(world->applies, ==, applies);
    kl_agent_boot_tick(world->boot);
    g_assert_cmpint(world_status(world).state, !=, KL_AGENT_BOOT_FRESH);
    /* The text of a topic is whatever the message is, as far as a topic can be. */
    g_autofree char *topic = g_strndup((const char *)data + 2, size - 2);
    world_tell_text(world, topic, "{}");
    compare_json((const char *)data + 2, size - 2);
    g_ptr_array_set_size(world->device.log, 0);
    return 0;
}
