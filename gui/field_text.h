/* A unit's first boot in words. */
#pragma once

#include "station/field.h"

G_BEGIN_DECLS

/* How far it has come: "activated, runs version 3", or "activated, runs version 3 (in AWS 5 minutes ago)" at that time
 * (UTC microseconds). The caller frees. */
char *kl_field_state_text(const KlFieldUnit *unit, gint64 now_us);

/* What is wrong with it, or NULL. The caller frees. */
char *kl_field_alarm_text(const KlFieldUnit *unit);

/* Units with an alarm (KlFieldUnit): one a line, at most a few of them, and what to do about it. The caller frees. */
char *kl_field_alarms_text(const GPtrArray *units);

G_END_DECLS
