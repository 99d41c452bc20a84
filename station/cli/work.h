/* Running jobs from the command line: start them, show how they get on, stop them by signal, wait for their records. */
#pragma once

#include "station/cli/cli.h"
#include "station/cli/passphrase.h"
#include "station/station.h"

G_BEGIN_DECLS

/* Opens the station for work. From here on SIGINT, SIGTERM and SIGHUP wait for kl_work_run, and a broken pipe
 * ends nothing. */
KlStation *kl_work_open(const KlCli *cli, const char *product, GError **error);

/* Runs one job in each of the slots (names, const char *), side by side, on an unlocked station. Returns their records
 * in the order of the slots; a job that could not be started has a record without id. The first of those signals asks
 * all jobs to stop and their records are waited for; the second one ends the program. */
GPtrArray *kl_work_run(KlStation *station, const GPtrArray *slots, const KlJobRequest *request);

/* The worst of the records' exit codes: the station's fault outweighs a unit's. */
KlExitCode kl_work_exit_code(const GPtrArray *records);

G_END_DECLS
