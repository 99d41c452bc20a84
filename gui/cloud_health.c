#include "gui/cloud_health.h"

#include "gui/i18n.h"
#include "station/error.h"
#include "station/outbox_rules.h"

/* A row that waits longer than this without an error is told. */
#define LATE_US (10 * 60 * (gint64)G_USEC_PER_SEC)

void
kl_cloud_health_free(KlCloudHealth *health)
{
    g_free(health->words);
    g_free(health->details);
    g_free(health);
}

static void
add_line(KlCloudHealth *health, const char *line)
{
    g_autofree char *before = g_steal_pointer(&health->details);
    health->details = before != NULL ? g_strdup_printf("%s\n%s", before, line) : g_strdup(line);
}

/* What is wrong, and what to do; what: the words before it, saying what waits for that, or NULL. */
static void
add_trouble(KlCloudHealth *health, const char *what, const char *name)
{
    int code = kl_error_from_name(name);
    if (code < 0)
        return;
    const char *words = _(kl_error_words((KlErrorCode)code)), *remedy = _(kl_error_remedy((KlErrorCode)code));
    g_autofree char *line =
        what != NULL ? g_strjoin(" ", what, words, remedy, NULL) : g_strjoin(" ", words, remedy, NULL);
    gboolean station = kl_error_kind((KlErrorCode)code) == KL_ERROR_KIND_STATION;
    health->level = MAX(health->level, station ? KL_CHIP_BAD : KL_CHIP_WARN);
    add_line(health, line);
}

/* Whether the same was said of the kinds before. */
static gboolean
is_told(const KlOutboxStatus *status, guint kind)
{
    for (guint i = 0; i < kind; i++) {
        if (g_strcmp0(status->waiting_codes[i], status->waiting_codes[kind]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* What holds up rows. Trouble with the cloud as a whole is told once, all other of each kind of rows. */
static void
add_waiting(KlCloudHealth *health, const KlOutboxStatus *status)
{
    static const char *const what[KL_OUTBOX_KINDS] = {
        [KL_OUTBOX_REGISTRATION] = N_("Registration rows wait:"),
        [KL_OUTBOX_RECORD] = N_("Records wait:"),
        [KL_OUTBOX_CLEANUP] = N_("Old certificates wait for their removal:"),
    };
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        const char *name = status->waiting_codes[kind];
        int code = kl_error_from_name(name);
        if (code < 0 || !kl_outbox_cuts_off((KlErrorCode)code))
            add_trouble(health, _(what[kind]), name);
        else if (!is_told(status, kind))
            add_trouble(health, NULL, name);
    }
}

static void
add_parked(KlCloudHealth *health, guint parked)
{
    g_autofree char *line = g_strdup_printf(
        ngettext("%u row was put aside: the cloud does not take it. Call the line engineer.",
                 "%u rows were put aside: the cloud does not take them. Call the line engineer.", parked),
        parked);
    health->level = KL_CHIP_BAD;
    add_line(health, line);
}

static void
add_queued(KlCloudHealth *health, const KlOutboxStatus *status, gint64 now_us)
{
    g_autofree char *line = g_strdup_printf(
        ngettext("%u row is kept here and will be sent.", "%u rows are kept here and will be sent.", status->queued),
        status->queued);
    if (now_us - status->oldest_us > LATE_US)
        health->level = MAX(health->level, KL_CHIP_WARN);
    add_line(health, line);
}

static gboolean
is_offline(const KlOutboxStatus *status)
{
    for (guint kind = 0; kind < KL_OUTBOX_KINDS; kind++) {
        if (g_strcmp0(status->waiting_codes[kind], kl_error_name(KL_ERROR_NET_DOWN)) == 0)
            return TRUE;
    }
    return FALSE;
}

static char *
words_of(const KlCloudHealth *health, const KlOutboxStatus *status)
{
    if (status->parked > 0)
        return g_strdup_printf(_("Cloud · %u parked"), status->parked);
    if (is_offline(status))
        return g_strdup_printf(_("Cloud offline · %u queued"), status->queued);
    if (status->queued > 0)
        return g_strdup_printf(_("Cloud · %u queued"), status->queued);
    if (status->ids_code != NULL && health->level != KL_CHIP_OK)
        return g_strdup(_("Cloud · no new ids"));
    return g_strdup(health->level == KL_CHIP_OK ? _("Cloud ready") : _("Cloud trouble"));
}

KlCloudHealth *
kl_cloud_health_new(const KlOutboxStatus *status, gint64 now_us)
{
    KlCloudHealth *health = g_new0(KlCloudHealth, 1);
    if (status == NULL) {
        health->level = KL_CHIP_WARN;
        health->words = g_strdup(_("Cloud waits"));
        health->details = g_strdup(_("Rows are sent as soon as the CA is unlocked."));
        return health;
    }
    if (status->parked > 0)
        add_parked(health, status->parked);
    add_waiting(health, status);
    if (status->queued > 0)
        add_queued(health, status, now_us);
    else if (status->parked == 0)
        add_line(health, _("The cloud has every row."));
    add_trouble(health, _("New device ids do not come:"), status->ids_code);
    health->words = words_of(health, status);
    return health;
}
