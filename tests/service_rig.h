/* What the tests of the activation service share: a table that can be told to fail or to kill, a service on it, and
 * units on a real mosquitto. */
#pragma once

#include <signal.h>

#include "station/activation/table_memory.h"
#include "station/mqtt/activation_service.h"
#include "tests/activation_rig.h"
#include "tests/mqtt_fake.h"
#include "tests/mqtt_rig.h"

#define BOOT "bs/device/%s/register/request"
#define OK "bs/device/%s/register/ok"
#define ASK "dm/device/%s/update/request"
#define RUNS "dm/device/%s/update/ok"

/* --- a table that can be told what to do --- */

typedef enum { KILL_NEVER, KILL_BEFORE, KILL_AFTER } Kill;

typedef struct {
    KlActivationTable base;
    KlActivationTable *real;
    int fail_times;          /* atomic: so many keeps fail */
    const char *fail_device; /* of this one only; NULL: whosever */
    KlErrorCode fail;
    Kill kill;             /* the process, before or after something is kept */
    gboolean slow_answers; /* whoever does not wait for them is faster */
    const char *leave;     /* what has this verdict can't be kept with others */
    const char *hold;      /* atomic: what this device says is not kept as long as it is; NULL: nobody's */
    int held;              /* atomic: so often somebody waits for that, or has */
} Trap;

static inline gboolean
trap_read(KlActivationTable *table, const char *device, const char *id, KlActivationView *view, KlOp *op,
          GError **error)
{
    Trap *trap = (Trap *)table;
    return trap->real->klass->read(trap->real, device, id, view, op, error);
}

static inline void
trap_hold(Trap *trap, const char *device)
{
    if (g_strcmp0(g_atomic_pointer_get(&trap->hold), device) == 0)
        g_atomic_int_inc(&trap->held);
    while (g_strcmp0(g_atomic_pointer_get(&trap->hold), device) == 0)
        g_usleep(1000);
}

static inline KlActivationKept
trap_keep(KlActivationTable *table, const KlActivationChange *change, KlOp *op, GError **error)
{
    Trap *trap = (Trap *)table;
    if (trap->kill == KILL_BEFORE)
        raise(SIGKILL);
    trap_hold(trap, change->device);
    if (trap->slow_answers && strcmp(change->verdict, "answered") == 0)
        g_usleep(50000);
    gboolean meant = trap->fail_device == NULL || g_str_equal(trap->fail_device, change->device);
    if (meant && g_atomic_int_add(&trap->fail_times, -1) > 0) {
        kl_fail(error, trap->fail, "as told");
        return KL_ACTIVATION_FAILED;
    }
    KlActivationKept kept = trap->real->klass->keep(trap->real, change, op, error);
    if (trap->kill == KILL_AFTER)
        raise(SIGKILL);
    return kept;
}

static inline gboolean
trap_read_all(KlActivationTable *table, KlActivationLook *looks, guint n, KlOp *op, GError **error)
{
    for (guint i = 0; i < n; i++)
        g_assert_true(trap_read(table, looks[i].device, looks[i].id, &looks[i].view, op, NULL));
    return TRUE;
}

/* When one is to fail, all of them have to be kept by themselves. */
static inline gboolean
trap_keep_all(KlActivationTable *table, const KlActivationChange *changes, KlActivationKept *kept, guint n, KlOp *op,
              GError **error)
{
    Trap *trap = (Trap *)table;
    if (g_atomic_int_get(&trap->fail_times) > 0)
        return kl_fail(error, trap->fail, "as told");
    for (guint i = 0; i < n; i++)
        kept[i] = g_strcmp0(trap->leave, changes[i].verdict) == 0 ? KL_ACTIVATION_CHANGED
                                                                  : trap_keep(table, &changes[i], op, NULL);
    return TRUE;
}

static const KlActivationTableClass trap_class = {
    .read = trap_read, .keep = trap_keep, .read_all = trap_read_all, .keep_all = trap_keep_all};

static gsize big_software; /* bytes; 0: it is small */

static inline KlSoftware *
shelf_find(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    KlSoftware *software = g_new0(KlSoftware, 1);
    software->version = 3;
    software->content =
        big_software > 0 ? g_bytes_new_take(g_malloc0(big_software), big_software) : g_bytes_new_static("code", 4);
    software->signature = g_strdup("c2lnbmF0dXJl");
    return software;
}

static const KlSoftwareShelfClass shelf_class = {.find = shelf_find};
static KlSoftwareShelf shelf = {&shelf_class};

/* --- a place for all tests: certificates of some units, and a broker --- */

#define UNITS 4

static char *dir;
static KlPrivateBroker *broker;
static const char *const unit_ids[UNITS] = {"FX30-000001", "FX30-000002", "FX30-000003", "FX30-000004"};

static inline void
place_set_up(void)
{
    if (dir == NULL) {
        dir = oracle_folder();
        rig_ca(dir, "ca");
        for (guint i = 0; i < UNITS; i++)
            rig_unit(dir, "ca", unit_ids[i], unit_ids[i]);
    }
    /* Nothing of another test is left on it. */
    kl_private_broker_free(broker);
    broker = rig_broker(dir, "ca", NULL);
}

static inline RigUnit *
boot(const char *id)
{
    RigUnit *unit = rig_unit_new(dir, id, kl_private_broker_ca_file(broker), FALSE, MQTT_PROTOCOL_V5);
    g_assert_true(rig_unit_connect(unit, kl_private_broker_port(broker)));
    g_autofree char *own = g_strdup_printf("bs/device/%s/parameters/#", id);
    g_autofree char *software = g_strdup_printf("dm/device/%s/update/", id);
    rig_subscribe(unit, own);
    rig_subscribe(unit, software);
    return unit;
}

/* Says it on the unit's own topic. */
static inline int
say(RigUnit *unit, const char *topic_format, const char *id, const char *payload)
{
    g_auto(GStrv) parts = g_strsplit(topic_format, "%s", 2);
    g_autofree char *topic = g_strconcat(parts[0], id, parts[1], NULL);
    return rig_say(unit, topic, payload);
}

/* --- a service --- */

typedef struct {
    Trap trap;
    KlActivationEngine *engine;
    KlActivationService *service;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GString *seen;  /* "verdict " of what came, "ERROR_CODE " of what could not be handled */
    GString *broke; /* codes of trouble */
} Service;

static inline void
service_note(Service *service, GString *text, const char *word)
{
    pthread_mutex_lock(&service->lock);
    g_string_append_printf(text, "%s ", word);
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

static inline void
on_watch(const KlServiceMessage *message, gpointer data)
{
    Service *service = data;
    if (!message->out)
        service_note(service, service->seen,
                     message->became != NULL ? kl_activation_verdict_name(message->became->verdict)
                                             : kl_error_name(kl_error_code(message->error)));
}

static inline void
on_trouble(const GError *error, gpointer data)
{
    Service *service = data;
    g_test_message("trouble: %s", error->message);
    service_note(service, service->broke, kl_error_name(kl_error_code(error)));
}

/* Waits until that many words are there, and gives them. */
static inline char *
service_wait(Service *service, GString *text, guint words)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&service->lock);
    for (int rc = 0; rc == 0;) {
        guint n = 0;
        for (const char *at = text->str; *at != '\0'; at++)
            n += *at == ' ';
        if (n >= words)
            break;
        rc = pthread_cond_timedwait(&service->changed, &service->lock, &until);
    }
    char *copy = g_strdup(text->str);
    pthread_mutex_unlock(&service->lock);
    return copy;
}

#define assert_seen(service, words, expected)                                                                          \
    do {                                                                                                               \
        g_autofree char *seen = service_wait(service, (service)->seen, words);                                         \
        g_assert_cmpstr(seen, ==, expected);                                                                           \
    } while (0)

static inline void
service_start_at(Service *service, KlActivationTable *table, const KlBrokerOptions *options)
{
    g_autoptr(GError) error = NULL;
    service->trap.base.klass = &trap_class;
    service->trap.real = table;
    service->engine = make_engine(
        &(KlActivationParts){.rules = {.connections_alarm = 3}, .table = &service->trap.base, .software = &shelf});
    pthread_mutex_init(&service->lock, NULL);
    pthread_cond_init(&service->changed, NULL);
    service->seen = g_string_new(NULL);
    service->broke = g_string_new(NULL);
    const KlActivationServiceOptions all = {.engine = service->engine,
                                            .broker = *options,
                                            .workers = 4,
                                            .watch = on_watch,
                                            .trouble = on_trouble,
                                            .data = service};
    service->service = kl_activation_service_start(&all, &error);
    g_assert_no_error(error);
    kl_activation_service_wait_ready(service->service, 30000, &error);
    g_assert_no_error(error);
}

static inline void
service_start(Service *service, KlActivationTable *table, const char *client_id, const char *share)
{
    KlBrokerOptions options = kl_private_broker_options(broker);
    options.client_id = client_id;
    options.share = share;
    service_start_at(service, table, &options);
}

static inline void
service_stop(Service *service)
{
    if (service->service == NULL)
        return;
    kl_activation_service_stop(g_steal_pointer(&service->service));
    kl_activation_engine_free(service->engine);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    g_string_free(service->seen, TRUE);
    g_string_free(service->broke, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Service, service_stop)

/* A table in which all units have rows in their first state. */
static inline KlActivationTable *
table_new(void)
{
    KlActivationTable *table = kl_activation_memory_new();
    for (guint i = 0; i < UNITS; i++) {
        g_autoptr(KlRegistration) row = g_new0(KlRegistration, 1);
        row->device = g_strdup(unit_ids[i]);
        row->registered = g_strdup("false");
        row->policy = g_strdup("policy");
        row->firmware = g_strdup("main");
        row->parameters = g_strdup("{\"topic\":\"t\"}");
        kl_activation_memory_put(table, row);
    }
    return table;
}

static inline char *
row_of(KlActivationTable *table, const char *id)
{
    KlActivationView view = {NULL, FALSE};
    g_assert_true(table->klass->read(table, id, NULL, &view, NULL, NULL));
    g_autoptr(KlRegistration) row = view.row;
    return g_strdup_printf("%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, row->registered, row->version,
                           row->connections);
}

#define assert_state(table, id, expected)                                                                              \
    do {                                                                                                               \
        g_autofree char *state = row_of(table, id);                                                                    \
        g_assert_cmpstr(state, ==, expected);                                                                          \
    } while (0)
