/* A unit's first boot in words. */
#pragma once

#include "station/field.h"

G_BEGIN_DECLS

/* How far it has come: "activated, runs version 3"; by a cloud's table with the time when it was asked, as what is
 * shown may stand for long: "activated, runs version 3 (in AWS, 2026-11-22 09:11:20)". The caller frees. */
char *kl_field_state_text(const KlFieldUnit *unit);

/* What is wrong with it, or NULL. The caller frees. */
char *kl_field_alarm_text(const KlFieldUnit *unit);

/* Units with an alarm (KlFieldUnit): one a line, at most a few of them, and what to do about it. The caller frees. */
char *kl_field_alarms_text(const GPtrArray *units);

G_END_DECLS
