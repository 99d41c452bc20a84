#include "station/net/aws_credentials.h"

#include <pthread.h>
#include <string.h>

#include "station/error.h"
#include "station/net/credential_sources.h"

#define EARLY_S 300                    /* renewed this long before they expire */
#define LAST_S 15                      /* and not used any more for a request that is this near to it */
#define PAUSE_US (10 * G_USEC_PER_SEC) /* between two looks at a source that failed */
#define SLICE_MS 100

struct KlAwsCredentials {
    const KlAwsConfig *config;
    KlHttp *http;
    KlAwsKeys *environment; /* or NULL */
    pthread_mutex_t mutex;  /* guards what follows */
    pthread_cond_t done;    /* looking has become FALSE */
    KlAwsKeys *keys;
    gboolean looking;  /* a thread looks for new keys */
    gint64 not_before; /* monotonic; no new look until then */
    GError *problem;   /* of the last look */
};

KlAwsKeys *
kl_aws_keys_new(const char *source, const char *access_key_id, const char *secret_key, const char *token,
                gint64 expires)
{
    KlAwsKeys *keys = g_new0(KlAwsKeys, 1);
    keys->references = 1;
    keys->source = source;
    keys->access_key_id = g_strdup(access_key_id);
    keys->secret_key = kl_secret_new(secret_key, strlen(secret_key));
    keys->session_token = token != NULL && *token != '\0' ? kl_secret_new(token, strlen(token)) : NULL;
    keys->expires = expires;
    return keys;
}

KlAwsKeys *
kl_aws_keys_ref(KlAwsKeys *keys)
{
    __atomic_add_fetch(&keys->references, 1, __ATOMIC_RELAXED);
    return keys;
}

void
kl_aws_keys_unref(KlAwsKeys *keys)
{
    if (keys == NULL || __atomic_sub_fetch(&keys->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    kl_secret_free(keys->secret_key);
    kl_secret_free(keys->session_token);
    g_free(keys->access_key_id);
    g_free(keys);
}

static KlAwsKeys *
keys_from_environment(void)
{
    const char *id = g_getenv("AWS_ACCESS_KEY_ID");
    const char *secret = g_getenv("AWS_SECRET_ACCESS_KEY");
    if (id == NULL || *id == '\0' || secret == NULL || *secret == '\0')
        return NULL;
    return kl_aws_keys_new("environment", id, secret, g_getenv("AWS_SESSION_TOKEN"), 0);
}

/* Keys that stand in one of the two files. */
static KlAwsKeys *
keys_from_file(const KlAwsConfig *config, gboolean shared)
{
    const char *id = kl_aws_config_get_from(config, shared, "aws_access_key_id");
    const char *secret = kl_aws_config_get_from(config, shared, "aws_secret_access_key");
    const char *token = kl_aws_config_get_from(config, shared, "aws_session_token");
    return id != NULL && secret != NULL ? kl_aws_keys_new("profile", id, secret, token, 0) : NULL;
}

KlAwsCredentials *
kl_aws_credentials_new(const KlAwsConfig *config, KlHttp *http)
{
    KlAwsCredentials *credentials = g_new0(KlAwsCredentials, 1);
    credentials->config = config;
    credentials->http = http;
    credentials->environment = kl_aws_config_profile_is_set(config) ? NULL : keys_from_environment();
    pthread_mutex_init(&credentials->mutex, NULL);
    pthread_cond_init(&credentials->done, NULL);
    return credentials;
}

void
kl_aws_credentials_free(KlAwsCredentials *credentials)
{
    if (credentials == NULL)
        return;
    kl_aws_keys_unref(credentials->environment);
    kl_aws_keys_unref(credentials->keys);
    g_clear_error(&credentials->problem);
    pthread_cond_destroy(&credentials->done);
    pthread_mutex_destroy(&credentials->mutex);
    g_free(credentials);
}

/* Goes through the sources. Blocking, without the mutex. */
static KlAwsKeys *
look(const KlAwsCredentials *credentials, KlOp *op, GError **error)
{
    if (credentials->environment != NULL)
        return kl_aws_keys_ref(credentials->environment);
    for (guint i = 0; i < 2; i++) {
        KlAwsKeys *keys = keys_from_file(credentials->config, i == 0);
        if (keys != NULL)
            return keys;
    }
    const char *command = kl_aws_config_get(credentials->config, "credential_process");
    if (command != NULL)
        return kl_keys_from_process(command, op, error);
    g_autoptr(GError) problem = NULL;
    KlAwsKeys *keys = kl_keys_from_instance(credentials->http, op, &problem);
    if (problem != NULL)
        g_propagate_error(error, g_steal_pointer(&problem));
    else if (keys == NULL)
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS,
                "no AWS keys in the environment, in profile '%s', or from the machine",
                kl_aws_config_profile(credentials->config));
    return keys;
}

static gboolean
holds_for(const KlAwsKeys *keys, gint64 seconds)
{
    return keys != NULL && (keys->expires == 0 || keys->expires - g_get_real_time() / G_USEC_PER_SEC > seconds);
}

/* Lets this thread look for new keys; called and returns with the mutex held. */
static void
renew(KlAwsCredentials *credentials, KlOp *op)
{
    credentials->looking = TRUE;
    pthread_mutex_unlock(&credentials->mutex);
    g_autoptr(GError) problem = NULL;
    KlAwsKeys *keys = look(credentials, op, &problem);
    if (keys != NULL && !holds_for(keys, LAST_S)) {
        kl_fail(&problem, KL_ERROR_CLOUD_CREDENTIALS, "%s: its keys have expired", keys->source);
        g_clear_pointer(&keys, kl_aws_keys_unref);
    }
    pthread_mutex_lock(&credentials->mutex);
    credentials->looking = FALSE;
    pthread_cond_broadcast(&credentials->done);
    g_clear_error(&credentials->problem);
    if (keys != NULL) {
        g_debug("aws: keys from %s", keys->source);
        kl_aws_keys_unref(credentials->keys);
        credentials->keys = keys;
        /* From a source whose keys never last long, every request would otherwise ask. */
        credentials->not_before = holds_for(keys, EARLY_S) ? 0 : g_get_monotonic_time() + PAUSE_US;
    } else if (g_error_matches(problem, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS) ||
               g_error_matches(problem, KL_ERROR, KL_ERROR_CONFIG_INVALID)) {
        /* What ended one operation (cancelled, out of time) is no reason to keep others from looking. */
        credentials->problem = g_steal_pointer(&problem);
        credentials->not_before = g_get_monotonic_time() + PAUSE_US;
    }
}

/* Waits until the thread that looks is done, or a moment; with the mutex held. */
static void
wait_for_other(KlAwsCredentials *credentials)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)SLICE_MS * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&credentials->done, &credentials->mutex, &until);
}

/* Keys to use now, with the mutex held; NULL with error. */
static KlAwsKeys *
find(KlAwsCredentials *credentials, KlOp *op, GError **error)
{
    for (;;) {
        gboolean paused = g_get_monotonic_time() < credentials->not_before;
        if (holds_for(credentials->keys, EARLY_S) ||
            (holds_for(credentials->keys, LAST_S) && (credentials->looking || paused)))
            return kl_aws_keys_ref(credentials->keys);
        if (!kl_op_check(op, error))
            return NULL;
        if (credentials->looking) {
            wait_for_other(credentials);
        } else if (paused && credentials->problem != NULL) {
            g_propagate_error(error, g_error_copy(credentials->problem));
            return NULL;
        } else {
            renew(credentials, op);
        }
    }
}

KlAwsKeys *
kl_aws_credentials_get(KlAwsCredentials *credentials, KlOp *op, GError **error)
{
    pthread_mutex_lock(&credentials->mutex);
    KlAwsKeys *keys = find(credentials, op, error);
    pthread_mutex_unlock(&credentials->mutex);
    return keys;
}

void
kl_aws_credentials_expired(KlAwsCredentials *credentials, const KlAwsKeys *keys)
{
    pthread_mutex_lock(&credentials->mutex);
    if (credentials->keys == keys) {
        g_clear_pointer(&credentials->keys, kl_aws_keys_unref);
        credentials->not_before = 0;
    }
    pthread_mutex_unlock(&credentials->mutex);
}
