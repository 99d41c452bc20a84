/* A station folder with a CA, for benchmarks that run the real programs on it. */
#pragma once

#include "tests/bench/bench.h"

G_BEGIN_DECLS

#define KL_BENCH_PASSPHRASE "correct horse battery staple"

typedef struct {
    char *dir;             /* temporary, removed at the end */
    char *station_dir;     /* dir/station */
    char *passphrase_file; /* dir/passphrase */
    char *line_file;       /* dir/line.conf: for the caller to write */
} KlBenchStation;

/* Makes the temporary folder with the passphrase in it. */
KlBenchStation *kl_bench_station_new(void);
/* Sets up station and CA, once the line file is there. */
void kl_bench_station_set_up(const KlBenchStation *station);
void kl_bench_station_free(KlBenchStation *station);

/* Starts keyline on the station with these words (ended by NULL) and the passphrase; its output is dropped. The caller
 * waits for the process. */
GPid kl_bench_station_run(const KlBenchStation *station, const char *const *words);

/* Starts a simulated line in another process and writes the line file; units that are as fast as they can be but for
 * their keys, which take key_ms ("MIN-MAX" milliseconds). Another seed: other units. */
GPid kl_bench_line_start(const KlBenchStation *station, guint units, const char *key_ms, guint seed);
void kl_bench_line_stop(GPid line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBenchStation, kl_bench_station_free)

G_END_DECLS
