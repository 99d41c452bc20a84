/* Text for a terminal: what comes from devices, labels and files must not be able to steer it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* text with everything that isn't printable escaped: control and format characters as \u{9B}, bytes that are not UTF-8
 * as \xFF. NULL becomes "-". The caller frees. */
char *kl_text_safe(const char *text);

/* Columns that valid UTF-8 text takes on a terminal. */
guint kl_text_width(const char *text);

/* A time (UTC microseconds since 1970; 0: "-") as "2025-01-31 14:05:09", local. The caller frees. */
char *kl_text_time(gint64 time_us);

/* How long ago a time was: "3 d", "2 h", "17 min", "5 s"; NULL for 0. The caller frees. */
char *kl_text_age(gint64 time_us);

/* A time as ISO 8601 in UTC; NULL for 0. The caller frees. */
char *kl_text_iso_time(gint64 time_us);

/* The other way round, for what people type: "2025-01-31", "2025-01-31 14:05" or any ISO 8601 time, local unless it
 * says otherwise. end_of_day: a day alone means the start of the next one. USAGE. */
gboolean kl_text_parse_time(const char *text, gboolean end_of_day, gint64 *time_us, GError **error);

G_END_DECLS
