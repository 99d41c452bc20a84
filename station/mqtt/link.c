#include "station/mqtt/link.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "station/error.h"
#include "station/mqtt/link_trouble.h"

#define KEEPALIVE_S 60
#define ANSWER_MS 30000 /* so long for any one answer of the broker */
/* libmosquitto walks through all that is in flight for each publication. */
#define IN_FLIGHT 100
#define UNTOLD (-1)

struct KlLink {
    struct mosquitto *client;
    char *where; /* for messages */
    char *client_id;
    guint version;
    GPtrArray *received; /* KlBrokerMessage */
    guint window;        /* about so many of them at a time: brokers may send more than they are told to */
    gboolean more;       /* reading was left off for that */
    gboolean again;      /* the PUBLISH that is being read has DUP */
    char *said;          /* the first error that libmosquitto logged */
    guint progress;      /* answers and messages that have been read */
    int connack;         /* the broker's answers, or UNTOLD */
    int goodbye;         /* the reason of its DISCONNECT */
    int refused;         /* why it does not grant a subscription; 0 */
    gboolean subscribed; /* it has answered to all of them */
    guint published, settled;
    int unpublished; /* why it did not take a publication; 0 */
};

static void
message_free(gpointer data)
{
    KlBrokerMessage *message = data;
    g_free(message->topic);
    g_bytes_unref(message->payload);
    g_free(message);
}

/* --- what libmosquitto calls: they only note --- */

static void
on_connect(struct mosquitto *client, void *data, int reason, int flags, const mosquitto_property *properties)
{
    KlLink *link = data;
    link->connack = reason;
    link->progress++;
}

static void
on_disconnect(struct mosquitto *client, void *data, int reason, const mosquitto_property *properties)
{
    KlLink *link = data;
    /* With anything that libmosquitto found out itself, the call that found it fails: this is for DISCONNECT. */
    if (link->goodbye == UNTOLD)
        link->goodbye = reason;
}

static void
on_subscribe(struct mosquitto *client, void *data, int id, int n, const int *granted, const mosquitto_property *props)
{
    KlLink *link = data;
    for (int i = 0; i < n; i++) {
        if (granted[i] != 1 && link->refused == 0)
            link->refused = MAX(granted[i], MQTT_RC_UNSPECIFIED);
    }
    link->subscribed = TRUE;
    link->progress++;
}

static void
on_publish(struct mosquitto *client, void *data, int id, int reason, const mosquitto_property *properties)
{
    KlLink *link = data;
    link->settled++;
    link->progress++;
    if (reason >= MQTT_RC_UNSPECIFIED && link->unpublished == 0)
        link->unpublished = reason;
}

static void
on_message(struct mosquitto *client, void *data, const struct mosquitto_message *message,
           const mosquitto_property *properties)
{
    KlLink *link = data;
    KlBrokerMessage *got = g_new0(KlBrokerMessage, 1);
    got->topic = g_strdup(message->topic);
    got->payload = g_bytes_new(message->payload, (gsize)message->payloadlen);
    got->retained = message->retain;
    got->again = link->again;
    g_ptr_array_add(link->received, got);
    link->progress++;
}

/* libmosquitto tells of DUP nowhere but in its log, right before it gives the message to on_message(). */
static void
note_again(KlLink *link, const char *text)
{
    gsize id = strlen(link->client_id);
    const char *rest = g_str_has_prefix(text, "Client ") && strncmp(text + strlen("Client "), link->client_id, id) == 0
                           ? text + strlen("Client ") + id
                           : "";
    if (g_str_has_prefix(rest, " received PUBLISH (d"))
        link->again = rest[strlen(" received PUBLISH (d")] == '1';
}

static void
on_log(struct mosquitto *client, void *data, int level, const char *text)
{
    KlLink *link = data;
    if (level == MOSQ_LOG_DEBUG)
        note_again(link, text);
    else if (level == MOSQ_LOG_ERR && link->said == NULL)
        link->said = g_strdup(text);
}

/* --- making one --- */

void
kl_link_free(KlLink *link)
{
    if (link == NULL)
        return;
    if (link->client != NULL)
        mosquitto_destroy(link->client);
    g_ptr_array_unref(link->received);
    g_free(link->where);
    g_free(link->client_id);
    g_free(link->said);
    g_free(link);
}

static void
start_library(void)
{
    mosquitto_lib_init();
}

static KlLink *
link_new(const KlBrokerOptions *options, const char *client_id, gboolean persistent, guint version)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    KlLink *link = g_new0(KlLink, 1);
    link->where = g_strdup_printf("broker %s:%u", options->host, options->port);
    link->client_id = g_strdup(client_id);
    link->version = version;
    link->window = options->window;
    link->received = g_ptr_array_new_with_free_func(message_free);
    link->connack = link->goodbye = UNTOLD;
    link->client = mosquitto_new(client_id, !persistent, link);
    g_assert(link->client != NULL);
    /* Says that nothing is sent but by mosquitto_loop_write(). */
    mosquitto_threaded_set(link->client, true);
    mosquitto_int_option(link->client, MOSQ_OPT_PROTOCOL_VERSION, version == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    mosquitto_int_option(link->client, MOSQ_OPT_RECEIVE_MAXIMUM, (int)options->window);
    mosquitto_int_option(link->client, MOSQ_OPT_SEND_MAXIMUM, IN_FLIGHT);
    mosquitto_int_option(link->client, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(link->client, on_connect);
    mosquitto_disconnect_v5_callback_set(link->client, on_disconnect);
    mosquitto_subscribe_v5_callback_set(link->client, on_subscribe);
    mosquitto_publish_v5_callback_set(link->client, on_publish);
    mosquitto_message_v5_callback_set(link->client, on_message);
    mosquitto_log_callback_set(link->client, on_log);
    return link;
}

/* A key with a passphrase is no key for a service: nobody is asked for one. */
static int
no_passphrase(char *buffer, int size, int writing, void *data)
{
    return 0;
}

static gboolean
use_tls(KlLink *link, const KlBrokerOptions *options, GError **error)
{
    const char *const files[] = {options->ca_file, options->certificate_file, options->key_file};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        if (files[i] == NULL || access(files[i], R_OK) != 0)
            return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", files[i] != NULL ? files[i] : "no file",
                           g_strerror(errno));
    }
    int rc = mosquitto_tls_set(link->client, files[0], NULL, files[1], files[2], no_passphrase);
    /* 1 is SSL_VERIFY_PEER. */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_opts_set(link->client, 1, "tlsv1.2", NULL);
    return rc == MOSQ_ERR_SUCCESS || kl_fail(error, KL_ERROR_CONFIG_INVALID, "TLS: %s", mosquitto_strerror(rc));
}

static int
begin(KlLink *link, const KlBrokerOptions *options, gboolean persistent)
{
    mosquitto_property *properties = NULL;
    if (link->version == 5 && persistent)
        mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, options->session_s);
    int rc = mosquitto_connect_bind_v5(link->client, options->host, options->port, KEEPALIVE_S, NULL, properties);
    mosquitto_property_free_all(&properties);
    return rc;
}

/* --- running it --- */

static gboolean
broken(const KlLink *link, int code, GError **error)
{
    if (link->goodbye != UNTOLD && code == MOSQ_ERR_NO_CONN)
        return kl_link_refused(error, link->where, link->client_id, link->goodbye);
    return kl_link_broken(error, link->where, link->said, code);
}

/* Reads whatever is there. libmosquitto leaves off when the pipe that it wakes its own loop with is full, which nobody
 * empties here, and poll() does not know of what OpenSSL has read already: so, until nothing more is read. */
static int
read_all(KlLink *link)
{
    guint before = link->progress - 1;
    int rc = MOSQ_ERR_SUCCESS;
    link->more = FALSE;
    while (rc == MOSQ_ERR_SUCCESS && link->progress != before && link->goodbye == UNTOLD && !link->more) {
        before = link->progress;
        rc = mosquitto_loop_read(link->client, 1);
        link->more = link->received->len >= link->window;
    }
    return rc;
}

/* Writing comes first: what reading queues is not for this step. Only before the broker has taken us, when there are no
 * messages, is it the other way round: why it does not take us would be lost by writing to it. */
static int
read_and_write(KlLink *link, short events, KlLinkStep step)
{
    gboolean greeting = link->connack == UNTOLD;
    int rc = MOSQ_ERR_SUCCESS;
    if (greeting && events != 0)
        rc = read_all(link);
    if (rc == MOSQ_ERR_SUCCESS && (events & ~POLLIN) != 0 && (step & KL_LINK_WRITE) != 0 && link->received->len == 0)
        rc = mosquitto_loop_write(link->client, 1);
    if (rc == MOSQ_ERR_SUCCESS && !greeting && events != 0 && (step & KL_LINK_READ) != 0)
        rc = read_all(link);
    return rc == MOSQ_ERR_SUCCESS ? mosquitto_loop_misc(link->client) : rc;
}

static gboolean
drive(KlLink *link, short events, KlLinkStep step, GError **error)
{
    int rc = read_and_write(link, events, step);
    if (rc != MOSQ_ERR_SUCCESS)
        return broken(link, rc, error);
    return link->refused == 0 || kl_fail(error, KL_ERROR_BROKER_REFUSED, "%s does not grant the subscriptions: %s",
                                         link->where, mosquitto_reason_string(link->refused));
}

static struct pollfd
polled_of(KlLink *link, KlLinkStep step)
{
    gboolean writing = link != NULL && (step & KL_LINK_WRITE) != 0 && mosquitto_want_write(link->client);
    return (struct pollfd){.fd = link != NULL ? mosquitto_socket(link->client) : -1,
                           .events = (short)((step & KL_LINK_READ ? POLLIN : 0) | (writing ? POLLOUT : 0))};
}

gboolean
kl_link_step(KlLink *link, KlLink *other, KlLinkStep step, int stop_fd, int timeout_ms, gboolean *stopped,
             GError **error)
{
    struct pollfd polled[] = {polled_of(link, step), polled_of(other, KL_LINK_BOTH), {.fd = stop_fd, .events = POLLIN}};
    gboolean more = link->more && (step & KL_LINK_READ) != 0;
    /* Once a second, for libmosquitto's PINGREQ. */
    int wait_ms = more ? 0 : timeout_ms < 0 || timeout_ms > 1000 ? 1000 : timeout_ms;
    if (poll(polled, G_N_ELEMENTS(polled), wait_ms) < 0 && errno != EINTR)
        return kl_fail(error, KL_ERROR_INTERNAL, "poll: %s", g_strerror(errno));
    if (stopped != NULL)
        *stopped = polled[2].revents != 0;
    return drive(link, (short)(polled[0].revents | (more ? POLLIN : 0)), step, error) &&
           (other == NULL || drive(other, polled[1].revents, KL_LINK_BOTH, error));
}

/* Steps until done() says so. */
static gboolean
run_until(KlLink *link, gboolean (*done)(const KlLink *), KlLinkStep step, int stop_fd, GError **error)
{
    gint64 until = g_get_monotonic_time() + (gint64)ANSWER_MS * 1000;
    while (!done(link)) {
        gboolean stopped = FALSE;
        gint64 left_ms = (until - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0)
            return kl_fail(error, KL_ERROR_BROKER_DOWN, "%s: no answer for %d s", link->where, ANSWER_MS / 1000);
        if (!kl_link_step(link, NULL, step, stop_fd, (int)left_ms, &stopped, error))
            return FALSE;
        if (stopped && !done(link))
            return kl_fail(error, KL_ERROR_CANCELLED, "%s: stopped", link->where);
    }
    return TRUE;
}

static gboolean
is_answered(const KlLink *link)
{
    return link->connack != UNTOLD;
}

static gboolean
is_subscribed_or_busy(const KlLink *link)
{
    return link->subscribed || link->received->len > 0;
}

static gboolean
is_sent(const KlLink *link)
{
    return !mosquitto_want_write(link->client);
}

static gboolean
is_settled(const KlLink *link)
{
    return link->settled == link->published;
}

/* A broker of 3.1.1 answers to version 5 with a refusal that libmosquitto may not even be able to read, or by closing.
 */
static gboolean
looks_too_new(const KlLink *link)
{
    if (link->version != 5)
        return FALSE;
    if (link->connack == UNTOLD)
        return link->said == NULL;
    return link->connack == 1 || link->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION;
}

KlLink *
kl_link_connect(const KlBrokerOptions *options, const char *client_id, gboolean persistent, guint version, int stop_fd,
                gboolean *too_new, GError **error)
{
    g_autoptr(KlLink) link = link_new(options, client_id, persistent, version);
    *too_new = FALSE;
    if (options->ca_file != NULL && !use_tls(link, options, error))
        return NULL;
    int rc = begin(link, options, persistent);
    if (rc != MOSQ_ERR_SUCCESS) {
        broken(link, rc, error);
        return NULL;
    }
    g_autoptr(GError) why = NULL;
    gboolean answered = run_until(link, is_answered, KL_LINK_BOTH, stop_fd, &why);
    if (answered && link->connack == 0)
        return g_steal_pointer(&link);
    if (link->connack != UNTOLD) {
        g_clear_error(&why);
        kl_link_refused(&why, link->where, client_id, link->connack);
    }
    *too_new = !g_error_matches(why, KL_ERROR, KL_ERROR_CANCELLED) && looks_too_new(link);
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

gboolean
kl_link_flush(KlLink *link, GError **error)
{
    return run_until(link, is_sent, KL_LINK_WRITE, -1, error);
}

/* Who is denied something may be thrown out as well: that it was denied says more. */
static gboolean
fail_to_publish(const KlLink *link, GError *why, GError **error)
{
    g_autoptr(GError) owned = why;
    if (link->unpublished != 0)
        return kl_fail(error, KL_ERROR_BROKER_REFUSED, "%s does not let '%s' publish: %s", link->where, link->client_id,
                       mosquitto_reason_string(link->unpublished));
    g_propagate_error(error, g_steal_pointer(&owned));
    return FALSE;
}

gboolean
kl_link_send(KlLink *link, int until_fd, GError **error)
{
    GError *why = NULL;
    gboolean stopped = FALSE;
    while (!stopped) {
        if (!kl_link_step(link, NULL, KL_LINK_BOTH, until_fd, -1, &stopped, &why))
            return fail_to_publish(link, why, error);
    }
    return TRUE;
}

gboolean
kl_link_settle(KlLink *link, GError **error)
{
    GError *why = NULL;
    gboolean settled = run_until(link, is_settled, KL_LINK_BOTH, -1, &why);
    return (settled && link->unpublished == 0) || fail_to_publish(link, why, error);
}

gboolean
kl_link_subscribe(KlLink *link, const char *const *filters, int stop_fd, GError **error)
{
    int n = (int)g_strv_length((char **)filters);
    /* What is retained is never a unit that speaks now: told once, for the journal, is enough. */
    int rc = mosquitto_subscribe_multiple(link->client, NULL, n, (char *const *)filters, 1,
                                          link->version == 5 ? MQTT_SUB_OPT_SEND_RETAIN_NEW : 0, NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        return broken(link, rc, error);
    return run_until(link, is_subscribed_or_busy, KL_LINK_BOTH, stop_fd, error);
}

gboolean
kl_link_publish(KlLink *link, const char *topic, GBytes *payload, GError **error)
{
    gsize length = 0;
    const void *bytes = g_bytes_get_data(payload, &length);
    int rc = mosquitto_publish_v5(link->client, NULL, topic, (int)length, bytes, 1, false, NULL);
    if (rc == MOSQ_ERR_OVERSIZE_PACKET || rc == MOSQ_ERR_PAYLOAD_SIZE)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s takes no message of %" G_GSIZE_FORMAT " bytes, for %s",
                       link->where, length, topic);
    if (rc != MOSQ_ERR_SUCCESS)
        return broken(link, rc, error);
    link->published++;
    return TRUE;
}

gboolean
kl_link_denies(KlLink *link, const char *topic)
{
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    /* Some brokers break off instead of answering, or after that. */
    return link->version != 5 || !kl_link_publish(link, topic, nothing, NULL) ||
           !run_until(link, is_settled, KL_LINK_BOTH, -1, NULL) || link->unpublished != 0;
}

guint
kl_link_received(const KlLink *link)
{
    return link->received->len;
}

GPtrArray *
kl_link_take(KlLink *link)
{
    GPtrArray *taken = link->received;
    link->received = g_ptr_array_new_with_free_func(message_free);
    return taken;
}

void
kl_link_disconnect(KlLink *link)
{
    if (link->received->len == 0 && mosquitto_disconnect_v5(link->client, 0, NULL) == MOSQ_ERR_SUCCESS)
        mosquitto_loop_write(link->client, 1);
}
