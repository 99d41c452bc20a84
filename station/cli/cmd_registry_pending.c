/* keyline registry pending, retry, park: what is on its way to the cloud. */
#include <stdio.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/station.h"

#define DEFAULT_LIMIT 50

static const char *
state_name(KlOutboxState state)
{
    return state == KL_OUTBOX_PARKED ? "parked" : "queued";
}

static const char *
words_of(const char *name)
{
    int code = kl_error_from_name(name);
    return code >= 0 ? kl_error_words((KlErrorCode)code) : NULL;
}

static void
add_row(JsonBuilder *builder, const KlOutboxRow *row)
{
    json_builder_begin_object(builder);
    kl_json_int(builder, "number", row->number);
    kl_json_string(builder, "kind", kl_outbox_kind_name(row->kind));
    kl_json_string(builder, "key", row->key);
    kl_json_string(builder, "record_id", row->run);
    kl_json_string(builder, "state", state_name(row->state));
    kl_json_int(builder, "attempts", row->attempts);
    kl_json_time(builder, "queued", row->queued_us);
    kl_json_time(builder, "tried", row->tried_us);
    kl_json_string(builder, "code", row->last_code);
    kl_json_string(builder, "words", words_of(row->last_code));
    kl_json_string(builder, "detail", row->last_detail);
    json_builder_end_object(builder);
}

static void
print_json(const KlOutboxCounts *counts, GPtrArray *const *lists)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_int(builder, "queued", counts->queued);
    kl_json_int(builder, "parked", counts->parked);
    kl_json_int(builder, "sent", counts->sent);
    kl_json_time(builder, "oldest", counts->oldest_us);
    kl_json_array(builder, "rows");
    for (; *lists != NULL; lists++) {
        for (guint i = 0; i < (*lists)->len; i++)
            add_row(builder, (*lists)->pdata[i]);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
add_rows(KlTable *table, const GPtrArray *rows, GHashTable *codes)
{
    for (guint i = 0; i < rows->len; i++) {
        const KlOutboxRow *row = rows->pdata[i];
        g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, row->number);
        g_autofree char *attempts = g_strdup_printf("%u", row->attempts);
        g_autofree char *age = kl_text_age(row->queued_us);
        kl_table_add(table,
                     (const char *const[]){number, kl_outbox_kind_name(row->kind), row->key, state_name(row->state),
                                           attempts, age, row->last_code != NULL ? row->last_code : "",
                                           row->last_detail != NULL ? row->last_detail : ""});
        if (row->last_code != NULL)
            g_hash_table_add(codes, row->last_code);
    }
}

/* What the codes mean, each once. */
static void
print_words(GHashTable *codes)
{
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(codes), (GCompareFunc)g_strcmp0);
    for (const GList *name = names; name != NULL; name = name->next) {
        int code = kl_error_from_name(name->data);
        if (code >= 0)
            printf("%s%s  %s\n  -> %s\n", name == names ? "\n" : "", (const char *)name->data,
                   kl_error_words((KlErrorCode)code), kl_error_remedy((KlErrorCode)code));
    }
}

static void
print_table(const KlOutboxCounts *counts, GPtrArray *const *lists)
{
    g_autoptr(GHashTable) codes = g_hash_table_new(g_str_hash, g_str_equal);
    g_autofree char *age = counts->queued > 0 ? kl_text_age(counts->oldest_us) : NULL;
    printf("%u queued%s%s, %u parked, %u sent\n", counts->queued, age != NULL ? ", the oldest for " : "",
           age != NULL ? age : "", counts->parked, counts->sent);
    if (counts->queued + counts->parked == 0)
        return;
    g_autoptr(KlTable) table = kl_table_new(
        (const char *const[]){">NUMBER", "KIND", "KEY", "STATE", ">TRIES", ">AGE", "CODE", "DETAILS", NULL});
    for (; *lists != NULL; lists++)
        add_rows(table, *lists, codes);
    printf("\n");
    kl_table_print(table, stdout);
    print_words(codes);
}

int
kl_cmd_registry_pending(KlCli *cli, char **words, GError **error)
{
    int limit = DEFAULT_LIMIT;
    const GOptionEntry entries[] = {
        {"limit", 'n', 0, G_OPTION_ARG_INT, &limit, "At most so many rows of each state (default 50; 0: all)", "N"},
        {NULL},
    };
    const char *about = "Lists what has not reached the cloud: parked rows, which it does not take, and\n"
                        "queued ones, the oldest first.";
    if (!kl_cli_parse(cli, "keyline registry pending", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (limit < 0) {
        kl_fail(error, KL_ERROR_USAGE, "--limit %d: a number from 0 up", limit);
        return -1;
    }
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    g_auto(KlOutboxCounts) counts = {0};
    g_autoptr(GPtrArray) parked = store->klass->outbox_rows(store, KL_OUTBOX_PARKED, (guint)limit, error);
    g_autoptr(GPtrArray) queued =
        parked != NULL ? store->klass->outbox_rows(store, KL_OUTBOX_QUEUED, (guint)limit, error) : NULL;
    if (queued == NULL || !store->klass->outbox_counts(store, &counts, error))
        return -1;
    GPtrArray *const lists[] = {parked, queued, NULL};
    if (cli->json)
        print_json(&counts, lists);
    else
        print_table(&counts, lists);
    return KL_EXIT_DONE;
}

/* A row's number, as pending tells it. */
static gboolean
parse_number(const char *text, gint64 *number, GError **error)
{
    if (g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, number, NULL))
        return TRUE;
    return kl_fail(error, KL_ERROR_USAGE, "'%s' is no row: its number stands in keyline registry pending", text);
}

static void
print_done(const KlCli *cli, const char *what, gint64 number, const char *hint)
{
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_string(builder, "done", what);
        kl_json_int(builder, "number", number);
        json_builder_end_object(builder);
        kl_json_print(builder);
    } else if (number == 0) {
        printf("All rows: %s.%s\n", what, hint);
    } else {
        printf("Row %" G_GINT64_FORMAT ": %s.%s\n", number, what, hint);
    }
}

/* The store, also while somebody runs the station. */
static KlStore *
open_beside(const KlCli *cli, GError **error)
{
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    return station != NULL ? kl_station_open_writer(station, error) : NULL;
}

int
kl_cmd_registry_retry(KlCli *cli, char **words, GError **error)
{
    gboolean all = FALSE;
    gint64 number = 0;
    const GOptionEntry entries[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "Every row", NULL},
        {NULL},
    };
    const char *about = "Has a parked row sent again, and one that waits for its next turn sent at once. Works\n"
                        "beside a running station, which sends it within a minute or two.";
    if (!kl_cli_parse(cli, "keyline registry retry", "[NUMBER]", about, entries, 0, 1, words, error))
        return -1;
    if (all == (words[1] != NULL)) {
        kl_fail(error, KL_ERROR_USAGE, "either a row's NUMBER or --all");
        return -1;
    }
    if (!all && !parse_number(words[1], &number, error))
        return -1;
    g_autoptr(KlStore) store = open_beside(cli, error);
    if (store == NULL || !store->klass->outbox_retry(store, number, error))
        return -1;
    print_done(cli, "queued", number, " A running station sends by itself; else: keyline registry push.");
    return KL_EXIT_DONE;
}

int
kl_cmd_registry_park(KlCli *cli, char **words, GError **error)
{
    gint64 number = 0;
    const char *about = "Puts a row aside. It is not sent any more until keyline registry retry. Works beside a\n"
                        "running station; what it is sending at that moment may still arrive.";
    if (!kl_cli_parse(cli, "keyline registry park", "NUMBER", about, NULL, 1, 1, words, error) ||
        !parse_number(words[1], &number, error))
        return -1;
    g_autoptr(KlStore) store = open_beside(cli, error);
    if (store == NULL || !store->klass->outbox_park(store, number, NULL, NULL, error))
        return -1;
    print_done(cli, "parked", number, "");
    return KL_EXIT_DONE;
}
