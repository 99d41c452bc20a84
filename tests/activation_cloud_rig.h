/* keyline-activation itself, on a real mosquitto, with the strict AWS peer behind it; and what is in the cloud, by the
 * peer's own word. */
#pragma once

#include <sys/prctl.h>

#include "db/activation_dynamodb.h"
#include "db/sink_dynamodb.h"
#include "station/config.h"
#include "tests/cloud_tables.h"
#include "tests/service_rig.h"

#define KEPT "\"verdict\":\"%s\""

static AwsPeer *peer;
static KlAws *aws;
static char *table; /* the registration table of the test that runs */

/* --- the cloud --- */

/* The row of a unit as a line sends it, through the station's own sink. */
static inline void
cloud_provision(const char *id)
{
    KlAwsSection section = {.registration_table = table, .records_table = (char *)"r", .counters_table = (char *)"c"};
    g_autofree char *body = g_strdup_printf(
        "{\"device\":\"%s\",\"registered\":\"false\",\"policy\":\"p\",\"firmware\":\"main\",\"parameters\":"
        "\"{\\\"topic\\\":\\\"t\\\"}\",\"version\":0,\"connections\":0,\"imei\":\"1%s\",\"reset\":false}",
        id, id + strlen("FX30-"));
    const KlOutboxRow row = {
        .kind = KL_OUTBOX_REGISTRATION, .key = (char *)id, .run = (char *)"run", .queued_us = 1, .body = body};
    g_autoptr(GError) error = NULL;
    KlSink *sink = kl_sink_dynamodb_new(aws, &section, "north");
    sink->klass->put(sink, &row, &(KlOp){0}, &error);
    g_assert_no_error(error);
    sink->klass->free(sink);
}

/* A table of its own for a test, and a broker; rows of all units. */
static inline void
cloud_set_up(void)
{
    static guint tables;
    place_set_up();
    g_free(table);
    table = g_strdup_printf("table-%u", ++tables);
    cloud_table_make(aws, table, "device", NULL);
    for (guint i = 0; i < UNITS; i++)
        cloud_provision(unit_ids[i]);
}

/* The caller unrefs. */
static inline JsonObject *
cloud_item(const char *device)
{
    g_autoptr(JsonArray) items = cloud_table_items(peer, table);
    for (guint i = 0; i < json_array_get_length(items); i++) {
        JsonObject *item = json_array_get_object_element(items, i);
        g_autofree char *name = cloud_attribute(item, "device");
        if (g_str_equal(name + strlen("S:"), device))
            return json_object_ref(item);
    }
    g_assert_not_reached();
}

/* An attribute's value without its type, "" for none. The caller frees. */
static inline char *
cloud_value(JsonObject *item, const char *name)
{
    g_autofree char *typed = cloud_attribute(item, name);
    return g_strdup(typed != NULL ? typed + strlen("S:") : "");
}

/* "requested 0 0 answered=1 repeated=2": the row, and how often each verdict was given. */
static inline char *
cloud_state(const char *device)
{
    static const char prefix[] = KL_BOOT_ATTRIBUTE "count_";
    g_autoptr(JsonObject) item = cloud_item(device);
    g_autoptr(GList) names = g_list_sort(json_object_get_members(item), (GCompareFunc)strcmp);
    g_autofree char *registered = cloud_value(item, "registered"), *version = cloud_value(item, "version");
    g_autofree char *connections = cloud_value(item, "connections");
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text, "%s %s %s", registered, version, connections);
    for (GList *at = names; at != NULL; at = at->next) {
        g_autofree char *count = cloud_value(item, at->data);
        if (g_str_has_prefix(at->data, prefix))
            g_string_append_printf(text, " %s=%s", (char *)at->data + strlen(prefix), count);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

#define assert_cloud(device, expected)                                                                                 \
    do {                                                                                                               \
        g_autofree char *in_cloud = cloud_state(device);                                                               \
        g_assert_cmpstr(in_cloud, ==, expected);                                                                       \
    } while (0)

static inline void
cloud_forget_calls(void)
{
    json_node_unref(aws_peer_control(peer, "DELETE", "calls", NULL));
}

/* --- the program --- */

/* How to start it; all may be NULL. */
typedef struct {
    const char *client_id;
    const char *share;
    const char *secret; /* in place of the right key */
} How;

typedef struct {
    GSubprocess *process;
    GDataInputStream *lines; /* what it tells */
} Program;

static inline void
program_clear(Program *program)
{
    if (program->process == NULL)
        return;
    g_subprocess_force_exit(program->process);
    g_subprocess_wait(program->process, NULL, NULL);
    g_clear_object(&program->process);
    g_clear_object(&program->lines);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Program, program_clear)

/* The configuration's path. The caller frees. */
static inline char *
program_configure(const How *how)
{
    const char *client_id = how->client_id != NULL ? how->client_id : "service@1";
    g_autofree char *share = how->share != NULL ? g_strconcat("share=", how->share, "\n", NULL) : g_strdup("");
    g_autofree char *text = g_strdup_printf(
        "[service]\ntable=dynamodb\nsoftware=s3\n[broker]\naddress=127.0.0.1:%u\nca=%s\ncertificate=%s\nkey=%s\n"
        "client-id=%s\nkeep-minutes=10\n%s[aws]\nregistration-table=%s\nfirmware-table=" TABLE_FIRMWARE "\n",
        kl_private_broker_service_port(broker), kl_private_broker_ca_file(broker),
        kl_private_broker_certificate_file(broker), kl_private_broker_key_file(broker), client_id, share, table);
    char *path = g_strdup_printf("%s/%s.conf", dir, client_id);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

/* In the child. A test that fails leaves nobody behind. */
static inline void
program_die_too(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static inline GSubprocess *
program_run(const How *how, const char *option)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = program_configure(how);
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDERR_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_subprocess_launcher_set_child_setup(launcher, program_die_too, NULL, NULL);
    if (how->secret != NULL)
        g_subprocess_launcher_setenv(launcher, "AWS_SECRET_ACCESS_KEY", how->secret, TRUE);
    GSubprocess *process =
        g_subprocess_launcher_spawn(launcher, &error, g_getenv("KEYLINE_ACTIVATION"), "--config", path, option, NULL);
    g_assert_no_error(error);
    return process;
}

/* Reads on until it tells that. The line; the caller frees. */
static inline char *
program_await(const Program *program, const char *what)
{
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(program->lines, NULL, NULL, NULL);
        g_assert_nonnull(line);
        g_test_message("%s", line);
        if (strstr(line, what) != NULL)
            return g_steal_pointer(&line);
    }
}

/* Reads on until the note of a change with that verdict, which is told once it is kept. */
static inline void
program_await_kept(const Program *program, const char *verdict)
{
    g_autofree char *note = g_strdup_printf(KEPT, verdict);
    g_free(program_await(program, note));
}

static inline void
program_start(Program *program, const How *how)
{
    program->process = program_run(how, NULL);
    program->lines = g_data_input_stream_new(g_subprocess_get_stderr_pipe(program->process));
    g_free(program_await(program, "serving with MQTT 5"));
}

/* Ends it as a service manager does. */
static inline void
program_stop(Program *program)
{
    g_autoptr(GError) error = NULL;
    g_subprocess_send_signal(program->process, SIGTERM);
    g_subprocess_wait_check(program->process, NULL, &error);
    g_assert_no_error(error);
    program_clear(program);
}

/* --- units --- */

/* A unit that hears all that is for it. */
static inline RigUnit *
boot_all(const char *id)
{
    RigUnit *unit = boot(id);
    g_autofree char *about = g_strdup_printf("dm/device/%s/update/parameters/", id);
    rig_subscribe(unit, about);
    return unit;
}
