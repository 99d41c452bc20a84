#include "station/mqtt/link_trouble.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "station/error.h"

/* The reason in OpenSSL's line "error:0A000086:SSL routines::certificate verify failed", 0 when there is none. */
static int
ssl_reason(const char *said)
{
    const char *at = strstr(said, "error:");
    guint64 code = at != NULL ? g_ascii_strtoull(at + strlen("error:"), NULL, 16) : 0;
    return ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
}

static KlErrorCode
code_of(const char *said, int code)
{
    int reason = said != NULL ? ssl_reason(said) : 0;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED || reason == SSL_R_WRONG_VERSION_NUMBER)
        return KL_ERROR_BROKER_WRONG;
    /* The other side's alerts: it does not take our certificate. */
    if (reason > SSL_AD_REASON_OFFSET)
        return KL_ERROR_BROKER_REFUSED;
    if (said != NULL && strstr(said, "host name verification failed") != NULL)
        return KL_ERROR_BROKER_WRONG;
    if (said != NULL && g_str_has_prefix(said, "Error: "))
        return KL_ERROR_CONFIG_INVALID;
    return code == MOSQ_ERR_TLS ? KL_ERROR_CONFIG_INVALID : KL_ERROR_BROKER_DOWN;
}

gboolean
kl_link_broken(GError **error, const char *where, const char *said, int code)
{
    return kl_fail(error, code_of(said, code), "%s: %s", where, said != NULL ? said : mosquitto_strerror(code));
}

gboolean
kl_link_refused(GError **error, const char *where, const char *client_id, int reason)
{
    switch (reason) {
    case 3: /* 3.1.1: server unavailable */
    case MQTT_RC_SERVER_UNAVAILABLE:
    case MQTT_RC_SERVER_BUSY:
    case MQTT_RC_SERVER_SHUTTING_DOWN:
    case MQTT_RC_MESSAGE_RATE_TOO_HIGH:
    case MQTT_RC_CONNECTION_RATE_EXCEEDED:
    case MQTT_RC_KEEP_ALIVE_TIMEOUT:
    case 0: /* a plain good-bye */
        return kl_fail(error, KL_ERROR_BROKER_DOWN, "%s: %s", where, mosquitto_reason_string(reason));
    case MQTT_RC_SESSION_TAKEN_OVER:
        return kl_fail(error, KL_ERROR_BROKER_REFUSED, "%s: another client came with our client id '%s'", where,
                       client_id);
    default:
        return kl_fail(error, KL_ERROR_BROKER_REFUSED, "%s does not take '%s': %s", where, client_id,
                       reason < 128 ? mosquitto_connack_string(reason) : mosquitto_reason_string(reason));
    }
}
