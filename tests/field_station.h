/* A station that has passed three units, and the keyline program on it: for the tests of units in the field. */
#pragma once

#include "station/station.h"
#include "tests/activation_rig.h"
#include "tests/cli_rig.h"

typedef struct {
    Rig rig;
    char *path; /* of the database */
} Field;

static inline void
field_make(Field *f)
{
    g_autoptr(GError) error = NULL;
    rig_make(&f->rig);
    g_assert_cmpint(g_mkdir(f->rig.station, 0700), ==, 0);
    g_assert_true(kl_station_setup(f->rig.station, "line 1", NULL, &error));
    g_assert_no_error(error);
    f->path = g_build_filename(f->rig.station, "keyline.db", NULL);
    pass_units(f->path, 3);
}

static inline void
field_clear(Field *f)
{
    rig_clear(&f->rig);
    g_free(f->path);
}

static inline void
assert_says(const Field *f, const char *words, int code, const char *says)
{
    g_auto(Run) run = keyline(&f->rig, words);
    g_autofree char *all = g_strconcat(run.out, run.err, NULL);
    if (run.code != code || strstr(all, says) == NULL)
        g_error("%s: %d, '%s' is not in:\n%s", words, run.code, says, all);
}
