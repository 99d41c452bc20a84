/* What is known here of units in the field: their registration rows, and what first boot has remembered of them
 * (station/activation/). Where first boot works on a cloud's table, that alone knows: here the rows are as they were
 * sent. */
#pragma once

#include "station/registration.h"

G_BEGIN_DECLS

/* How far a unit has come with its first boot. */
typedef enum {
    KL_FIELD_NEVER_SEEN, /* it has not been heard of */
    KL_FIELD_SEEN,       /* it has spoken, but not asked for anything that it may have: its row is "false" */
    KL_FIELD_REQUESTED,  /* it has asked, and not yet confirmed */
    KL_FIELD_OK,         /* it is activated */
    KL_FIELD_N_STATES
} KlFieldState;

/* "never-seen", "seen", "requested", "ok". Static. */
const char *kl_field_state_name(KlFieldState state);
/* -1: there is none of that name. */
int kl_field_state_from_name(const char *name);

/* How often a verdict was given (kl_activation_verdict_name()). */
typedef struct {
    char *verdict;
    gint64 total;
} KlFieldCount;

typedef struct {
    KlRegistration *row;
    char *imei;
    gint64 first_seen_us, last_seen_us; /* UTC microseconds; 0: never */
    gint64 alarm_us;   /* since when its connections are too many: somebody may have its credentials; 0:
                          they are not, or it has no certificate any more that could be misused */
    GPtrArray *counts; /* KlFieldCount by verdict; NULL unless asked for */
} KlFieldUnit;

void kl_field_unit_free(KlFieldUnit *unit);
void kl_field_count_free(KlFieldCount *count);
KlFieldState kl_field_state(const KlFieldUnit *unit);

/* Which units; all that is said must hold. */
typedef struct {
    const char *device; /* NULL: any */
    const char *imei;   /* NULL: any */
    int state;          /* KlFieldState; -1: any */
    gboolean alarms;    /* only those with one */
    gboolean counts;    /* with their counts */
    guint limit;        /* 0: all */
} KlFieldFilter;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlFieldUnit, kl_field_unit_free)

G_END_DECLS
