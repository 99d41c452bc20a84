/* The periods that a report can be about. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    KL_PERIOD_SHIFT,     /* the last 8 hours */
    KL_PERIOD_TODAY,     /* since midnight, local time, like the following */
    KL_PERIOD_YESTERDAY, /* the whole day */
    KL_PERIOD_WEEK,      /* today and the 6 days before */
    KL_PERIOD_MONTH,     /* today and the 29 days before */
    KL_PERIOD_ALL,
    KL_PERIOD_N,
} KlPeriod;

/* The stable name ("last-8-hours"), for files. Static. */
const char *kl_period_id(KlPeriod period);

/* For people ("This shift (last 8 hours)"), translated. */
const char *kl_period_title(KlPeriod period);

/* The period as [*from_us, *to_us), UTC microseconds, as seen at that time and in its time zone. 0: without an end on
 * that side. */
void kl_period_bounds(KlPeriod period, GDateTime *now, gint64 *from_us, gint64 *to_us);

G_END_DECLS
