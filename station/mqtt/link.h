/* One connection by libmosquitto, driven by poll(). What is to be sent waits in libmosquitto's queue until the link is
 * stepped with KL_LINK_WRITE: that is what makes acknowledgements wait, which libmosquitto queues before it gives a
 * message to anybody. Whatever here waits for the broker writes nothing once a message has come. */
#pragma once

#include "station/mqtt/broker.h"

struct mosquitto;

G_BEGIN_DECLS

typedef struct KlLink KlLink;

/* What a step may do. */
typedef enum {
    KL_LINK_READ = 1,
    KL_LINK_WRITE = 2, /* first of all; also what acknowledges everything that was received */
    KL_LINK_BOTH = KL_LINK_READ | KL_LINK_WRITE,
} KlLinkStep;

/* Connects with that client id; returns when the broker has accepted it. version: 5 or 3; *too_new is set when it may
 * be that the broker does not know version 5. Otherwise as kl_broker_connect(). */
KlLink *kl_link_connect(const KlBrokerOptions *options, const char *client_id, gboolean persistent, guint version,
                        int stop_fd, gboolean *too_new, GError **error);
/* Breaks off. */
void kl_link_free(KlLink *link);

/* Waits for timeout_ms (-1: for ever), stop_fd, or something to do, and does it. The other link, which may be NULL, is
 * waited for and stepped (with KL_LINK_BOTH) as well. *stopped tells of stop_fd. FALSE: the link is broken. */
gboolean kl_link_step(KlLink *link, KlLink *other, KlLinkStep step, int stop_fd, int timeout_ms, gboolean *stopped,
                      GError **error);

/* Sends what is queued, and reads nothing. */
gboolean kl_link_flush(KlLink *link, GError **error);
/* Sends until the descriptor is readable. FALSE: the link is broken; BROKER_REFUSED, if the broker had not taken all.
 */
gboolean kl_link_send(KlLink *link, int until_fd, GError **error);
/* Sends, and waits until the broker has taken all that was published. BROKER_REFUSED: not all. */
gboolean kl_link_settle(KlLink *link, GError **error);

/* Subscribes, and waits for the answer; when messages of the client's session come before it, the answer comes after
 * their acknowledgement, and kl_link_step() fails if it is not the right one. */
gboolean kl_link_subscribe(KlLink *link, const char *const *filters, int stop_fd, GError **error);
gboolean kl_link_publish(KlLink *link, const char *topic, GBytes *payload, GError **error);
/* Whether the broker refuses a publication on that topic. It takes version 5 to tell: 3.1.1 is taken for refusing. The
 * link may not be there any more afterwards. */
gboolean kl_link_denies(KlLink *link, const char *topic);

/* What has come since it was asked last: KlBrokerMessage. Borrowed; kl_link_take() empties it. */
guint kl_link_received(const KlLink *link);
GPtrArray *kl_link_take(KlLink *link);

/* Says good-bye. */
void kl_link_disconnect(KlLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLink, kl_link_free)

G_END_DECLS
