#include "station/mqtt/rehearsal_run.h"

#include "station/error.h"

/* A message as it was. */
typedef struct {
    gboolean out;
    char *topic;
    GBytes *payload;
    const char *verdict;
    char *detail;
    GError *error;
} Heard;

static void
heard_free(gpointer data)
{
    Heard *heard = data;
    g_free(heard->topic);
    g_bytes_unref(heard->payload);
    g_free(heard->detail);
    g_clear_error(&heard->error);
    g_free(heard);
}

KlUnitRun *
kl_unit_run_new(const KlRegistration *row, const KlSoftware *software, gboolean telemetry)
{
    KlUnitRun *run = g_new0(KlUnitRun, 1);
    run->device = g_strdup(row->device);
    run->script = kl_rehearsal_script_new(row, software, telemetry);
    run->base.missing = kl_rehearsal_script_missing(run->script);
    return run;
}

void
kl_unit_run_free(KlUnitRun *run)
{
    g_free(run->base.address);
    g_free(run->base.broker_sha256);
    g_free(run->device);
    kl_rehearsal_script_free(run->script);
    g_queue_clear_full(&run->messages, heard_free);
    g_free(run);
}

void
kl_unit_run_hear(KlUnitRun *run, const KlServiceMessage *message)
{
    Heard *heard = g_new0(Heard, 1);
    heard->out = message->out;
    heard->topic = g_strdup(message->topic);
    heard->payload = g_bytes_ref(message->payload);
    if (message->became != NULL) {
        heard->verdict = kl_activation_verdict_name(message->became->verdict);
        heard->detail = g_strdup(message->became->detail);
    }
    heard->error = message->error != NULL ? g_error_copy(message->error) : NULL;
    g_queue_push_tail(&run->messages, heard);
}

KlRehearsalTurn
kl_unit_run_turn(KlUnitRun *run, char **note, GError **error)
{
    Heard *heard = g_queue_pop_head(&run->messages);
    const KlRehearsalMessage message = {heard->out,     heard->topic,  heard->payload,
                                        heard->verdict, heard->detail, heard->error};
    gboolean fine = kl_rehearsal_script_take(run->script, &message, note, error);
    run->base.missing = kl_rehearsal_script_missing(run->script);
    heard_free(heard);
    return fine ? KL_REHEARSAL_HEARD : KL_REHEARSAL_WRONG;
}
