/* A run of crash-station: one job, in a program of its own, that is killed at a chosen boundary. */
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include "tests/case_step.h"
#include "tests/rig/line_rig.h"

/* Runs crash-station on slot 01. TRUE: it was killed; FALSE: the job had ended before that boundary. */
static inline gboolean
run_and_kill(const KlLineRig *rig, guint nth, const char *when, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *number = g_strdup_printf("%u", nth);
    g_autofree char *output = NULL;
    const char *argv[] = {g_getenv("KEYLINE_CRASH_STATION"), rig->station_dir, number, when, reason, NULL};
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &output, NULL, &status, &error);
    g_assert_no_error(error);
    if (WIFSIGNALED(status)) {
        g_assert_cmpint(WTERMSIG(status), ==, SIGKILL);
        return TRUE;
    }
    g_assert_cmpint(status, ==, 0);
    if (!g_str_has_prefix(output, "PASS"))
        g_error("%s", output);
    return FALSE;
}
