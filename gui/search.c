#include "gui/search.h"

#include <string.h>

KlSearch *
kl_search_copy(const KlSearch *search)
{
    KlSearch *copy = g_new0(KlSearch, 1);
    *copy = *search;
    copy->identifier = g_strdup(search->identifier);
    copy->batch = g_strdup(search->batch);
    copy->operator_id = g_strdup(search->operator_id);
    copy->outcome = g_strdup(search->outcome);
    return copy;
}

void
kl_search_free(KlSearch *search)
{
    if (search == NULL)
        return;
    g_free(search->identifier);
    g_free(search->batch);
    g_free(search->operator_id);
    g_free(search->outcome);
    g_free(search);
}

KlRecordFilter
kl_search_filter(const KlSearch *search)
{
    return (KlRecordFilter){
        .identifier = search->identifier,
        .batch = search->batch,
        .operator_id = search->operator_id,
        .outcome = search->outcome,
        .from_us = search->from_us,
        .to_us = search->to_us,
    };
}

/* "5E:00:...:11": pairs of hex digits, as many as a serial number has at least, with a colon between. */
static gboolean
is_colon_hex(const char *text)
{
    gsize length = strlen(text);
    if (length < 8 * 3 - 1 || length % 3 != 2)
        return FALSE;
    for (gsize i = 0; i < length; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return FALSE;
    }
    return TRUE;
}

char *
kl_search_identifier(const char *typed)
{
    g_autofree char *text = g_strstrip(g_strdup(typed));
    if (*text == '\0')
        return NULL;
    if (!is_colon_hex(text))
        return g_steal_pointer(&text);
    g_auto(GStrv) pairs = g_strsplit(text, ":", -1);
    return g_strjoinv("", pairs);
}

void
kl_search_take_typed(KlSearch *search, const char *typed)
{
    g_autofree char *text = kl_search_identifier(typed);
    gsize length = strlen(KL_SEARCH_BATCH);
    gboolean batch = text != NULL && g_ascii_strncasecmp(text, KL_SEARCH_BATCH, length) == 0;
    if (batch)
        search->batch = kl_search_identifier(text + length);
    else
        search->identifier = g_steal_pointer(&text);
}

static gint64
microseconds(GDateTime *time)
{
    return g_date_time_to_unix(time) * G_USEC_PER_SEC;
}

gint64
kl_search_period_start(KlPeriod period, GDateTime *now)
{
    static const int days[] = {[KL_PERIOD_TODAY] = 0, [KL_PERIOD_7_DAYS] = 6, [KL_PERIOD_30_DAYS] = 29};
    if (period == KL_PERIOD_ALL || period == KL_PERIOD_CHOSEN)
        return 0;
    g_autoptr(GDateTime) day = g_date_time_add_days(now, -days[period]);
    g_autoptr(GDateTime) start =
        g_date_time_new(g_date_time_get_timezone(day), g_date_time_get_year(day), g_date_time_get_month(day),
                        g_date_time_get_day_of_month(day), 0, 0, 0);
    return microseconds(start);
}

gboolean
kl_search_day(const char *typed, gboolean end, gint64 *time_us)
{
    g_autofree char *text = g_strstrip(g_strdup(typed));
    *time_us = 0;
    if (*text == '\0')
        return TRUE;
    if (strlen(text) != strlen("2025-01-31"))
        return FALSE;
    g_autofree char *iso = g_strconcat(text, "T00:00:00", NULL);
    g_autoptr(GTimeZone) local = g_time_zone_new_local();
    g_autoptr(GDateTime) start = g_date_time_new_from_iso8601(iso, local);
    if (start == NULL)
        return FALSE;
    g_autoptr(GDateTime) next = g_date_time_add_days(start, 1);
    *time_us = microseconds(end ? next : start);
    return TRUE;
}
