#include "station/mqtt/broker.h"

#include <string.h>

#include "station/error.h"
#include "station/mqtt/link.h"
#include "station/mqtt/reach.h"

#define REACH_MS 20000

struct KlBroker {
    KlLink *in;  /* receives: nothing is written to it between a message and its acknowledgement */
    KlLink *out; /* publishes */
    guint version;
    guint window;
};

void
kl_broker_free(KlBroker *broker)
{
    if (broker == NULL)
        return;
    kl_link_free(broker->in);
    kl_link_free(broker->out);
    g_free(broker);
}

/* Brokers that only know 3.1.1 may take a shared subscription for a topic's name, and then nothing ever comes. */
static gboolean
check_share(const KlBroker *broker, const KlBrokerOptions *options, GError **error)
{
    return options->share == NULL || broker->version == 5 ||
           kl_fail(error, KL_ERROR_BROKER_REFUSED, "broker %s:%u knows no MQTT 5, which sharing needs", options->host,
                   options->port);
}

/* On a connection of its own, before the one that publishes: who is denied something may be thrown out as well. */
static gboolean
check_rules(const KlBroker *broker, const KlBrokerOptions *options, const char *id, int stop_fd, gboolean *too_new,
            GError **error)
{
    if (options->denied == NULL)
        return TRUE;
    g_autoptr(KlLink) link = kl_link_connect(options, id, FALSE, broker->version, stop_fd, too_new, error);
    return link != NULL &&
           (kl_link_denies(link, options->denied) ||
            kl_fail(error, KL_ERROR_BROKER_WRONG, "broker %s:%u lets us publish on %s: it has no access rules",
                    options->host, options->port, options->denied));
}

/* Whom the broker takes us for decides what it lets us hear as well, which it never tells. */
static gboolean
check_allowed(const KlBroker *broker, const KlBrokerOptions *options, GError **error)
{
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    return options->allowed == NULL ||
           (kl_link_publish(broker->out, options->allowed, nothing, error) && kl_link_settle(broker->out, error));
}

static gboolean
connect_links(KlBroker *broker, const KlBrokerOptions *options, int stop_fd, gboolean *too_new, GError **error)
{
    g_autofree char *out_id = g_strconcat(options->client_id, "/out", NULL);
    if (!check_rules(broker, options, out_id, stop_fd, too_new, error))
        return FALSE;
    broker->out = kl_link_connect(options, out_id, FALSE, broker->version, stop_fd, too_new, error);
    if (broker->out == NULL || !check_allowed(broker, options, error))
        return FALSE;
    broker->in =
        kl_link_connect(options, options->client_id, options->session_s > 0, broker->version, stop_fd, too_new, error);
    return broker->in != NULL;
}

static gboolean
subscribe(KlBroker *broker, const KlBrokerOptions *options, int stop_fd, GError **error)
{
    g_autoptr(GPtrArray) filters = g_ptr_array_new_with_free_func(g_free);
    for (const char *const *filter = options->filters; *filter != NULL; filter++)
        g_ptr_array_add(filters, options->share != NULL ? g_strdup_printf("$share/%s/%s", options->share, *filter)
                                                        : g_strdup(*filter));
    g_ptr_array_add(filters, NULL);
    return kl_link_subscribe(broker->in, (const char *const *)filters->pdata, stop_fd, error);
}

KlBroker *
kl_broker_connect(const KlBrokerOptions *options, int stop_fd, GError **error)
{
    gboolean too_new = FALSE;
    g_autoptr(GError) why = NULL;
    g_autoptr(KlBroker) broker = g_new0(KlBroker, 1);
    broker->window = options->window;
    broker->version = 5;
    if (!kl_reach_check(options->host, options->port, REACH_MS, stop_fd, error))
        return NULL;
    gboolean connected = connect_links(broker, options, stop_fd, &too_new, &why);
    if (!connected && too_new) {
        g_clear_error(&why);
        g_clear_pointer(&broker->out, kl_link_free);
        broker->version = 3;
        connected = connect_links(broker, options, stop_fd, &too_new, &why);
    }
    if (connected && check_share(broker, options, &why) && subscribe(broker, options, stop_fd, &why))
        return g_steal_pointer(&broker);
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

guint
kl_broker_version(const KlBroker *broker)
{
    return broker->version;
}

GPtrArray *
kl_broker_receive_more(KlBroker *broker, GError **error)
{
    for (guint had = G_MAXUINT; had != kl_link_received(broker->in) && kl_link_received(broker->in) < broker->window;) {
        had = kl_link_received(broker->in);
        if (!kl_link_step(broker->in, broker->out, KL_LINK_READ, -1, 0, NULL, error))
            return NULL;
    }
    return kl_link_take(broker->in);
}

GPtrArray *
kl_broker_receive(KlBroker *broker, int stop_fd, int timeout_ms, GError **error)
{
    gint64 until = timeout_ms < 0 ? G_MAXINT64 : g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    gboolean stopped = FALSE, late = FALSE;
    while (kl_link_received(broker->in) == 0 && !stopped && !late) {
        gint64 left_us = until - g_get_monotonic_time();
        late = left_us <= 0;
        /* As soon as there is a message, its acknowledgement waits to be written: reading comes last in a step. */
        if (!kl_link_step(broker->in, broker->out, KL_LINK_BOTH, stop_fd,
                          late ? 0 : (int)MIN(left_us / 1000 + 1, G_MAXINT), &stopped, error))
            return NULL;
    }
    return kl_link_received(broker->in) > 0 ? kl_broker_receive_more(broker, error) : kl_link_take(broker->in);
}

gboolean
kl_broker_publish(KlBroker *broker, const char *topic, GBytes *payload, GError **error)
{
    return kl_link_publish(broker->out, topic, payload, error);
}

gboolean
kl_broker_send(KlBroker *broker, int until_fd, GError **error)
{
    return kl_link_send(broker->out, until_fd, error);
}

gboolean
kl_broker_settle(KlBroker *broker, GError **error)
{
    return kl_link_settle(broker->out, error);
}

gboolean
kl_broker_done(KlBroker *broker, GError **error)
{
    return kl_broker_settle(broker, error) && kl_link_flush(broker->in, error);
}

void
kl_broker_close(KlBroker *broker)
{
    kl_link_disconnect(broker->out);
    kl_link_disconnect(broker->in);
    kl_broker_free(broker);
}
