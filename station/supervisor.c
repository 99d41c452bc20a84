#include "station/supervisor.h"

#include "station/error.h"
#include "station/pin.h"

#define PAUSE_US ((gint64)KL_SUPERVISOR_PAUSE_S * G_USEC_PER_SEC)

gboolean
kl_supervisor_has_pin(KlStore *store, gboolean *has, GError **error)
{
    GError *failure = NULL;
    g_autofree char *hash = store->klass->setting(store, KL_SETTING_PIN, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    *has = hash != NULL;
    return TRUE;
}

gboolean
kl_supervisor_set_pin(KlStore *store, const KlSecret *pin, GError **error)
{
    g_autofree char *hash = kl_pin_hash(pin, error);
    return hash != NULL && store->klass->set_setting(store, KL_SETTING_PIN, hash, error);
}

/* A setting as a number; 0 when it is not there or is none. */
static gboolean
read_number(KlStore *store, const char *key, gint64 *number, GError **error)
{
    GError *failure = NULL;
    g_autofree char *text = store->klass->setting(store, key, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    *number = 0;
    if (text != NULL)
        g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, number, NULL);
    return TRUE;
}

/* Sets a number; 0 forgets it. */
static gboolean
write_number(KlStore *store, const char *key, gint64 number, GError **error)
{
    g_autofree char *text = number != 0 ? g_strdup_printf("%" G_GINT64_FORMAT, number) : NULL;
    return store->klass->set_setting(store, key, text, error);
}

static gboolean
fail_paused(gint64 left_us, guint *pause_s, GError **error)
{
    guint seconds = (guint)((left_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
    if (pause_s != NULL)
        *pause_s = seconds;
    return kl_fail(error, KL_ERROR_PIN_PAUSED, "no PIN is taken for %u s", seconds);
}

/* FALSE with PIN_PAUSED during a pause. One that would last longer than any pause was set by a clock that has been put
 * back since: it must not lock the station for years. */
static gboolean
check_pause(KlStore *store, gint64 now_us, guint *pause_s, GError **error)
{
    gint64 until_us = 0;
    if (!read_number(store, KL_SETTING_PIN_PAUSE, &until_us, error))
        return FALSE;
    gint64 left_us = until_us - now_us;
    return left_us <= 0 || left_us > PAUSE_US || fail_paused(left_us, pause_s, error);
}

static gboolean
begin_pause(KlStore *store, const char *who, const char *subject, gint64 now_us, guint *pause_s, GError **error)
{
    const KlAct act = {
        .who = (char *)who, .role = (char *)"operator", .what = (char *)"pin-paused", .subject = (char *)subject};
    return write_number(store, KL_SETTING_PIN_PAUSE, now_us + PAUSE_US, error) &&
           write_number(store, KL_SETTING_PIN_WRONG, 0, error) && store->klass->add_act(store, &act, error) &&
           fail_paused(PAUSE_US, pause_s, error);
}

gboolean
kl_supervisor_check(KlStore *store, const KlSecret *pin, const char *who, const char *subject, gint64 now_us,
                    guint *pause_s, GError **error)
{
    if (!check_pause(store, now_us, pause_s, error))
        return FALSE;
    GError *failure = NULL;
    g_autofree char *hash = store->klass->setting(store, KL_SETTING_PIN, &failure);
    if (failure != NULL) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (hash == NULL)
        return kl_fail(error, KL_ERROR_PIN_MISSING, "no supervisor's PIN was set");
    gint64 wrong = 0;
    if (!read_number(store, KL_SETTING_PIN_WRONG, &wrong, error) ||
        !write_number(store, KL_SETTING_PIN_WRONG, wrong + 1, error))
        return FALSE;
    if (kl_pin_verify(hash, pin, &failure))
        return write_number(store, KL_SETTING_PIN_WRONG, 0, error);
    if (!g_error_matches(failure, KL_ERROR, KL_ERROR_PIN_WRONG) || wrong + 1 < KL_SUPERVISOR_TRIES) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_error_free(failure);
    return begin_pause(store, who, subject, now_us, pause_s, error);
}
