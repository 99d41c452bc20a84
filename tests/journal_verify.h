/* A journal before both verifiers: keyline's own, and tests/audit_verify.py. */
#pragma once

#include "certs/seal.h"
#include "db/audit_verify.h"

/* The test itself, which main() sets. */
static char *program;

/* In a program of its own: who has a database open must not open it once more as a plain file. */
static inline int
verify(const char *path)
{
    const KlAuditVerify options = {&kl_seal_checks, NULL, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAuditReport) report = kl_audit_verify(path, &options, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < report->findings->len; i++) {
        const KlAuditFinding *finding = report->findings->pdata[i];
        g_print("%s %s\n", kl_audit_fault_name(finding->fault), finding->where);
    }
    return 0;
}

static inline char *
output_of(const char *const argv[])
{
    char *out = NULL;
    g_autoptr(GError) error = NULL;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &out,
                 NULL, NULL, &error);
    g_assert_no_error(error);
    return g_strchomp(out);
}

/* Both verifiers find just that: "" for nothing, or "altered registration FX30-000001", a line each. */
static inline void
assert_verified(const char *path, const char *expected)
{
    g_autofree char *script = g_test_build_filename(G_TEST_DIST, "audit_verify.py", NULL);
    const char *ours[] = {program, "--verify", path, NULL}, *other[] = {"python3", script, path, NULL};
    g_autofree char *found = output_of(ours), *python = output_of(other);
    g_assert_cmpstr(found, ==, expected);
    g_auto(GStrv) lines = g_strsplit(expected, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (strstr(python, strchr(lines[i], ' ') + 1) == NULL)
            g_error("%s: %s", lines[i], python);
    }
    if (*expected == '\0' && !g_str_equal(python, "whole"))
        g_error("%s", python);
}
