/* What the rules of packaging/aws/activation.yaml hand a function: one message, as a JSON object. Pure.
 *
 *     {"device": "FX30-1", "level": "request", "topic": "bs/device/FX30-1/register/request", "payload": "BASE64",
 *      "client": "FX30-1", "trace": "UUID"}
 *
 * device and level are the seed's, and nothing is done with them: the topic says it all. The payload is never merged
 * with what the rule says of it, as "SELECT *" would: else a unit could write its own topic. */
#pragma once

#include "station/activation/activation.h"

G_BEGIN_DECLS

typedef struct {
    char *topic;
    GBytes *payload;
    char *client; /* of MQTT: the device policy makes it the thing's name. "n/a" for a message that came by HTTP */
    char *id;     /* the message's own at AWS ("trace:UUID"), or else the invocation's: the same when it is repeated */
} KlLambdaEvent;

/* Reads an event. CONFIG_INVALID: it is none of these rules'. On success, the caller clears it. */
gboolean kl_lambda_event_read(KlLambdaEvent *event, const char *text, gsize length, const char *invocation,
                              GError **error);

/* The message, which borrows from the event. */
KlActivationMessage kl_lambda_event_message(const KlLambdaEvent *event);

void kl_lambda_event_clear(KlLambdaEvent *event);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlLambdaEvent, kl_lambda_event_clear)

G_END_DECLS
