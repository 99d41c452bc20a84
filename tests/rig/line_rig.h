/* A whole station in a temporary folder with a simulated line behind it: real database, real CA, real ptys. For tests
 * and benchmarks; every failure to set it up ends the program. */
#pragma once

#include "drivers/at_wp77/sim/sim.h"
#include "station/queue.h"
#include "station/station.h"

G_BEGIN_DECLS

#define KL_RIG_PASSPHRASE "correct horse battery staple"

typedef struct {
    char *dir;         /* temporary, removed at the end */
    char *station_dir; /* dir/station */
    KlSim *sim;
    guint units;
    KlStation *station;
    KlLine *line;
    KlQueue *events; /* KlEvent: JOB_END only, the others are dropped */
} KlLineRig;

/* Starts the line (options->dir is ignored) and sets up the station. product: "GROUP.KEY=VALUE" changes to the product,
 * ended by NULL; or NULL. */
KlLineRig *kl_line_rig_new(const KlSimOptions *options, const char *const *product);
/* The same with such changes to station.conf, too. */
KlLineRig *kl_line_rig_new_configured(const KlSimOptions *options, const char *const *product,
                                      const char *const *station);
void kl_line_rig_free(KlLineRig *rig);

/* Opens the station anew, as a program started again would. */
void kl_line_rig_reopen(KlLineRig *rig);
/* Closes the station: another program may have it now. */
void kl_line_rig_close(KlLineRig *rig);

/* Starts a job in a slot (1..units); the start has to succeed. request may be NULL. */
void kl_line_rig_start(KlLineRig *rig, guint slot, const KlJobRequest *request);
/* The record of the next job that ends. */
KlRecord *kl_line_rig_wait(KlLineRig *rig);
/* One unit from start to end. */
KlRecord *kl_line_rig_provision(KlLineRig *rig, guint slot, const KlJobRequest *request);
/* So many units work side by side: with more, sanitized and on a busy machine, each one's share of the processors would
 * be too small for the time that the driver gives an answer. */
#define KL_RIG_AT_ONCE 16
/* All units, as many as that side by side: records by slot, slot 1 at index 0. */
GPtrArray *kl_line_rig_provision_all(KlLineRig *rig);

/* Asks the openssl and sqlite3 command lines, not the station, whether a PASS was deserved: the unit stores the
 * ledger's live certificate, it chains to the CA, the unit holds its key, the registration row is there. Ends the
 * program when not. */
void kl_line_rig_assert_deserved(const KlLineRig *rig, guint slot, const KlRecord *record);

/* What the sqlite3 command line says to a query on the station's database, without the last newline. */
char *kl_line_rig_sql(const KlLineRig *rig, const char *sql);

/* Runs a command line in the shell with $S the station folder; returns its standard output and ends the program when it
 * fails. */
char *kl_line_rig_shell(const KlLineRig *rig, const char *command);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLineRig, kl_line_rig_free)

G_END_DECLS
