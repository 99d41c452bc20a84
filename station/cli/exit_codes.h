/* The exit codes of keyline: stable, shown by --help. */
#pragma once

#include "station/error.h"
#include "station/record.h"

G_BEGIN_DECLS

typedef enum {
    KL_EXIT_DONE = 0,    /* done; with units: all of them passed */
    KL_EXIT_UNIT = 1,    /* some unit did not pass */
    KL_EXIT_USAGE = 2,   /* wrong usage, or a wrong configuration */
    KL_EXIT_STATION = 3, /* the station could not work */
} KlExitCode;

/* The exit code that a failure with this code means: never KL_EXIT_DONE. */
KlExitCode kl_exit_code(KlErrorCode code);

/* The exit code that a job's record means. */
KlExitCode kl_exit_code_of_record(const KlRecord *record);

G_END_DECLS
