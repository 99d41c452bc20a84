#include "db/cloud_row.h"

#include <string.h>

#include "db/activation_item.h"
#include "db/dynamodb.h"
#include "db/sink_rows.h"
#include "station/activation/activation.h"
#include "station/error.h"

#define TEXT_MAX 16384 /* bytes: what is longer is nothing that a unit could get */
#define IMEI_MAX 64    /* bytes: whatever else is written there, it is told to people */

static const char *const texts[] = {"device", "registered", "policy", "firmware", "parameters"};
static const char *const others[] = {"version", "connections", KL_ROW_IMEI, KL_BOOT_FIRST, KL_BOOT_SEEN};

/* The attribute that counts a verdict, by its name. */
static const char *
counter_of(KlActivationVerdict verdict, char name[64])
{
    g_snprintf(name, 64, "%s%s", KL_BOOT_COUNT, kl_activation_verdict_name(verdict));
    return name;
}

const char **
kl_cloud_row_attributes(void)
{
    GPtrArray *names = g_ptr_array_new();
    char counter[64];
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_ptr_array_add(names, (char *)texts[i]);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
        g_ptr_array_add(names, (char *)others[i]);
    for (guint i = 0; i < KL_ACTIVATION_N_VERDICTS; i++)
        g_ptr_array_add(names, (char *)g_intern_string(counter_of((KlActivationVerdict)i, counter)));
    g_ptr_array_add(names, NULL);
    return (const char **)g_ptr_array_free(names, FALSE);
}

static gboolean
check_texts(const char *device, JsonObject *item, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = kl_item_text(item, texts[i]);
        if (text == NULL)
            return kl_fail(error, KL_ERROR_ROW_UNREADABLE, "%s: %s is no text", device, texts[i]);
        if (strlen(text) > TEXT_MAX)
            return kl_fail(error, KL_ERROR_ROW_UNREADABLE, "%s: %s is longer than %d bytes", device, texts[i],
                           TEXT_MAX);
    }
    return TRUE;
}

/* Rows that something else than a station has written have none. */
static gboolean
read_imei(KlCloudRow *said, JsonObject *item, GError **error)
{
    const char *imei = kl_item_text(item, KL_ROW_IMEI);
    if (json_object_has_member(item, KL_ROW_IMEI) && (imei == NULL || strlen(imei) > IMEI_MAX))
        return kl_fail(error, KL_ERROR_ROW_UNREADABLE, "%s: " KL_ROW_IMEI " is no IMEI", said->device);
    said->imei = g_strdup(imei);
    return TRUE;
}

/* A number that need not be there: 0 then. */
static gboolean
read_number(const char *device, JsonObject *item, const char *name, gint64 *value, GError **error)
{
    guint64 number = 0;
    if (json_object_has_member(item, name) && (!kl_item_number(item, name, &number) || number > G_MAXINT64))
        return kl_fail(error, KL_ERROR_ROW_UNREADABLE, "%s: %s is no whole number from 0", device, name);
    *value = (gint64)number;
    return TRUE;
}

static gboolean
read_counts(KlCloudRow *said, JsonObject *item, GError **error)
{
    said->counts = kl_field_counts_new();
    for (guint i = 0; i < KL_ACTIVATION_N_VERDICTS; i++) {
        char counter[64];
        gint64 total = 0;
        if (!read_number(said->device, item, counter_of((KlActivationVerdict)i, counter), &total, error))
            return FALSE;
        if (total == 0)
            continue;
        KlFieldCount *count = g_new0(KlFieldCount, 1);
        *count = (KlFieldCount){g_strdup(kl_activation_verdict_name((KlActivationVerdict)i)), total};
        g_ptr_array_add(said->counts, count);
    }
    return TRUE;
}

/* It is heard of from its first message on. */
static gboolean
read_times(KlCloudRow *said, JsonObject *item, GError **error)
{
    return read_number(said->device, item, KL_BOOT_FIRST, &said->first_seen_us, error) &&
           read_number(said->device, item, KL_BOOT_SEEN, &said->last_seen_us, error) &&
           ((said->first_seen_us > 0) == (said->last_seen_us > 0) && said->first_seen_us <= said->last_seen_us
                ? TRUE
                : kl_fail(error, KL_ERROR_ROW_UNREADABLE, "%s: was seen last before it was seen first", said->device));
}

static gboolean
read_item(KlCloudRow *said, JsonObject *item, GError **error)
{
    static const char *const states[] = {"false", "requested", "ok", NULL};
    if (!check_texts(said->device, item, error))
        return FALSE;
    g_autoptr(KlRegistration) row = kl_boot_row(item);
    if (!g_strv_contains(states, row->registered))
        return kl_fail(error, KL_ERROR_ROW_UNREADABLE,
                       "%s: registered is not false, requested or ok, or version or connections is no number",
                       said->device);
    if (!read_imei(said, item, error) || !read_times(said, item, error) || !read_counts(said, item, error))
        return FALSE;
    said->row = g_steal_pointer(&row);
    return TRUE;
}

KlCloudRow *
kl_cloud_row_of_item(const char *device, JsonObject *item, gint64 asked_us)
{
    KlCloudRow *said = g_new0(KlCloudRow, 1);
    said->device = g_strdup(device);
    said->asked_us = asked_us;
    if (item != NULL)
        read_item(said, item, &said->problem);
    return said;
}
