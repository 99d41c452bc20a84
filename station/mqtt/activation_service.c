#include "station/mqtt/activation_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "station/error.h"
#include "station/mqtt/turns.h"
#include "station/mqtt/workers.h"

/* Who handles messages one by one mostly waits, for a cloud, or for a commit that the others share. */
#define WORKERS 64
#define TOGETHER 128 /* messages, each of another unit, that one thread handles at once */
#define WAIT_MS 100  /* before the broker is tried again; twice as long each time */
#define WAIT_MAX_MS 10000

struct KlActivationService {
    KlActivationServiceOptions options;
    KlWorkers *workers;
    int stop_fd;
    pthread_t thread;
    gboolean threaded;
    KlHandling handling;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    gboolean ready;
    GError *last;
};

static void
tell(const KlActivationService *service, const KlServiceMessage *message)
{
    if (service->options.watch != NULL)
        service->options.watch(message, service->options.data);
}

static void
tell_trouble(KlActivationService *service, const GError *error)
{
    pthread_mutex_lock(&service->lock);
    g_clear_error(&service->last);
    service->last = g_error_copy(error);
    pthread_mutex_unlock(&service->lock);
    if (service->options.trouble != NULL)
        service->options.trouble(error, service->options.data);
}

/* What the broker never takes is told, and not waited for. */
static gboolean
publish(KlActivationService *service, KlBroker *broker, const KlTurn *turn, GError **error)
{
    for (guint i = 0; turn->became != NULL && i < turn->became->publications->len; i++) {
        const KlPublication *publication = turn->became->publications->pdata[i];
        g_autoptr(GError) why = NULL;
        if (kl_broker_publish(broker, publication->topic, publication->payload, &why)) {
            tell(service, &(KlServiceMessage){TRUE, publication->topic, publication->payload, NULL, NULL});
        } else if (g_error_matches(why, KL_ERROR, KL_ERROR_CONFIG_INVALID)) {
            tell_trouble(service, why);
        } else {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
    return TRUE;
}

/* What has become of a message is told, and published. */
static gboolean
answer(KlActivationService *service, KlBroker *broker, KlTurn *turn, GError **error)
{
    if (turn->answered)
        return TRUE;
    turn->answered = TRUE;
    tell(service, &(KlServiceMessage){FALSE, turn->message->topic, turn->message->payload, turn->became, turn->error});
    if (turn->error != NULL && !turn->comes_again)
        tell_trouble(service, turn->error);
    gboolean published = publish(service, broker, turn, error);
    if (turn->became != NULL)
        g_ptr_array_set_size(turn->became->publications, 0); /* a private key is not for longer */
    return published;
}

static gboolean
answer_all(KlActivationService *service, KlBroker *broker, const GPtrArray *turns, GError **error)
{
    for (guint i = 0; i < turns->len; i++) {
        if (!answer(service, broker, turns->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}

/* What a batch has come to: told, published, acknowledged. A message that is to come again comes again with all that
 * came with it: libmosquitto acknowledges all or none. Those are then known as handled, and answered again; but units
 * whose messages came to something do not wait for that. */
static gboolean
conclude(KlActivationService *service, KlBroker *broker, const GPtrArray *turns, GError **error)
{
    kl_turns_note_stuck(&service->handling, turns);
    if (!answer_all(service, broker, turns, error))
        return FALSE;
    const KlTurn *again = kl_turns_find_coming_again(turns);
    if (again == NULL)
        return kl_broker_done(broker, error);
    if (kl_broker_settle(broker, error))
        g_propagate_error(error, g_error_copy(again->error));
    return FALSE;
}

/* A group or a chain that is handled; meanwhile the broker gets the answers of others, as long as all is well. */
static gpointer
next_handled(KlActivationService *service, KlBroker *broker, gboolean *well, GError **error)
{
    gpointer handled = NULL;
    while ((handled = kl_workers_done(service->workers)) == NULL) {
        if (*well)
            *well = kl_broker_send(broker, kl_workers_fd(service->workers), error);
        else
            kl_workers_wait(service->workers);
    }
    return handled;
}

/* What can be handled together is, and its answers are on their way while the next ones are handled. */
static gboolean
handle_together(KlActivationService *service, KlBroker *broker, GPtrArray *turns, GError **error)
{
    gboolean well = TRUE, at_once = kl_turns_are_of_units(turns);
    g_autoptr(GPtrArray) groups = kl_turns_group_up(turns, TOGETHER);
    kl_workers_start(service->workers, kl_turns_handle_group, groups);
    for (guint i = 0; i < groups->len; i++) {
        const KlTurnGroup *group = next_handled(service, broker, &well, error);
        well = well && (!at_once || answer_all(service, broker, group->handled, error));
    }
    return well;
}

/* A unit's answers do not wait for other units, whose certificates a cloud may take its time for: a private key among
 * them would be lost with the connection, or with the service. */
static gboolean
handle_one_by_one(KlActivationService *service, KlBroker *broker, GPtrArray *turns, GError **error)
{
    gboolean well = TRUE, at_once = kl_turns_are_of_units(turns);
    g_autoptr(GPtrArray) chains = kl_turns_chain_up(turns);
    kl_workers_start(service->workers, kl_turns_handle_chain, chains);
    for (guint i = 0; i < chains->len; i++) {
        for (KlTurn *turn = next_handled(service, broker, &well, error); turn != NULL; turn = turn->next)
            well = well && (!at_once || answer(service, broker, turn, error));
    }
    return well;
}

static gboolean
handle_all(KlActivationService *service, KlBroker *broker, GPtrArray *turns, GError **error)
{
    return handle_together(service, broker, turns, error) && handle_one_by_one(service, broker, turns, error);
}

/* When a message has to come again, what has come meanwhile is handled, too: others, which might never be received
 * otherwise, do not wait behind it. */
static gboolean
work_through(KlActivationService *service, KlBroker *broker, GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) turns = kl_turns_new();
    while (turns->len < messages->len) {
        kl_turns_add(turns, messages);
        if (!handle_all(service, broker, turns, error))
            return FALSE;
        if (kl_turns_find_coming_again(turns) == NULL || messages->len >= service->options.broker.window)
            break;
        GPtrArray *more = kl_broker_receive_more(broker, error);
        if (more == NULL)
            return FALSE;
        g_ptr_array_extend_and_steal(messages, more);
    }
    return conclude(service, broker, turns, error);
}

/* --- the connection --- */

/* Waits that long; TRUE: it is to stop. */
static gboolean
is_stopping(const KlActivationService *service, int wait_ms)
{
    struct pollfd polled = {.fd = service->stop_fd, .events = POLLIN};
    return poll(&polled, 1, wait_ms) > 0;
}

static void
set_ready(KlActivationService *service, gboolean ready)
{
    pthread_mutex_lock(&service->lock);
    service->ready = ready;
    pthread_cond_broadcast(&service->changed);
    pthread_mutex_unlock(&service->lock);
}

/* Serves on one connection until it breaks or is to stop. */
static void
serve(KlActivationService *service, KlBroker *taken, GError **error)
{
    g_autoptr(KlBroker) broker = taken;
    while (!is_stopping(service, 0)) {
        g_autoptr(GPtrArray) messages = kl_broker_receive(broker, service->stop_fd, -1, error);
        if (messages == NULL || (messages->len > 0 && !work_through(service, broker, messages, error)))
            return;
    }
    kl_broker_close(g_steal_pointer(&broker));
}

static void *
run(void *data)
{
    KlActivationService *service = data;
    int wait_ms = WAIT_MS;
    while (!is_stopping(service, 0)) {
        g_autoptr(GError) error = NULL;
        KlBroker *broker = kl_broker_connect(&service->options.broker, service->stop_fd, &error);
        if (broker != NULL) {
            if (service->options.ready != NULL)
                service->options.ready(kl_broker_version(broker), service->options.data);
            set_ready(service, TRUE);
            gint64 since = g_get_monotonic_time();
            serve(service, broker, &error);
            set_ready(service, FALSE);
            if (g_get_monotonic_time() - since > (gint64)WAIT_MAX_MS * 1000)
                wait_ms = WAIT_MS;
        }
        if (error == NULL || is_stopping(service, 0))
            continue;
        tell_trouble(service, error);
        is_stopping(service, wait_ms + g_random_int_range(0, wait_ms));
        wait_ms = MIN(wait_ms * 2, WAIT_MAX_MS);
    }
    return NULL;
}

KlActivationService *
kl_activation_service_start(const KlActivationServiceOptions *options, GError **error)
{
    g_autoptr(KlActivationService) service = g_new0(KlActivationService, 1);
    pthread_condattr_t attributes;
    service->options = *options;
    if (options->broker.filters == NULL)
        service->options.broker.filters = kl_topic_filters;
    if (options->broker.window == 0)
        service->options.broker.window = KL_ACTIVATION_WINDOW;
    pthread_mutex_init(&service->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&service->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    service->handling = (KlHandling){.engine = options->engine,
                                     .window = service->options.broker.window,
                                     .stuck = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    service->workers = kl_workers_new(options->workers != 0 ? options->workers : WORKERS, &service->handling);
    service->stop_fd = eventfd(0, EFD_CLOEXEC);
    service->threaded = service->stop_fd >= 0 && pthread_create(&service->thread, NULL, run, service) == 0;
    if (service->threaded)
        return g_steal_pointer(&service);
    kl_fail(error, KL_ERROR_INTERNAL, "no thread for the service");
    return NULL;
}

gboolean
kl_activation_service_wait_ready(KlActivationService *service, int timeout_ms, GError **error)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&service->lock);
    while (!service->ready && pthread_cond_timedwait(&service->changed, &service->lock, &until) != ETIMEDOUT)
        continue;
    gboolean ready = service->ready;
    g_autoptr(GError) last = !ready && service->last != NULL ? g_error_copy(service->last) : NULL;
    pthread_mutex_unlock(&service->lock);
    if (last != NULL)
        g_propagate_error(error, g_steal_pointer(&last));
    else if (!ready)
        kl_fail(error, KL_ERROR_BROKER_DOWN, "not connected after %d ms", timeout_ms);
    return ready;
}

void
kl_activation_service_stop(KlActivationService *service)
{
    if (service == NULL)
        return;
    if (service->threaded) {
        eventfd_write(service->stop_fd, 1);
        pthread_join(service->thread, NULL);
    }
    kl_workers_free(service->workers);
    if (service->stop_fd >= 0)
        close(service->stop_fd);
    g_hash_table_unref(service->handling.stuck);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    g_clear_error(&service->last);
    g_free(service);
}
