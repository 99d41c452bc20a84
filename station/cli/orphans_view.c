#include "station/cli/orphans_view.h"

#include <unistd.h>

#include "station/cli/json.h"
#include "station/cli/text.h"
#include "station/error.h"
#include "station/station_orphans.h"

#define MINUTES_MAX (60 * 24 * 365)

/* How many of them can be taken out. */
static guint
count_cleanable(const KlOrphans *found)
{
    guint count = 0;
    for (guint i = 0; i < found->orphans->len; i++)
        count += ((const KlOrphan *)found->orphans->pdata[i])->cleanable;
    return count;
}

static void
print_json(const KlOrphans *found, const GPtrArray *cleaned)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "orphans");
    for (guint i = 0; i < found->orphans->len; i++) {
        const KlOrphan *orphan = found->orphans->pdata[i];
        json_builder_begin_object(builder);
        kl_json_string(builder, "kind", kl_orphan_kind_name(orphan->kind));
        kl_json_string(builder, "subject", orphan->subject);
        kl_json_string(builder, "certificate", orphan->certificate);
        kl_json_string(builder, "detail", orphan->detail);
        kl_json_string(builder, "remedy", orphan->remedy);
        kl_json_bool(builder, "cleanable", orphan->cleanable);
        kl_json_bool(builder, "cleaned", g_ptr_array_find((GPtrArray *)cleaned, orphan, NULL));
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
    kl_json_int(builder, "unknown", found->unknown);
    kl_json_int(builder, "young", found->young);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_orphans(const KlOrphans *found)
{
    for (guint i = 0; i < found->orphans->len; i++) {
        const KlOrphan *orphan = found->orphans->pdata[i];
        g_autofree char *subject = kl_text_safe(orphan->subject != NULL ? orphan->subject : "-");
        g_autofree char *detail = kl_text_safe(orphan->detail);
        printf("%-12s  %s: %s\n%14s-> %s\n", kl_orphan_kind_name(orphan->kind), subject, detail, "", orphan->remedy);
    }
    if (found->orphans->len == 0)
        printf("No orphans.\n");
    if (found->unknown > 0)
        printf("Also in AWS, inactive, but not this station's: %u. The station that works on their units lists them.\n",
               found->unknown);
    if (found->young > 0)
        printf("Also in AWS, inactive, too young to be called left over: %u.\n", found->young);
}

/* FALSE with *error: not confirmed. */
static gboolean
confirm(const KlCli *cli, const KlOrphansRequest *request, guint count, GError **error)
{
    char answer[16] = "";
    if (request->yes)
        return TRUE;
    if (cli->json || !isatty(STDIN_FILENO))
        return kl_fail(error, KL_ERROR_USAGE, "--yes is missing: nobody can be asked here");
    printf("\nTake %u out of AWS for good? [y/N] ", count);
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return TRUE;
    return kl_fail(error, KL_ERROR_CANCELLED, "nothing was taken out");
}

/* Takes out what can be. FALSE with the first failure; what was taken out before is in cleaned. */
static gboolean
clean(const KlStation *station, const KlCli *cli, const KlOrphans *found, GPtrArray *cleaned, GError **error)
{
    for (guint i = 0; i < found->orphans->len; i++) {
        KlOrphan *orphan = found->orphans->pdata[i];
        if (!orphan->cleanable)
            continue;
        if (!kl_station_orphan_clean(station, orphan, error)) {
            g_prefix_error(error, "%s: ", orphan->subject);
            return FALSE;
        }
        g_ptr_array_add(cleaned, orphan);
        if (!cli->json)
            printf("Taken out: certificate %.16s of %s\n", orphan->certificate, orphan->subject);
    }
    return TRUE;
}

int
kl_orphans_run(KlCli *cli, const KlOrphansRequest *request, GError **error)
{
    if (request->older_than < 0 || request->older_than > MINUTES_MAX) {
        kl_fail(error, KL_ERROR_USAGE, "--older-than is a number of minutes, 0 to %d", MINUTES_MAX);
        return -1;
    }
    KlStationMode mode = request->clean ? KL_STATION_RUN : KL_STATION_READ;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, mode, NULL, error);
    if (station == NULL)
        return -1;
    g_autoptr(KlOrphans) found = kl_station_orphans(station, (guint)request->older_than * 60, error);
    if (found == NULL)
        return -1;
    g_autoptr(GPtrArray) cleaned = g_ptr_array_new();
    guint cleanable = count_cleanable(found);
    if (!cli->json)
        print_orphans(found);
    if (request->clean && cleanable > 0 &&
        (!confirm(cli, request, cleanable, error) || !clean(station, cli, found, cleaned, error)))
        return -1;
    if (cli->json)
        print_json(found, cleaned);
    return found->orphans->len == cleaned->len ? KL_EXIT_DONE : KL_EXIT_STATION;
}
