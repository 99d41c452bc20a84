/* keyline registry push: sends everything that waits for the cloud, and shows how it gets on. */
#include <stdio.h>
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
    guint sent_before;
    gint64 moved_us; /* monotonic */
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
    return TRUE;
}

static void
show(const Drain *drain, const char *waiting_code)
{
    if (!drain->terminal)
        return;
    fprintf(stderr, CLEAR_LINE "%u sent, %u left, %u parked%s%s", drain->sent - drain->sent_before, drain->queued,
            drain->parked, waiting_code != NULL ? "; waiting: " : "", waiting_code != NULL ? waiting_code : "");
}

/* What holds up the rows, as a failure: until somebody has mended it, or when the patience is over. */
static gboolean
give_up(const Drain *drain, const char *waiting_code, guint patience, GError **error)
{
    int code = kl_error_from_name(waiting_code);
    gboolean mend = code >= 0 && kl_error_kind((KlErrorCode)code) == KL_ERROR_KIND_STATION;
    if (!mend && g_get_monotonic_time() - drain->moved_us < (gint64)patience * G_USEC_PER_SEC)
        return FALSE;
    kl_fail(error, code >= 0 ? (KlErrorCode)code : KL_ERROR_CLOUD_TIMEOUT, "%u rows are still queued", drain->queued);
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
        if (!look(drain, store, error))
            return FALSE;
        const char *waiting_code = kl_outbox_status(outbox).waiting_code;
        show(drain, waiting_code);
        if (drain->queued == 0)
            return TRUE;
        if (give_up(drain, waiting_code, patience, error))
            return FALSE;
        g_usleep(LOOK_US);
    }
}

static void
print_result(const KlCli *cli, const Drain *drain)
{
    guint sent = drain->sent - drain->sent_before;
    if (cli->json) {
        g_autoptr(JsonBuilder) builder = json_builder_new();
        json_builder_begin_object(builder);
        kl_json_int(builder, "sent", sent);
        kl_json_int(builder, "queued", drain->queued);
        kl_json_int(builder, "parked", drain->parked);
        json_builder_end_object(builder);
        kl_json_print(builder);
    } else {
        printf("%u sent, %u left, %u parked%s\n", sent, drain->queued, drain->parked,
               drain->parked > 0 ? ": see keyline registry pending" : "");
    }
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
                        "stopped at any time, and loses nothing.";
    if (!kl_cli_parse(cli, "keyline registry push", NULL, about, entries, 0, 0, words, error))
        return -1;
    if (patience < 0) {
        kl_fail(error, KL_ERROR_USAGE, "--patience %d: a number from 0 up", patience);
        return -1;
    }
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_RUN, NULL, error);
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
