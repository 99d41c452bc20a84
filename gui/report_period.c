#include "gui/report_period.h"

#include "gui/i18n.h"

#define SHIFT_HOURS 8

static const struct {
    const char *id, *title;
} periods[KL_PERIOD_N] = {
    [KL_PERIOD_SHIFT] = {"last-8-hours", N_("This shift (last 8 hours)")},
    [KL_PERIOD_TODAY] = {"today", N_("Today")},
    [KL_PERIOD_YESTERDAY] = {"yesterday", N_("Yesterday")},
    [KL_PERIOD_WEEK] = {"7-days", N_("Last 7 days")},
    [KL_PERIOD_MONTH] = {"30-days", N_("Last 30 days")},
    [KL_PERIOD_ALL] = {"all", N_("All time")},
};

const char *
kl_period_id(KlPeriod period)
{
    return periods[period].id;
}

const char *
kl_period_title(KlPeriod period)
{
    return _(periods[period].title);
}

static gint64
to_us(GDateTime *time)
{
    return g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
}

/* Midnight so many days before today. By the calendar: a day with a clock change has 23 or 25 hours. */
static gint64
midnight_us(GDateTime *now, int days_ago)
{
    g_autoptr(GDateTime) day = g_date_time_add_days(now, -days_ago);
    g_autoptr(GDateTime) midnight =
        g_date_time_new(g_date_time_get_timezone(now), g_date_time_get_year(day), g_date_time_get_month(day),
                        g_date_time_get_day_of_month(day), 0, 0, 0);
    return to_us(midnight);
}

void
kl_period_bounds(KlPeriod period, GDateTime *now, gint64 *from, gint64 *to)
{
    *from = *to = 0;
    switch (period) {
    case KL_PERIOD_SHIFT:
        *from = to_us(now) - SHIFT_HOURS * G_TIME_SPAN_HOUR;
        break;
    case KL_PERIOD_TODAY:
        *from = midnight_us(now, 0);
        break;
    case KL_PERIOD_YESTERDAY:
        *from = midnight_us(now, 1);
        *to = midnight_us(now, 0);
        break;
    case KL_PERIOD_WEEK:
        *from = midnight_us(now, 6);
        break;
    case KL_PERIOD_MONTH:
        *from = midnight_us(now, 29);
        break;
    case KL_PERIOD_ALL:
    case KL_PERIOD_N:
        break;
    }
}
