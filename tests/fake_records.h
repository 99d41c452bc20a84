/* A store that makes records up from their numbers, without a database: only records_numbered works. */
#pragma once

#include "station/error.h"
#include "station/store.h"

typedef struct {
    KlStore base;
    int calls;       /* atomic */
    gint64 fails_at; /* asking for this number fails; 0: none does */
    gint64
        running_from; /* records from this number on are running; 0: none is. Set it only while nothing is fetched. */
} FakeRecords;

/* What ends up in records from labels, devices and people: number n has text n modulo the count. */
static const char *const hostile_texts[] = {
    "217",
    "=HYPERLINK(\"http://x\",\"y\")",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "a,b",
    "say \"hello\"",
    "two\nlines",
    "\tx",
    " space ",
    "<b>&amp;",
    "bad \xff utf-8",
    "＝1+1",
    "",
    "\x1b[31m",
    "  =1",
};
#define N_HOSTILE G_N_ELEMENTS(hostile_texts)

static inline KlRecord *
fake_record(const FakeRecords *fake, gint64 number)
{
    KlRecord *record = kl_record_new();
    gboolean running = fake->running_from != 0 && number >= fake->running_from;
    record->id = g_strdup_printf("record-%" G_GINT64_FORMAT, number);
    record->station = g_strdup("station");
    record->slot = g_strdup_printf("%02d", (int)(number % 64));
    record->product = g_strdup("fx30s");
    record->program = g_strdup("0.1.0");
    record->operator_id = g_strdup(hostile_texts[number % (gint64)N_HOSTILE]);
    record->started_us = (1700000000 + number) * G_USEC_PER_SEC;
    record->ended_us = running ? 0 : record->started_us + 1500000;
    record->outcome = running ? KL_OUTCOME_RUNNING : number % 3 == 0 ? KL_OUTCOME_FAIL : KL_OUTCOME_PASS;
    record->code = record->outcome == KL_OUTCOME_FAIL ? g_strdup("PROOF_FAILED") : NULL;
    if (number % 5 != 0) {
        record->unit = g_new0(KlUnit, 1);
        record->unit->imei = g_strdup_printf("35%013d", (int)number);
        record->unit->fsn = g_strdup_printf("FSN%08d", (int)number);
        record->unit->device_id = number % 2 == 0 ? g_strdup_printf("FX30-%06d", (int)number) : NULL;
    }
    return record;
}

static inline GPtrArray *
fake_records_numbered(KlStore *store, const gint64 *numbers, gsize n_numbers, GError **error)
{
    FakeRecords *fake = (FakeRecords *)store;
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    g_atomic_int_inc(&fake->calls);
    for (gsize i = 0; i < n_numbers; i++) {
        if (numbers[i] == fake->fails_at) {
            kl_fail(error, KL_ERROR_STORE_CORRUPT, "made up");
            return NULL;
        }
        g_ptr_array_add(records, fake_record(fake, numbers[i]));
    }
    return g_steal_pointer(&records);
}

static const KlStoreClass fake_class = {.records_numbered = fake_records_numbered};

#define FAKE_RECORDS                                                                                                   \
    {                                                                                                                  \
        .base = {.klass = &fake_class }                                                                                \
    }

/* The numbers newest, newest - 1 ... 1. */
static inline GArray *
fake_numbers(gint64 newest)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (gint64 number = newest; number >= 1; number--)
        g_array_append_val(numbers, number);
    return numbers;
}
