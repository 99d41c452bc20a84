/* keyline registry push: sends everything that waits for the cloud, and shows how it gets on. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/passphrase.h"
#include "station/station.h"

#define DEFAULT_PATIENCE 60
#define LOOK_US (G_USEC_PER_SEC / 5)
#define CLEAR_LINE "\r\033[K"

/* How the queue stands, and since when it has not moved. */
typedef struct {
    guint queued, parked, sent;
    guint queued_of[KL_OUTBOX_KINDS];
    guint sent_before;
    gint64 moved_us;      /* monotonic */
    const char *ids_code; /* why no device numbers could be leased; no row waits for that */
    gboolean terminal;
} Drain;

static gboolean
look(Drain *drain, KlStore *store, GError **error)
{
    g_auto(KlOutboxCounts) counts = {0};
    if (!store->klass->outbox_counts(store, &counts, error))
        return FALSE;
    if (counts.sent != drain->sent || counts.parked != drain->parked)
        drain->moved_us = g_get_monotonic_time();
    drain->queued = counts.queued;
    drain->parked = counts.parked;
    drain->sent = counts.sent;
    memcpy(drain->queued_of, counts.queued_of, sizeof counts.queued_of);
    return TRUE;
}

/* "3 registration (CLOUD_DENIED), 5 record": what is left, and why it waits. The caller frees. */
static char *
left_text(const Drain *drain, const KlOutboxStatus *status)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        const char *code = status->waiting_codes[kind];
        if (drain->queued_of[kind] == 0)
            continue;
        g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", drain->queued_of[kind],
                               kl_outbox_kind_name((KlOutboxKind)kind));
        if (code != NULL)
            g_string_append_printf(text, " (%s)", code);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
show(const Drain *drain, const KlOutboxStatus *status)
{
    if (!drain->terminal)
        return;
    g_autofree char *left = left_text(drain, status);
    fprintf(stderr, CLEAR_LINE "%u sent, %u left, %u parked%s%s", drain->sent - drain->sent_before, drain->queued,
            drain->parked, *left != '\0' ? ": " : "", left);
}

/* What holds up the rows that are left, as a failure: as soon as somebody has to mend something for all of them, or
 * when the patience is over. */
static gboolean
give_up(const Drain *drain, const KlOutboxStatus *status, guint patience, GError **error)
{
    gboolean mend = TRUE;
    int first = -1;
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        if (drain->queued_of[kind] == 0)
            continue;
        int code = kl_error_from_name(status->waiting_codes[kind]);
        mend = mend && code >= 0 && kl_error_kind((KlErrorCode)code) == KL_ERROR_KIND_STATION;
        first = first < 0 ? code : first;
    }
    if (!mend && g_get_monotonic_time() - drain->moved_us < (gint64)patience * G_USEC_PER_SEC)
        return FALSE;
    g_autofree char *left = left_text(drain, status);
    kl_fail(error, first >= 0 ? (KlErrorCode)first : KL_ERROR_CLOUD_TIMEOUT, "%u rows are still queued: %s",
            drain->queued, left);
    return TRUE;
}

/* Waits until nothing is queued any more. */
static gboolean
wait_drained(Drain *drain, KlStation *station, guint patience, GError **error)
{
    KlStore *store = kl_station_store(station);
    KlOutbox *outbox = kl_station_outbox(station);
    kl_outbox_poke(outbox);
    for (;;) {
        /* Asked for first: rows that nothing holds up any more by now are seen as sent. */
        const KlOutboxStatus status = kl_outbox_status(outbox);
        if (!look(drain, store, error))
            return FALSE;
        drain->ids_code = kl_outbox_status(outbox).ids_code;
        show(drain, &status);
        if (drain->queued == 0)
            return TRUE;
        if (give_up(drain, &status, patience, error))
            return FALSE;
        g_usleep(LOOK_US);
    }
}

static void
print_result(const KlCli *cli, const Drain *drain)
{
    guint sent = drain->sent - drain->sent_before;
    int ids_code = kl_error_from_name(drain->ids_code);
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_int(builder, "sent", sent);
        kl_json_int(builder, "queued", drain->queued);
        kl_json_int(builder, "parked", drain->parked);
        kl_json_string(builder, "ids_code", drain->ids_code);
        json_builder_end_object(builder);
        kl_json_print(builder);
        return;
    }
    printf("%u sent, %u left, %u parked%s\n", sent, drain->queued, drain->parked,
           drain->parked > 0 ? ": see keyline registry pending" : "");
    if (ids_code >= 0)
        printf("No row waits for it, but no new device ids could be leased: %s  %s\n  -> %s\n", drain->ids_code,
               kl_error_words((KlErrorCode)ids_code), kl_error_remedy((KlErrorCode)ids_code));
}

/* The station, to send its rows from here. Whoever runs it sends them anyway. */
static KlStation *
open_to_send(const KlCli *cli, GError **error)
{
    g_autoptr(GError) failure = NULL;
    KlStation *station = kl_station_open(cli->dir, KL_STATION_RUN, NULL, &failure);
    if (station != NULL)
        return station;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_STATION_BUSY))
        kl_fail(error, KL_ERROR_STATION_SENDS, "%s", failure->message);
    else
        g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

int
kl_cmd_registry_push(KlCli *cli, char **words, GError **error)
{
    g_auto(KlPassphraseSource) source = KL_PASSPHRASE_SOURCE_INIT;
    int patience = DEFAULT_PATIENCE;
    const GOptionEntry entries[] = {
        {"patience", 0, 0, G_OPTION_ARG_INT, &patience, "Give up when nothing gets through (default 60)", "SECONDS"},
        KL_PASSPHRASE_ENTRIES(source),
        {NULL},
    };
    const char *about = "Sends everything that waits for the cloud. Ends when nothing is left; it may be\n"
                        "stopped at any time, and loses nothing. For a station that does not run: one that runs\n"
                        "sends its rows by itself.";
    if (!kl_cli_parse(cli, "keyline registry push", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (patience < 0) {
        kl_fail(error, KL_ERROR_USAGE, "--patience %d: a number from 0 up", patience);
        return -1;
    }
    g_autoptr(KlStation) station = open_to_send(cli, error);
    if (station == NULL)
        return -1;
    if (!kl_station_config(station)->aws.on) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "station.conf has no [aws] group: there is no cloud to send rows to");
        return -1;
    }
    Drain drain = {.moved_us = g_get_monotonic_time(), .terminal = isatty(STDERR_FILENO)};
    if (!look(&drain, kl_station_store(station), error) || !kl_passphrase_unlock(station, &source, error))
        return -1;
    drain.sent_before = drain.sent;
    gboolean drained = wait_drained(&drain, station, (guint)patience, error);
    if (drain.terminal)
        fputs(CLEAR_LINE, stderr);
    if (!drained)
        return -1;
    print_result(cli, &drain);
    return drain.parked > 0 ? KL_EXIT_UNIT : KL_EXIT_DONE;
}
