#include "station/field_ask.h"

#include "station/error.h"

/* A page's time, where nobody says how long it may all take. */
#define PAGE_US (60 * G_USEC_PER_SEC)

typedef struct {
    KlStore *store;
    KlSink *sink;
    const KlFieldQuestion *question;
    KlOp *op;
    KlFieldAsked *asked;
} Asking;

void
kl_field_asked_clear(KlFieldAsked *asked)
{
    g_clear_pointer(&asked->problems, g_ptr_array_unref);
}

/* Any program with the right to do so may have written a row by that name. */
static void
check_owner(KlCloudRow *said, const char *imei)
{
    if (said->row == NULL || g_strcmp0(said->imei, imei) == 0)
        return;
    kl_fail(&said->problem, KL_ERROR_DUPLICATE_DEVICE, "%s: the row %s%s", said->device,
            said->imei != NULL ? "is of unit " : "does not say of which unit it is",
            said->imei != NULL ? said->imei : "");
}

/* Counts what was said; problems move over. */
static void
take_stock(const Asking *asking, GPtrArray *rows)
{
    KlFieldAsked *asked = asking->asked;
    for (guint i = 0; i < rows->len; i++) {
        KlCloudRow *said = rows->pdata[i];
        asked->asked++;
        asked->missing += said->problem == NULL && said->row == NULL;
        asked->alarms +=
            said->problem == NULL && said->row != NULL && said->row->connections > asking->question->connections_alarm;
        asked->n_problems += said->problem != NULL;
        if (said->problem != NULL && asked->problems->len < KL_FIELD_PROBLEMS_MOST) {
            g_ptr_array_add(asked->problems, said);
            rows->pdata[i] = NULL;
        }
    }
    if (rows->len > 0 && asking->question->told != NULL)
        asking->question->told(asked, asking->question->data);
}

/* units: KlFieldUnit, a page at most. */
static gboolean
ask_page(const Asking *asking, const GPtrArray *units, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free);
    g_autoptr(GHashTable) imeis = g_hash_table_new(g_str_hash, g_str_equal);
    const char *devices[KL_SINK_ASKED_MOST];
    KlOp op = *asking->op;
    if (op.deadline_us == 0)
        op.deadline_us = g_get_monotonic_time() + PAGE_US;
    for (guint i = 0; i < units->len; i++) {
        const KlFieldUnit *unit = units->pdata[i];
        devices[i] = unit->row->device;
        g_hash_table_insert(imeis, unit->row->device, unit->imei);
    }
    g_autoptr(GError) failure = NULL;
    asking->sink->klass->registrations(asking->sink, devices, units->len, rows, &op, &failure);
    for (guint i = 0; i < rows->len; i++) {
        KlCloudRow *said = rows->pdata[i];
        check_owner(said, g_hash_table_lookup(imeis, said->device));
    }
    if (!asking->store->klass->cloud_said(asking->store, asking->question->table, rows,
                                          asking->question->connections_alarm, error))
        return FALSE;
    take_stock(asking, rows);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
ask_everybody(const Asking *asking, GError **error)
{
    g_autofree char *after = NULL;
    for (;;) {
        const KlFieldFilter filter = {.after = after, .state = -1, .limit = KL_SINK_ASKED_MOST};
        g_autoptr(GPtrArray) units = asking->store->klass->field(asking->store, &filter, error);
        if (units == NULL || (units->len > 0 && !ask_page(asking, units, error)))
            return FALSE;
        if (units->len < KL_SINK_ASKED_MOST)
            return TRUE;
        const KlFieldUnit *last = units->pdata[units->len - 1];
        g_free(after);
        after = g_strdup(last->row->device);
    }
}

/* The units by those names, each once. NULL: one of them is unknown. */
static GPtrArray *
find_units(const Asking *asking, GError **error)
{
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func((GDestroyNotify)kl_field_unit_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (const char *const *device = asking->question->devices; *device != NULL; device++) {
        const KlFieldFilter filter = {.device = *device, .state = -1};
        if (!g_hash_table_add(seen, (char *)*device))
            continue;
        g_autoptr(GPtrArray) found = asking->store->klass->field(asking->store, &filter, error);
        if (found == NULL)
            return NULL;
        if (found->len == 0) {
            kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no registration row for device '%s'", *device);
            return NULL;
        }
        g_ptr_array_extend_and_steal(units, g_steal_pointer(&found));
    }
    return g_steal_pointer(&units);
}

static gboolean
ask_some(const Asking *asking, GError **error)
{
    g_autoptr(GPtrArray) units = find_units(asking, error);
    if (units == NULL)
        return FALSE;
    for (guint i = 0; i < units->len; i += KL_SINK_ASKED_MOST) {
        g_autoptr(GPtrArray) page = g_ptr_array_new();
        for (guint j = i; j < units->len && j < i + KL_SINK_ASKED_MOST; j++)
            g_ptr_array_add(page, units->pdata[j]);
        if (!ask_page(asking, page, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_field_ask(KlStore *store, KlSink *sink, const KlFieldQuestion *question, KlOp *op, KlFieldAsked *asked,
             GError **error)
{
    const Asking asking = {store, sink, question, op, asked};
    *asked = (KlFieldAsked){.problems = g_ptr_array_new_with_free_func((GDestroyNotify)kl_cloud_row_free)};
    return question->devices != NULL ? ask_some(&asking, error) : ask_everybody(&asking, error);
}
