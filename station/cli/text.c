#include "station/cli/text.h"

#include <string.h>

#include "station/error.h"

static gboolean
is_safe(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return g_unichar_isprint(c) && type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

char *
kl_text_safe(const char *text)
{
    if (text == NULL)
        return g_strdup("-");
    GString *safe = g_string_new(NULL);
    for (const char *p = text; *p != '\0';) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            g_string_append_printf(safe, "\\x%02X", (guint8)*p);
            p++;
            continue;
        }
        if (is_safe(c))
            g_string_append_unichar(safe, c);
        else
            g_string_append_printf(safe, "\\u{%X}", c);
        p = g_utf8_next_char(p);
    }
    return g_string_free(safe, FALSE);
}

guint
kl_text_width(const char *text)
{
    guint width = 0;
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (!g_unichar_iszerowidth(c))
            width += g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

char *
kl_text_time(gint64 time_us)
{
    if (time_us == 0)
        return g_strdup("-");
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_us / G_USEC_PER_SEC);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("-");
}

char *
kl_text_age(gint64 time_us)
{
    static const struct {
        gint64 from, size; /* seconds */
        const char *unit;
    } units[] = {{2 * 24 * 3600, 24 * 3600, "d"}, {3600, 3600, "h"}, {60, 60, "min"}, {0, 1, "s"}};
    if (time_us == 0)
        return NULL;
    gint64 seconds = MAX(g_get_real_time() - time_us, 0) / G_USEC_PER_SEC;
    guint i = 0;
    while (seconds < units[i].from)
        i++;
    return g_strdup_printf("%" G_GINT64_FORMAT " %s", seconds / units[i].size, units[i].unit);
}

char *
kl_text_iso_time(gint64 time_us)
{
    if (time_us == 0)
        return NULL;
    g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    if (seconds == NULL)
        return NULL;
    g_autoptr(GDateTime) time = g_date_time_add(seconds, time_us % G_USEC_PER_SEC);
    return g_date_time_format_iso8601(time);
}

gboolean
kl_text_parse_time(const char *text, gboolean end_of_day, gint64 *time_us, GError **error)
{
    gsize length = strlen(text);
    gboolean day_only = length == strlen("2025-01-31");
    const char *rest = day_only ? "T00:00:00" : length == strlen("2025-01-31 14:05") ? ":00" : "";
    g_autofree char *iso = g_strconcat(text, rest, NULL);
    g_autoptr(GTimeZone) local = g_time_zone_new_local();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(iso, local);
    if (time == NULL)
        return kl_fail(error, KL_ERROR_USAGE, "'%s' is not a time; write 2025-01-31 or 2025-01-31 14:05", text);
    g_autoptr(GDateTime) next = day_only && end_of_day ? g_date_time_add_days(time, 1) : g_date_time_ref(time);
    *time_us = g_date_time_to_unix(next) * G_USEC_PER_SEC + g_date_time_get_microsecond(next);
    return TRUE;
}
