/* What the benchmarks share: time, samples, and lines of "name value unit target" on stdout. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Call it first in main(). Temporary folders come to lie in the build folder, whose disk is a real one: /tmp may be in
 * memory, where a commit costs nothing. */
void kl_bench_init(void);

/* A program of this build, by its path in the build folder: "station/cli/keyline". Free it. */
char *kl_bench_program(const char *path);

/* A new temporary folder, and its end with everything in it. */
char *kl_bench_folder_new(void);
void kl_bench_folder_free(char *folder);

/* Seconds since some moment. */
double kl_bench_now(void);

/* Samples: an array of double. */
GArray *kl_bench_samples_new(void);
void kl_bench_sample(GArray *samples, double value);
double kl_bench_mean(const GArray *samples);
/* The smallest sample that percent of all samples do not exceed (nearest rank); 50 is the median. Sorts them. */
double kl_bench_percentile(GArray *samples, guint percent);

/* Prints a line: a number to know, one that should be at most or at least the target. */
void kl_bench_row(const char *name, double value, const char *unit);
void kl_bench_row_at_most(const char *name, double value, const char *unit, double target);
void kl_bench_row_at_least(const char *name, double value, const char *unit, double target);

/* Ends the program with the error's message, if there is one. */
void kl_bench_check(const GError *error);

G_END_DECLS
