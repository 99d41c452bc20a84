/* keyline batch: the line armed for so many units, and what came of it. */
#include <string.h>
#include <unistd.h>

#include "station/cli/batch_view.h"
#include "station/cli/commands.h"
#include "station/cli/work.h"

/* How long to wait for the next unit where nobody could press Ctrl-C. */
#define IDLE_SECONDS 60

typedef struct {
    int count, idle;
    char *report, *operator_id, *work_order, *product;
    KlPassphraseSource passphrase;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->report);
    g_free(options->operator_id);
    g_free(options->work_order);
    g_free(options->product);
    kl_passphrase_source_clear(&options->passphrase);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean
parse(KlCli *cli, Options *o, char **words, GError **error)
{
    const GOptionEntry entries[] = {
        {"count", 'n', 0, G_OPTION_ARG_INT, &o->count, "How many units; may be more than there are slots", "N"},
        {"idle", 0, 0, G_OPTION_ARG_INT, &o->idle, "End after so long without a unit; 0: never", "SECONDS"},
        {"report", 0, 0, G_OPTION_ARG_STRING, &o->report, "Only print the report of an earlier batch", "BATCH"},
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o->operator_id, "Who works here, for the records", "ID"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o->work_order, "Work order, for the records", "WO"},
        {"product", 'p', 0, G_OPTION_ARG_STRING, &o->product, "Product (default: the station's)", "NAME"},
        KL_PASSPHRASE_ENTRIES(o->passphrase),
        {NULL},
    };
    const char *about = "Provisions every unit that is or gets plugged in, until N were worked on.\n"
                        "Ctrl-C: what runs goes on, nothing more is started; again: what runs stops.\n"
                        "--idle: without it for ever on a terminal, " G_STRINGIFY(IDLE_SECONDS) " seconds elsewhere.";
    if (!kl_cli_parse(cli, "keyline batch", NULL, about, entries, 0, 0, words, error))
        return FALSE;
    if (o->report != NULL)
        return TRUE;
    if (o->count < 1)
        return kl_fail(error, KL_ERROR_USAGE, "--count must be given and be 1 or more");
    if (o->idle < -1)
        return kl_fail(error, KL_ERROR_USAGE, "--idle %d: must be 0 (never) or more", o->idle);
    return TRUE;
}

static void
show(const KlCli *cli, const KlBatchView *view)
{
    if (cli->json)
        kl_batch_view_json(view);
    else
        kl_batch_view_print(view);
}

/* A batch learns of ends in the order of commits, which can be another one. */
static int
compare_ends(gconstpointer a, gconstpointer b)
{
    const KlRecord *first = *(KlRecord *const *)a, *second = *(KlRecord *const *)b;
    if (first->ended_us != second->ended_us)
        return first->ended_us < second->ended_us ? -1 : 1;
    return strcmp(first->id, second->id);
}

static int
run_batch(KlCli *cli, const Options *o, GError **error)
{
    g_autoptr(KlStation) station = kl_work_open(cli, o->product, error);
    if (station == NULL)
        return -1;
    if (kl_station_config(station)->slots->len == 0) {
        kl_fail(error, KL_ERROR_USAGE, "this station has no slots; see 'keyline slots'");
        return -1;
    }
    if (!kl_passphrase_unlock(station, &o->passphrase, error) || !kl_station_ready(station, error))
        return -1;
    const KlJobRequest request = {.operator_id = o->operator_id, .work_order = o->work_order};
    guint idle = o->idle >= 0 ? (guint)o->idle : isatty(STDIN_FILENO) ? 0 : IDLE_SECONDS;
    g_auto(KlWorkBatch) result = {0};
    if (!kl_work_batch(station, &request, (guint)o->count, idle, &result, error))
        return -1;
    g_ptr_array_sort(result.records, compare_ends);
    const KlBatchView view = {.batch = result.batch,
                              .records = result.records,
                              .count = (guint)o->count,
                              .left = result.left,
                              .stopped = result.stopped};
    show(cli, &view);
    return (int)kl_work_batch_exit_code(&result);
}

/* The heads of the batch's records; RECORD_UNKNOWN unless the beginning of its id means one batch. */
static GPtrArray *
find_heads(KlStore *store, const char *batch, GError **error)
{
    const KlRecordFilter filter = {.batch = batch};
    g_autoptr(GPtrArray) heads = store->klass->records(store, &filter, error);
    if (heads == NULL)
        return NULL;
    if (heads->len == 0) {
        kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no record of batch '%s'", batch);
        return NULL;
    }
    const KlRecord *newest = heads->pdata[0];
    for (guint i = 1; i < heads->len; i++) {
        const KlRecord *head = heads->pdata[i];
        if (strcmp(head->batch, newest->batch) != 0) {
            kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "more than one batch begins with '%s'", batch);
            return NULL;
        }
    }
    return g_steal_pointer(&heads);
}

static int
run_report(KlCli *cli, const char *batch, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    g_autoptr(GPtrArray) heads = find_heads(store, batch, error);
    if (heads == NULL)
        return -1;
    const KlRecord *newest = heads->pdata[0];
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    KlBatchView view = {.batch = newest->batch, .records = records};
    for (guint i = 0; i < heads->len; i++) {
        const KlRecord *head = heads->pdata[i];
        if (head->outcome == KL_OUTCOME_RUNNING) {
            view.running++;
            continue;
        }
        KlRecord *record = store->klass->record(store, head->id, error);
        if (record == NULL)
            return -1;
        g_ptr_array_add(records, record);
    }
    g_ptr_array_sort(records, compare_ends);
    show(cli, &view);
    return KL_EXIT_DONE;
}

int
kl_cmd_batch(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) o = {.idle = -1, .passphrase = KL_PASSPHRASE_SOURCE_INIT};
    if (!parse(cli, &o, words, error))
        return -1;
    return o.report != NULL ? run_report(cli, o.report, error) : run_batch(cli, &o, error);
}
