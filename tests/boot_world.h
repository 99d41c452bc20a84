/* A unit's first boot in a made-up world: a store that loses power, a clock that is turned by hand, a connection that
 * is a list of what was said, and a registration row that answers as the service does. */
#pragma once

#include "agent_fake.h"
#include "drivers/at_wp77/agent/activation.h"
#include "drivers/at_wp77/agent/pkcs10.h"
#include "drivers/at_wp77/agent/softkey.h"

#define WORLD_DEVICE "FX30S-000001"
#define WORLD_BS "bs/device/" WORLD_DEVICE "/"
#define WORLD_DM "dm/device/" WORLD_DEVICE "/"
#define WORLD_TOPIC "$aws/things/" WORLD_DEVICE "/shadow/update"
#define WORLD_ANSWER_MS 10000
#define WORLD_TELEMETRY_MS 60000

typedef struct {
    char *topic;
    char *payload;
    int ticket;
    gboolean done; /* acknowledged, and answered */
} Said;

typedef struct {
    Device device; /* only its store is used */
    KlAgentBoot *boot;
    guint64 now_ms;
    gint64 clock_s;
    GPtrArray *said; /* Said, since the connection was made */
    int tickets;
    guint connects, disconnects, subscribes;
    gboolean connected;
    char *address; /* of the last try */
    int self_error;
    gboolean mute; /* nothing can be published */
    gboolean apply_fails;
    guint applies, reverts;
    GByteArray *software; /* that runs; NULL: the factory's */
    guint32 chance;       /* every random number; 0: really random ones */

    char *parameters; /* as the service sends them */
    int row;          /* 0 false, 1 requested, 2 ok */
    guint connections;
    gint64 row_version;
    GHashTable *ids; /* of messages that were handled */
} World;

/* Signs software in all worlds. */
static guint8 world_key[KL_SOFTKEY_MAX];
static gsize world_key_len;

static inline void
said_free(gpointer data)
{
    Said *said = data;
    g_free(said->topic);
    g_free(said->payload);
    g_free(said);
}

static inline int
world_self(void *data, KlBootSelf *self)
{
    const World *world = data;
    *self = (KlBootSelf){.device = WORLD_DEVICE, .host = "broker.example", .port = 8883, .trust_sha256 = "ab"};
    return world->self_error;
}

static inline void
world_disconnect(void *data)
{
    World *world = data;
    world->disconnects++;
    world->connected = FALSE;
    g_ptr_array_set_size(world->said, 0);
}

static inline void
world_connect(void *data, const KlBootTarget *target)
{
    World *world = data;
    world_disconnect(world);
    world->connects++;
    world->connected = TRUE;
    g_free(world->address);
    world->address = g_strdup(target->address);
    g_assert_cmpint(target->address != NULL, ==, target->pin != NULL);
}

static inline void
world_subscribe(void *data, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1])
{
    World *world = data;
    world->subscribes++;
    g_assert_cmpstr(filters[0], ==, WORLD_BS "credentials/#");
    g_assert_cmpstr(filters[1], ==, WORLD_BS "parameters/#");
    g_assert_cmpstr(filters[2], ==, WORLD_DM "update/#");
}

static inline int
world_publish(void *data, const char *topic, const char *payload)
{
    World *world = data;
    if (world->mute || !world->connected)
        return 0;
    Said *said = g_new0(Said, 1);
    said->topic = g_strdup(topic);
    said->payload = g_strdup(payload);
    said->ticket = ++world->tickets;
    g_ptr_array_add(world->said, said);
    return said->ticket;
}

static inline bool
world_random(void *data, guint8 *bytes, gsize len)
{
    const World *world = data;
    for (gsize i = 0; i < len; i++)
        bytes[i] = world->chance != 0 ? (guint8)(world->chance >> (24 - 8 * (i % 4))) : (guint8)g_test_rand_int();
    return true;
}

static inline guint64
world_now(void *data)
{
    return ((const World *)data)->now_ms;
}

static inline gint64
world_clock(void *data)
{
    return ((const World *)data)->clock_s;
}

static inline bool
world_apply(void *data, gint64 version, const guint8 *bytes, gsize len)
{
    World *world = data;
    world->applies++;
    if (world->apply_fails || world->device.changes_left == 0)
        return false;
    g_clear_pointer(&world->software, g_byte_array_unref);
    world->software = g_byte_array_append(g_byte_array_new(), bytes, (guint)len);
    return true;
}

static inline bool
world_revert(void *data)
{
    World *world = data;
    world->reverts++;
    if (world->apply_fails)
        return false;
    g_clear_pointer(&world->software, g_byte_array_unref);
    return true;
}

static const KlAgentBootOps world_ops = {
    .self = world_self,
    .connect = world_connect,
    .disconnect = world_disconnect,
    .subscribe = world_subscribe,
    .publish = world_publish,
    .random = world_random,
    .now_ms = world_now,
    .clock_s = world_clock,
    .apply = world_apply,
    .revert = world_revert,
};

/* Power comes back. */
static inline void
world_power_on(World *world)
{
    static const KlAgentBootTimes times = {.answer_ms = WORLD_ANSWER_MS, .telemetry_ms = WORLD_TELEMETRY_MS};
    kl_agent_boot_free(world->boot);
    world->device.changes_left = NO_FAULT;
    world->connected = FALSE;
    g_ptr_array_set_size(world->said, 0);
    world->boot = kl_agent_boot_new(&fake_ops, &world->device, &world_ops, world, &times);
    g_assert_cmpint(kl_agent_boot_resume(world->boot), ==, 0);
}

static inline World *
world_new(void)
{
    guint8 point[65];
    guint8 spki[KL_P256_SPKI_SIZE];
    World *world = g_new0(World, 1);
    world->device.items = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_byte_array_unref);
    world->device.log = g_ptr_array_new_with_free_func(g_free);
    world->said = g_ptr_array_new_with_free_func(said_free);
    world->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->now_ms = 1000;
    world->clock_s = 1800000000;
    if (world_key_len == 0)
        g_assert_true(kl_softkey_generate(world_key, &world_key_len));
    g_assert_true(kl_softkey_public(world_key, world_key_len, point) && kl_p256_spki(point, spki));
    g_autofree char *base64 = g_base64_encode(spki, sizeof spki);
    world->parameters = g_strdup_printf("{\"topic\":\"" WORLD_TOPIC "\",\"software_key\":\"%s\"}", base64);
    world_power_on(world);
    return world;
}

static inline void
world_free(World *world)
{
    kl_agent_boot_free(world->boot);
    g_hash_table_unref(world->device.items);
    g_ptr_array_unref(world->device.log);
    g_ptr_array_unref(world->said);
    g_hash_table_unref(world->ids);
    g_clear_pointer(&world->software, g_byte_array_unref);
    g_free(world->address);
    g_free(world->parameters);
    g_free(world);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

static inline KlAgentBootStatus
world_status(const World *world)
{
    KlAgentBootStatus status;
    kl_agent_boot_status(world->boot, &status);
    return status;
}

static inline int
world_tell(World *world, const char *topic, const void *payload, gsize len)
{
    g_autofree guint8 *copy = g_memdup2(payload, len); /* a block of its own: AddressSanitizer sees reads beyond it */
    return kl_agent_boot_message(world->boot, topic, copy, len, false);
}

static inline int
world_tell_text(World *world, const char *topic, const char *text)
{
    return world_tell(world, topic, text, strlen(text));
}

/* What is said of a software, as the service says it. */
static inline char *
world_notice(gint64 version, const void *content, gsize size)
{
    guint8 digest[32];
    guint8 raw[64];
    guint8 der[KL_ECDSA_DER_MAX];
    gsize len = 0;
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, content, size);
    g_autofree char *text =
        g_strdup_printf("keyline-software\nversion=%" G_GINT64_FORMAT "\nsize=%zu\nsha256=%s\n", version, size, sha256);
    g_assert_true(kl_softkey_sha256((const guint8 *)text, strlen(text), digest) &&
                  kl_softkey_sign(world_key, world_key_len, digest, raw) && kl_ecdsa_der(raw, der, &len));
    g_autofree char *signature = g_base64_encode(der, len);
    return g_strdup_printf("{\"version\":%" G_GINT64_FORMAT ",\"size\":%zu,\"sha256\":\"%s\",\"signature\":\"%s\"}",
                           version, size, sha256, signature);
}

static inline int
world_tell_notice(World *world, gint64 version, const char *content)
{
    g_autofree char *notice = world_notice(version, content, strlen(content));
    return world_tell_text(world, WORLD_DM "update/parameters/", notice);
}

static inline int
world_tell_software(World *world, const char *content)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)content, strlen(content));
    return world_tell_text(world, WORLD_DM "update/", base64);
}

/* Has done what is due now, or else lets time pass until something is. FALSE when nothing ever will be. */
static inline gboolean
world_turn(World *world)
{
    guint before = world->connects + world->disconnects + (guint)world->tickets;
    guint64 due = kl_agent_boot_tick(world->boot);
    if (world->connects + world->disconnects + (guint)world->tickets != before)
        return TRUE;
    if (due == KL_BOOT_NEVER)
        return FALSE;
    world->now_ms = MAX(world->now_ms, due);
    kl_agent_boot_tick(world->boot);
    return TRUE;
}

/* The connection is made, at once. */
static inline void
world_link(World *world)
{
    while (!world->connected)
        g_assert_true(world_turn(world));
    kl_agent_boot_connected(world->boot);
    kl_agent_boot_subscribed(world->boot, true);
}

/* The last thing said, which has to be on that topic. */
static inline const Said *
world_last(const World *world, const char *topic)
{
    g_assert_cmpuint(world->said->len, >, 0);
    const Said *said = world->said->pdata[world->said->len - 1];
    g_assert_cmpstr(said->topic, ==, topic);
    return said;
}

static inline void
world_ack(World *world, const char *topic)
{
    kl_agent_boot_published(world->boot, world_last(world, topic)->ticket, true);
}
