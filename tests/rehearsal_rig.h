/* Stations whose units rehearse their first boot with a real broker, and jobs with something done in the middle. */
#pragma once

#include <string.h>

#include "station/mqtt/rehearsal.h"
#include "tests/rig/line_rig.h"

#define PRODUCT "rehearsal.first-boot=true", "rehearsal.timeout-seconds=120"
#define ANSWER_MS 4000
#define LATE_MS 300

static inline KlLineRig *
new_rig(guint units, const char *const *faults)
{
    static const char *const product[] = {PRODUCT, NULL};
    const KlSimOptions options = {.units = units,
                                  .one_port = TRUE,
                                  .faults = faults,
                                  .reconnect_ms = 50,
                                  .late_ms = LATE_MS,
                                  .answer_ms = ANSWER_MS};
    return kl_line_rig_new(&options, product);
}

static inline const KlStepResult *
rehearsal_of(const KlRecord *record)
{
    const KlStepResult *found = NULL;
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        if (g_str_equal(step->step, "rehearse"))
            found = step;
    }
    g_assert_nonnull(found);
    return found;
}

/* What is kept of the job: its transcript. */
static inline char *
evidence(const KlLineRig *rig, const KlRecord *record)
{
    KlStore *store = kl_station_store(rig->station);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlRecord) kept = store->klass->record(store, record->id, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&kept->transcript);
}

static inline guint
count_of(const char *text, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(text, word, -1);
    return g_strv_length(parts) - 1;
}

/* codes: one of these, separated by blanks; "PASS". */
static inline gboolean
has_ended(const KlRecord *record, const char *codes)
{
    g_auto(GStrv) allowed = g_strsplit(codes, " ", -1);
    return g_strv_contains((const char *const *)allowed, record->code != NULL ? record->code : "PASS");
}

static inline void
assert_ended(const KlLineRig *rig, const KlRecord *record, const char *codes)
{
    if (has_ended(record, codes))
        return;
    g_autofree char *kept = evidence(rig, record);
    const char *from = strstr(kept, "step rehearse");
    g_error("%s, not %s: %s\n%s", record->code, codes, record->detail, from != NULL ? from : "(not rehearsed)");
}

/* Nothing of the real table has changed, and nobody has counted anything there. */
static inline void
assert_row_untouched(const KlLineRig *rig)
{
    g_autofree char *rows = kl_line_rig_sql(rig, "SELECT DISTINCT registered, version, connections FROM registration");
    g_autofree char *counts = kl_line_rig_sql(rig, "SELECT count(*) FROM activation_counts, activation_seen");
    g_assert_cmpstr(rows, ==, "false|0|0");
    g_assert_cmpstr(counts, ==, "0");
}

/* All that the unit stores, by its hash. */
static inline char *
stored(const KlLineRig *rig, guint slot)
{
    g_autofree char *command =
        g_strdup_printf("cd '%s' && find . -type f | sort | xargs sha256sum", kl_sim_unit_dir(rig->sim, slot));
    return kl_line_rig_shell(rig, command);
}

/* --- jobs with something done in the middle of them --- */

static struct {
    const KlDriver *real;
    void (*before)(gpointer data); /* the unit is told to rehearse; once */
    void (*after)(gpointer data);  /* it was; once */
    gpointer data;
} hooks;

static inline gboolean
hooked_rehearse(KlDevice *device, const char *address, const char *broker_sha256, KlOp *op, GError **error)
{
    void (*before)(gpointer) = g_steal_pointer(&hooks.before);
    if (before != NULL)
        before(hooks.data);
    gboolean ok = hooks.real->rehearse(device, address, broker_sha256, op, error);
    void (*after)(gpointer) = g_steal_pointer(&hooks.after);
    if (after != NULL)
        after(hooks.data);
    return ok;
}

static inline void
drop(KlEvent *event, gpointer data)
{
    kl_event_free(event);
}

typedef struct {
    KlRehearsal *rehearsal; /* NULL: the station's */
    const char *parameters; /* NULL: the product's */
    GCancellable *cancel;
} Wish;

static inline KlRecord *
run(const KlStation *station, guint slot, const Wish *wish)
{
    const KlSlotConfig *config = g_ptr_array_index(kl_station_config(station)->slots, slot - 1);
    const KlJobRequest request = {.operator_id = "rig"};
    const KlPorts ports = {config->agent, config->modem};
    KlBench bench = *kl_station_bench(station);
    KlDriver driver = *bench.driver;
    KlProfile profile = *bench.profile;
    hooks.real = bench.driver;
    driver.rehearse = hooked_rehearse;
    bench.driver = &driver;
    bench.profile = &profile;
    if (wish != NULL && wish->rehearsal != NULL)
        bench.rehearsal = wish->rehearsal;
    if (wish != NULL && wish->parameters != NULL)
        profile.parameters = (char *)wish->parameters;
    g_autoptr(GCancellable) cancel =
        wish != NULL && wish->cancel != NULL ? g_object_ref(wish->cancel) : g_cancellable_new();
    return kl_job_run(&bench, config->name, &ports, &request, cancel, drop, NULL);
}

static inline void
assert_fresh_again(const KlLineRig *rig, guint slot)
{
    g_autoptr(KlRecord) next = run(rig->station, slot, NULL);
    assert_ended(rig, next, "PASS");
    g_autofree char *kept = evidence(rig, next);
    g_assert_null(strstr(kept, "left behind"));
}
