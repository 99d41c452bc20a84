/* What is known here of units in the field: their registration rows, and what first boot has remembered of them
 * (station/activation/). Where first boot works on a cloud's table, that alone knows: here is what the table said when
 * it was last asked. */
#pragma once

#include "station/registration.h"

G_BEGIN_DECLS

/* How far a unit has come with its first boot. */
typedef enum {
    KL_FIELD_NEVER_SEEN, /* it has not been heard of */
    KL_FIELD_SEEN,       /* it has spoken, but not asked for anything that it may have: its row is "false" */
    KL_FIELD_REQUESTED,  /* it has asked, and not yet confirmed */
    KL_FIELD_OK,         /* it is activated */
    KL_FIELD_NOT_ASKED,  /* nobody knows: the cloud's table was not asked yet, or has only had the row that the unit had
                             before it was provisioned anew */
    KL_FIELD_MISSING,    /* the cloud's table had no row of it when it was asked */
    KL_FIELD_N_STATES
} KlFieldState;

/* "never-seen", "seen", "requested", "ok", "not-asked", "missing". Static. */
const char *kl_field_state_name(KlFieldState state);
/* -1: there is none of that name. */
int kl_field_state_from_name(const char *name);

/* How often a verdict was given (kl_activation_verdict_name()). */
typedef struct {
    char *verdict;
    gint64 total;
} KlFieldCount;

void kl_field_count_free(KlFieldCount *count);
/* An empty KlFieldCount array that owns what is in it. */
GPtrArray *kl_field_counts_new(void);

/* What a cloud's registration table said of a device. */
typedef struct {
    char *device;
    gint64 asked_us;                    /* UTC microseconds: when it was asked */
    KlRegistration *row;                /* NULL: there is no such row, or (with problem) none that can be read */
    GError *problem;                    /* why the row that is there can't be one to go by; else NULL */
    char *imei;                         /* the unit that the row says it is of; NULL: it says nothing */
    gint64 first_seen_us, last_seen_us; /* 0: never */
    GPtrArray *counts;                  /* KlFieldCount by verdict; NULL without a row */
} KlCloudRow;

void kl_cloud_row_free(KlCloudRow *row);

typedef struct {
    KlFieldState state;
    KlRegistration *row; /* the station's own. Where a cloud's is looked for, that one, unless NOT_ASKED or MISSING:
                            then it is the station's, as it is sent */
    char *imei;
    gint64 first_seen_us, last_seen_us; /* UTC microseconds; 0: never */
    gint64 alarm_us;   /* since when its connections are too many: somebody may have its credentials; 0:
                          they are not, or it has no certificate any more that could be misused */
    gint64 asked_us;   /* when the cloud's table was asked of it; 0: it was not, or there is none */
    GPtrArray *counts; /* KlFieldCount by verdict; NULL unless asked for */
} KlFieldUnit;

void kl_field_unit_free(KlFieldUnit *unit);

/* Whether its state says how first boot got on: not so when no table that knows it was asked, or that had no row. */
gboolean kl_field_known(const KlFieldUnit *unit);

/* Which units; all that is said must hold. */
typedef struct {
    const char *cloud;  /* first boot works on the cloud's table of that name: what it said; NULL: on the rows here */
    const char *device; /* NULL: any */
    const char *after;  /* a device: only those behind it in order; NULL: from the first one */
    const char *imei;   /* NULL: any */
    int state;          /* KlFieldState; -1: any */
    gboolean alarms;    /* only those with one */
    gboolean counts;    /* with their counts */
    guint limit;        /* 0: all */
} KlFieldFilter;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlFieldUnit, kl_field_unit_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlCloudRow, kl_cloud_row_free)

G_END_DECLS
