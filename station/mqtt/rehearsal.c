#include "station/mqtt/rehearsal.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <pthread.h>
#include <string.h>

#include "station/activation/software_folder.h"
#include "station/activation/table_memory.h"
#include "station/error.h"
#include "station/mqtt/private_broker.h"
#include "station/mqtt/rehearsal_run.h"
#include "station/net/json_text.h"

#define READY_MS 15000
/* When the broker is renewed: once nobody is in a rehearsal, and in the end also when somebody is. */
#define RENEW_US (24 * G_TIME_SPAN_HOUR)
#define RENEW_AT_LAST_US (6 * G_TIME_SPAN_DAY)
#define CLIENT_ID "keyline-rehearsal"

typedef struct {
    KlRehearsal base;
    char *listen, *host, *anchors, *topic, *program;
    guint16 listen_port, port;
    gboolean telemetry;
    KlSoftwareShelf *shelf; /* NULL: no software */
    gint64 (*clock_us)(void);

    pthread_mutex_t starting; /* taken before the lock: one at a time starts a broker. Guards the next ones */
    char *endpoint;
    gint64 made_us;          /* the broker and its certificate, by the clock that certificates go by */
    KlPrivateBroker *broker; /* NULL, as the next two: there is none */
    KlActivationEngine *engine;
    KlActivationService *service;
    const char *filters[16];
    char *filter; /* of telemetry */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    KlActivationTable *table;
    GHashTable *runs; /* device id -> KlUnitRun */
    guint number;     /* of the broker */
    gboolean lost;    /* the way to it */
} Rehearsal;

/* --- in the service's thread --- */

static KlUnitRun *
find_run(const Rehearsal *self, const char *topic)
{
    GHashTableIter all;
    gpointer run = NULL;
    KlTopic known = kl_topic_parse(topic);
    if (known.device[0] != '\0' && (run = g_hash_table_lookup(self->runs, known.device)) != NULL)
        return run;
    g_hash_table_iter_init(&all, self->runs);
    while (g_hash_table_iter_next(&all, NULL, &run)) {
        if (kl_rehearsal_script_covers(((KlUnitRun *)run)->script, topic))
            return run;
    }
    return NULL;
}

static void
watch(const KlServiceMessage *message, gpointer data)
{
    Rehearsal *self = data;
    pthread_mutex_lock(&self->lock);
    KlUnitRun *run = find_run(self, message->topic);
    if (run != NULL)
        kl_unit_run_hear(run, message);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* A message that could not be handled is told by itself. */
static void
trouble(const GError *error, gpointer data)
{
    Rehearsal *self = data;
    KlErrorCode code = kl_error_code(error);
    if (code != KL_ERROR_BROKER_DOWN && code != KL_ERROR_BROKER_REFUSED && code != KL_ERROR_BROKER_WRONG)
        return;
    pthread_mutex_lock(&self->lock);
    self->lost = TRUE;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* --- the broker --- */

static char *
with_device(const char *topic, const char *device)
{
    g_auto(GStrv) parts = g_strsplit(topic, "DEVICE_ID", -1);
    return g_strjoinv(device, parts);
}

/* What the service subscribes to: what it always does, and telemetry. */
static void
set_filters(Rehearsal *self)
{
    guint n = 0;
    g_free(self->filter);
    self->filter = self->topic != NULL ? with_device(self->topic, "+") : NULL;
    while (kl_topic_filters[n] != NULL && n < G_N_ELEMENTS(self->filters) - 2) {
        self->filters[n] = kl_topic_filters[n];
        n++;
    }
    self->filters[n] = self->filter;
    self->filters[n + 1] = NULL;
}

static void
stop_broker(Rehearsal *self)
{
    g_clear_pointer(&self->service, kl_activation_service_stop);
    g_clear_pointer(&self->engine, kl_activation_engine_free);
    g_clear_pointer(&self->broker, kl_private_broker_free);
    g_clear_pointer(&self->endpoint, g_free);
}

static gboolean
start_service(Rehearsal *self, GError **error)
{
    const KlActivationParts parts = {
        .rules = {.credentials = KL_CREDENTIALS_FACTORY}, .table = self->table, .software = self->shelf};
    KlActivationServiceOptions options = {
        .broker = kl_private_broker_options(self->broker), .watch = watch, .trouble = trouble, .data = self};
    self->engine = kl_activation_engine_new(&parts, error);
    if (self->engine == NULL)
        return FALSE;
    set_filters(self);
    options.engine = self->engine;
    options.broker.filters = self->filters;
    options.broker.client_id = CLIENT_ID;
    self->service = kl_activation_service_start(&options, error);
    return self->service != NULL && kl_activation_service_wait_ready(self->service, READY_MS, error);
}

static gboolean
start_broker(Rehearsal *self, const char *endpoint, GError **error)
{
    g_autofree char *telemetry = self->topic != NULL ? with_device(self->topic, "%u") : NULL;
    const KlPrivateBrokerOptions options = {
        .listen = self->listen,
        .port = self->listen_port,
        .name = endpoint,
        .devices_ca_pem = self->anchors,
        .program = self->program,
        .telemetry = telemetry,
    };
    self->broker = kl_private_broker_start(&options, error);
    if (self->broker == NULL)
        return FALSE;
    self->endpoint = g_strdup(endpoint);
    self->made_us = self->clock_us();
    pthread_mutex_lock(&self->lock);
    self->number++;
    self->lost = FALSE;
    pthread_mutex_unlock(&self->lock);
    return start_service(self, error);
}

/* By its certificate, units' clocks are judged: it is never so old that one that is right is told that it is wrong, and
 * seldom so old that one that is behind is not. */
static gboolean
is_too_old(const Rehearsal *self, gboolean idle)
{
    gint64 age_us = self->clock_us() - self->made_us;
    return age_us < 0 || age_us > (idle ? RENEW_US : RENEW_AT_LAST_US);
}

static gboolean
is_up(Rehearsal *self, const char *endpoint)
{
    pthread_mutex_lock(&self->lock);
    gboolean lost = self->lost, idle = g_hash_table_size(self->runs) == 0;
    pthread_mutex_unlock(&self->lock);
    return self->service != NULL && !lost && !is_too_old(self, idle) && strcmp(self->endpoint, endpoint) == 0;
}

/* With the starting lock held. Whoever is in a rehearsal with an earlier broker is told that it is gone. */
static gboolean
ensure_up(Rehearsal *self, const char *endpoint, GError **error)
{
    if (is_up(self, endpoint))
        return TRUE;
    stop_broker(self);
    if (start_broker(self, endpoint, error))
        return TRUE;
    stop_broker(self);
    return FALSE;
}

static gboolean
prepare(KlRehearsal *rehearsal, const char *endpoint, GError **error)
{
    Rehearsal *self = (Rehearsal *)rehearsal;
    pthread_mutex_lock(&self->starting);
    gboolean ok = ensure_up(self, endpoint, error);
    pthread_mutex_unlock(&self->starting);
    return ok;
}

/* --- one unit --- */

static gboolean
takes_software(const KlRegistration *row)
{
    g_autoptr(JsonNode) root = kl_json_parse_object(row->parameters, strlen(row->parameters));
    return root != NULL && json_object_has_member(json_node_get_object(root), "software_key");
}

/* What the unit has to get; NULL without an error: nothing. */
static KlSoftware *
find_software(const Rehearsal *self, const KlRegistration *row, GError **error)
{
    KlOp op = {0};
    g_autoptr(GError) why = NULL;
    if (self->shelf == NULL || !takes_software(row))
        return NULL;
    KlSoftware *software = self->shelf->klass->find(self->shelf, row->firmware, &op, &why);
    if (software == NULL)
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "[rehearsal] software: %s: %s", row->firmware, why->message);
    return software;
}

/* With the starting lock held. */
static gboolean
enter(Rehearsal *self, KlUnitRun *run, const KlRegistration *row, GError **error)
{
    guint16 port = self->port != 0 ? self->port : kl_private_broker_port(self->broker);
    run->base.address = g_strdup_printf("%s:%u", self->host != NULL ? self->host : self->listen, port);
    run->base.broker_sha256 = g_strdup(kl_private_broker_sha256(self->broker));
    pthread_mutex_lock(&self->lock);
    gboolean free_place = !g_hash_table_contains(self->runs, run->device);
    if (free_place) {
        run->broker = self->number;
        kl_activation_memory_put(self->table, row);
        g_hash_table_insert(self->runs, run->device, run);
    }
    pthread_mutex_unlock(&self->lock);
    return free_place || kl_fail(error, KL_ERROR_INTERNAL, "%s is in a rehearsal", run->device);
}

static KlRehearsalRun *
begin(KlRehearsal *rehearsal, const char *endpoint, const KlRegistration *row, GError **error)
{
    Rehearsal *self = (Rehearsal *)rehearsal;
    g_autoptr(GError) failure = NULL;
    g_autoptr(KlSoftware) software = find_software(self, row, &failure);
    if (failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    KlUnitRun *run = kl_unit_run_new(row, software, self->telemetry);
    pthread_mutex_lock(&self->starting);
    gboolean entered = ensure_up(self, endpoint, error) && enter(self, run, row, error);
    pthread_mutex_unlock(&self->starting);
    if (entered)
        return &run->base;
    kl_unit_run_free(run);
    return NULL;
}

/* The lock is not held: who cancels may be anybody. */
static void
wake(GCancellable *cancel, gpointer data)
{
    Rehearsal *self = data;
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static gboolean
is_gone(const Rehearsal *self, const KlUnitRun *run)
{
    return self->lost || run->broker != self->number;
}

static void
wait_for_message(Rehearsal *self, const KlUnitRun *run, guint timeout_ms, GCancellable *cancel)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (run->messages.length == 0 && !is_gone(self, run) && !g_cancellable_is_cancelled(cancel) &&
           pthread_cond_timedwait(&self->changed, &self->lock, &until) != ETIMEDOUT)
        continue;
}

/* When all has come, the table has to say the same: nobody else has spoken for the unit, and nothing was counted. */
static KlRehearsalTurn
check_row(const Rehearsal *self, const KlUnitRun *run, GError **error)
{
    KlActivationView view = {NULL, FALSE};
    self->table->klass->read(self->table, run->device, NULL, &view, NULL, NULL);
    g_autoptr(KlRegistration) row = view.row;
    if (row != NULL && strcmp(row->registered, "ok") == 0 && row->connections == 0)
        return KL_REHEARSAL_HEARD;
    kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "its row is %s, with %" G_GINT64_FORMAT " connections too many",
            row != NULL ? row->registered : "gone", row != NULL ? row->connections : 0);
    return KL_REHEARSAL_WRONG;
}

/* With the lock held. What came before the broker was gone is looked at first. */
static KlRehearsalTurn
take_turn(const Rehearsal *self, KlUnitRun *run, GCancellable *cancel, char **note, GError **error)
{
    if (run->messages.length > 0) {
        gboolean was_missing = run->base.missing != NULL;
        KlRehearsalTurn turn = kl_unit_run_turn(run, note, error);
        return turn == KL_REHEARSAL_HEARD && was_missing && run->base.missing == NULL ? check_row(self, run, error)
                                                                                      : turn;
    }
    if (is_gone(self, run)) {
        kl_fail(error, KL_ERROR_BROKER_DOWN, "the broker was lost in the middle of it");
        return KL_REHEARSAL_WRONG;
    }
    if (g_cancellable_is_cancelled(cancel)) {
        kl_fail(error, KL_ERROR_CANCELLED, "stopped in the middle of it");
        return KL_REHEARSAL_WRONG;
    }
    return KL_REHEARSAL_QUIET;
}

static KlRehearsalTurn
next(KlRehearsal *rehearsal, KlRehearsalRun *base, guint timeout_ms, GCancellable *cancel, char **note, GError **error)
{
    Rehearsal *self = (Rehearsal *)rehearsal;
    KlUnitRun *run = (KlUnitRun *)base;
    gulong watching = cancel != NULL ? g_cancellable_connect(cancel, G_CALLBACK(wake), self, NULL) : 0;
    pthread_mutex_lock(&self->lock);
    wait_for_message(self, run, timeout_ms, cancel);
    KlRehearsalTurn turn = take_turn(self, run, cancel, note, error);
    pthread_mutex_unlock(&self->lock);
    if (watching != 0)
        g_cancellable_disconnect(cancel, watching);
    return turn;
}

static void
end(KlRehearsal *rehearsal, KlRehearsalRun *base)
{
    Rehearsal *self = (Rehearsal *)rehearsal;
    KlUnitRun *run = (KlUnitRun *)base;
    pthread_mutex_lock(&self->lock);
    g_hash_table_remove(self->runs, run->device);
    kl_activation_memory_drop(self->table, run->device);
    pthread_mutex_unlock(&self->lock);
    kl_unit_run_free(run);
}

/* --- --- */

static void
rehearsal_free(KlRehearsal *rehearsal)
{
    Rehearsal *self = (Rehearsal *)rehearsal;
    stop_broker(self);
    kl_activation_table_free(self->table);
    if (self->shelf != NULL)
        kl_software_shelf_free(self->shelf);
    g_hash_table_unref(self->runs);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->starting);
    g_free(self->listen);
    g_free(self->host);
    g_free(self->anchors);
    g_free(self->topic);
    g_free(self->program);
    g_free(self->filter);
    g_free(self);
}

static const KlRehearsalClass class = {
    .prepare = prepare,
    .begin = begin,
    .next = next,
    .end = end,
    .free = rehearsal_free,
};

KlRehearsal *
kl_mqtt_rehearsal_new(const KlMqttRehearsalOptions *options)
{
    Rehearsal *self = g_new0(Rehearsal, 1);
    pthread_condattr_t attributes;
    self->base.klass = &class;
    self->listen = g_strdup(options->listen);
    self->host = g_strdup(options->host);
    self->anchors = g_strdup(options->anchors);
    self->topic = g_strdup(options->topic);
    self->program = g_strdup(options->program);
    self->listen_port = options->listen_port;
    self->port = options->port;
    self->telemetry = options->telemetry;
    self->shelf = options->software != NULL ? kl_software_folder_new(options->software) : NULL;
    self->clock_us = options->clock_us != NULL ? options->clock_us : g_get_real_time;
    self->table = kl_activation_memory_new();
    self->runs = g_hash_table_new(g_str_hash, g_str_equal);
    pthread_mutex_init(&self->starting, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return &self->base;
}

int
kl_mqtt_rehearsal_pid(const KlRehearsal *rehearsal)
{
    const Rehearsal *self = (const Rehearsal *)rehearsal;
    return self->broker != NULL ? kl_private_broker_pid(self->broker) : 0;
}
