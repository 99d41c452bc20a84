/* Works on slot 01 of a station and dies by SIGKILL at a chosen call of the journal or the signer:
 * crash-station DIR NTH before|after [REPROVISION-REASON]. Exits with 0 when the job ended before that boundary came.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/rig/crash_store.h"
#include "tests/rig/line_rig.h"

static void
drop(KlEvent *event, gpointer data)
{
    kl_event_free(event);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    kl_secret_init();
    g_autoptr(KlSecret) passphrase = kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE));
    g_autoptr(KlStation) station = kl_station_open(argv[1], KL_STATION_RUN, NULL, &error);
    if (station == NULL || !kl_station_unlock(station, passphrase, &error))
        g_error("%s", error->message);

    KlBench bench = *kl_station_bench(station);
    bench.store = kl_crash_store_new(bench.store, (guint)atoi(argv[2]), g_str_equal(argv[3], "after"));
    bench.signer = kl_crash_signer_new(bench.signer, bench.store);
    const KlSlotConfig *slot = g_ptr_array_index(kl_station_config(station)->slots, 0);
    KlPorts ports = {slot->agent, slot->modem};
    KlJobRequest request = {.reprovision_reason = argc > 4 ? argv[4] : NULL};
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(KlRecord) record = kl_job_run(&bench, slot->name, &ports, &request, cancel, drop, NULL);
    g_print("%s %s\n", kl_outcome_name(record->outcome), record->code != NULL ? record->code : "");
    bench.signer->klass->free(bench.signer);
    g_free(bench.store);
    return 0;
}
