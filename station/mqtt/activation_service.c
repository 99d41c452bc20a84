#include "station/mqtt/activation_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "station/error.h"
#include "station/mqtt/workers.h"

/* Threads mostly wait for a commit that they share: the more there are, the more messages a commit keeps. */
#define WORKERS 64
#define HANDLE_US (30 * G_USEC_PER_SEC) /* at most so long for one message */
#define AGAIN_MS 50                     /* before a message is tried again in its place; twice as long each time */
#define AGAIN_TIMES 5
#define STUCK_TIMES 3 /* so often a request comes again while those of other units get through */
#define WAIT_MS 100   /* before the broker is tried again; twice as long each time */
#define WAIT_MAX_MS 10000

struct KlActivationService {
    KlActivationServiceOptions options;
    KlWorkers *workers;
    int stop_fd;
    pthread_t thread;
    gboolean threaded;
    GHashTable *stuck; /* topic -> how often it came to nothing; changed while no worker works only */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    gboolean ready;
    GError *last;
};

/* A message on its way; chained to the next one of the same device. */
typedef struct Turn {
    const KlBrokerMessage *message;
    KlActivation *became;
    GError *error;
    gboolean tried;       /* it did not just come behind one that has to come again */
    gboolean comes_again; /* nothing that was received with it is acknowledged */
    struct Turn *next;
} Turn;

static void
turn_free(gpointer data)
{
    Turn *turn = data;
    if (turn->became != NULL)
        kl_activation_free(turn->became);
    g_clear_error(&turn->error);
    g_free(turn);
}

/* --- handling --- */

static gboolean
is_retry(const GError *error)
{
    return error != NULL && kl_error_kind(kl_error_code(error)) == KL_ERROR_KIND_RETRY;
}

/* What a unit tells, it tells until the broker has it: if nothing became of that, it has to come again, whatever was
 * wrong. What it asks for, it asks for again by itself; so a request comes again while that is worth it, and not for
 * ever while other units wait behind it. */
static gboolean
has_to_come_again(const KlActivationService *service, const Turn *turn)
{
    KlTopicKind kind = kl_topic_parse(turn->message->topic).kind;
    if (turn->error == NULL || kind == KL_TOPIC_CONFIRM || kind == KL_TOPIC_VERSION)
        return turn->error != NULL;
    guint times = GPOINTER_TO_UINT(g_hash_table_lookup(service->stuck, turn->message->topic));
    return is_retry(turn->error) && times < STUCK_TIMES;
}

static void
handle(KlActivationService *service, Turn *turn)
{
    gsize length = 0;
    const char *payload = g_bytes_get_data(turn->message->payload, &length);
    const KlActivationMessage message = {
        .topic = turn->message->topic,
        .payload = payload,
        .length = length,
        .retained = turn->message->retained,
        .again = turn->message->again,
    };
    turn->tried = TRUE;
    for (guint i = 0; i < AGAIN_TIMES && turn->became == NULL; i++) {
        if (i > 0)
            g_usleep((gulong)AGAIN_MS * 1000 << (i - 1));
        KlOp op = {.deadline_us = g_get_monotonic_time() + HANDLE_US};
        g_clear_error(&turn->error);
        turn->became = kl_activation_engine_handle(service->options.engine, &message, &op, &turn->error);
        if (!is_retry(turn->error))
            break;
    }
    turn->comes_again = has_to_come_again(service, turn);
}

/* Behind a message of its device that has to come again, a message has to come again as well. */
static void
hold_back(Turn *turn, const Turn *before)
{
    turn->error = g_error_copy(before->error);
    turn->comes_again = TRUE;
}

/* A chain is of one device. */
static void
handle_chain(gpointer chain, gpointer data)
{
    for (Turn *turn = chain, *before = NULL; turn != NULL; before = turn, turn = turn->next) {
        if (before != NULL && before->comes_again)
            hold_back(turn, before);
        else
            handle(data, turn);
    }
}

/* Of what was not handled yet: messages of one device are handled in the order in which they came. */
static GPtrArray *
chain_up(GPtrArray *turns)
{
    GPtrArray *chains = g_ptr_array_new();
    g_autoptr(GHashTable) ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < turns->len; i++) {
        Turn *turn = turns->pdata[i];
        KlTopic topic = kl_topic_parse(turn->message->topic);
        Turn *before = topic.device[0] != '\0' ? g_hash_table_lookup(ends, topic.device) : NULL;
        gboolean is_new = !turn->tried && !turn->comes_again;
        if (is_new && before != NULL && before->comes_again)
            hold_back(turn, before);
        else if (is_new && before != NULL && !before->tried)
            before->next = turn;
        else if (is_new)
            g_ptr_array_add(chains, turn);
        g_hash_table_insert(ends, g_strdup(topic.device), turn);
    }
    return chains;
}

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
publish(KlActivationService *service, KlBroker *broker, const Turn *turn, GError **error)
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

/* Remembers how often a request came to nothing while something came of others: it is not the table's trouble, then. */
static void
note_stuck(KlActivationService *service, GPtrArray *turns)
{
    gboolean others = FALSE;
    for (guint i = 0; i < turns->len; i++)
        others |= ((const Turn *)turns->pdata[i])->became != NULL;
    if (g_hash_table_size(service->stuck) > service->options.broker.window)
        g_hash_table_remove_all(service->stuck);
    for (guint i = 0; i < turns->len; i++) {
        const Turn *turn = turns->pdata[i];
        const char *topic = turn->message->topic;
        guint times = GPOINTER_TO_UINT(g_hash_table_lookup(service->stuck, topic));
        if (!turn->comes_again)
            g_hash_table_remove(service->stuck, topic);
        else if (turn->tried && others)
            g_hash_table_insert(service->stuck, g_strdup(topic), GUINT_TO_POINTER(times + 1));
    }
}

/* What a batch has come to: told, published, acknowledged. A message that is to come again comes again with all that
 * came with it: libmosquitto acknowledges all or none. Those are then known as handled, and answered again; but units
 * whose messages came to something do not wait for that. */
static gboolean
conclude(KlActivationService *service, KlBroker *broker, GPtrArray *turns, GError **error)
{
    const GError *again = NULL;
    note_stuck(service, turns);
    for (guint i = 0; i < turns->len; i++) {
        const Turn *turn = turns->pdata[i];
        tell(service,
             &(KlServiceMessage){FALSE, turn->message->topic, turn->message->payload, turn->became, turn->error});
        if (turn->comes_again)
            again = turn->error;
        else if (turn->error != NULL)
            tell_trouble(service, turn->error);
        if (!publish(service, broker, turn, error))
            return FALSE;
    }
    if (again == NULL)
        return kl_broker_done(broker, error);
    if (kl_broker_settle(broker, error))
        g_propagate_error(error, g_error_copy(again));
    return FALSE;
}

static gboolean
any_comes_again(const GPtrArray *turns)
{
    for (guint i = 0; i < turns->len; i++) {
        if (((const Turn *)turns->pdata[i])->comes_again)
            return TRUE;
    }
    return FALSE;
}

/* One turn for each message that has none yet. */
static void
add_turns(GPtrArray *turns, const GPtrArray *messages)
{
    for (guint i = turns->len; i < messages->len; i++) {
        Turn *turn = g_new0(Turn, 1);
        turn->message = messages->pdata[i];
        g_ptr_array_add(turns, turn);
    }
}

/* When a message has to come again, what has come meanwhile is handled, too: others, which might never be received
 * otherwise, do not wait behind it. */
static gboolean
work_through(KlActivationService *service, KlBroker *broker, GPtrArray *messages, GError **error)
{
    g_autoptr(GPtrArray) turns = g_ptr_array_new_with_free_func(turn_free);
    while (turns->len < messages->len) {
        add_turns(turns, messages);
        g_autoptr(GPtrArray) chains = chain_up(turns);
        kl_workers_run(service->workers, chains);
        if (!any_comes_again(turns) || messages->len >= service->options.broker.window)
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
    service->stuck = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    service->workers = kl_workers_new(options->workers != 0 ? options->workers : WORKERS, handle_chain, service);
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
    g_hash_table_unref(service->stuck);
    pthread_mutex_destroy(&service->lock);
    pthread_cond_destroy(&service->changed);
    g_clear_error(&service->last);
    g_free(service);
}
