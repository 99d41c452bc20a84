/* Running jobs from the command line: start them, show how they get on, stop them by signal, wait for their records. */
#pragma once

#include "station/cli/cli.h"
#include "station/cli/passphrase.h"
#include "station/station.h"

G_BEGIN_DECLS

/* Opens the station for work. From here on SIGINT, SIGTERM and SIGHUP wait for kl_work_run or kl_work_batch, and a
 * broken pipe ends nothing. */
KlStation *kl_work_open(const KlCli *cli, const char *product, GError **error);

/* Runs one job in a slot, on an unlocked station, and returns its record; that of a job that could not be started has
 * no id. The first of those signals asks the job to stop and its record is waited for; the second one ends the program.
 */
KlRecord *kl_work_run(KlStation *station, const char *slot, const KlJobRequest *request);

/* What came of a batch. */
typedef struct {
    char *batch;         /* its id */
    guint left;          /* units that were not worked on */
    GPtrArray *records;  /* KlRecord: of all its jobs, in the order of their ends */
    const char *stopped; /* name of the station error that stopped the line, or NULL. Static */
} KlWorkBatch;

void kl_work_batch_clear(KlWorkBatch *result);

/* Arms the line of an unlocked station for count units and waits until they were worked on, or nothing was plugged in
 * and nothing ran for idle_seconds (0: for ever), or a station error stopped the line and nothing runs any more. The
 * first SIGINT lets what runs go on and starts nothing more, the second one stops it (as the first SIGTERM or SIGHUP
 * does), the next signal ends the program. LABEL_MISSING. */
gboolean kl_work_batch(KlStation *station, const KlJobRequest *request, guint count, guint idle_seconds,
                       KlWorkBatch *result, GError **error);

/* The exit code of a batch: the worst of its units', as their last attempts tell; at least KL_EXIT_UNIT when units are
 * left, KL_EXIT_STATION when the line was stopped. */
KlExitCode kl_work_batch_exit_code(const KlWorkBatch *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlWorkBatch, kl_work_batch_clear)

G_END_DECLS
