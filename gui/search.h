/* What the History page looks for, from what people type. */
#pragma once

#include "station/store.h"

G_BEGIN_DECLS

typedef enum {
    KL_PERIOD_TODAY,
    KL_PERIOD_7_DAYS,
    KL_PERIOD_30_DAYS,
    KL_PERIOD_ALL,
    KL_PERIOD_CHOSEN, /* from and to are typed */
} KlPeriod;

typedef struct {
    char *identifier;  /* or NULL */
    char *batch;       /* batch id or its beginning, or NULL */
    char *operator_id; /* or NULL */
    char *outcome;     /* outcome name, or NULL */
    gint64 from_us, to_us;
} KlSearch;

/* What precedes a batch's id. */
#define KL_SEARCH_BATCH "batch:"

KlSearch *kl_search_copy(const KlSearch *search);
void kl_search_free(KlSearch *search);

/* The search as a filter, which borrows from it. */
KlRecordFilter kl_search_filter(const KlSearch *search);

/* What was typed or pasted without the space around it; hex in pairs with colons, as openssl prints serials and
 * fingerprints, without the colons. NULL when nothing is left. The caller frees. */
char *kl_search_identifier(const char *typed);

/* The same for the one field for everything: "batch:" and the beginning of a batch's id looks for the batch, anything
 * else is an identifier. */
void kl_search_take_typed(KlSearch *search, const char *typed);

/* Midnight (now's time zone) at which the period that ends now began, UTC microseconds; 0 for ALL and CHOSEN. */
gint64 kl_search_period_start(KlPeriod period, GDateTime *now);

/* A day ("2025-01-31", local) as its first moment, or with end the first moment after it, UTC microseconds. Blank is 0
 * (any). FALSE when it is no day. */
gboolean kl_search_day(const char *typed, gboolean end, gint64 *time_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSearch, kl_search_free)

G_END_DECLS
