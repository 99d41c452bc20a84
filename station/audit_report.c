#include "station/audit_report.h"

const char *
kl_audit_fault_name(KlAuditFault fault)
{
    static const char *const names[] = {
        [KL_AUDIT_ALTERED] = "altered", [KL_AUDIT_MISSING] = "missing",     [KL_AUDIT_MOVED] = "moved",
        [KL_AUDIT_ADDED] = "added",     [KL_AUDIT_SIGNATURE] = "signature",
    };
    return names[fault];
}

static void
finding_free(gpointer data)
{
    KlAuditFinding *finding = data;
    g_free(finding->where);
    g_free(finding->words);
    g_free(finding);
}

KlAuditReport *
kl_audit_report_new(const char *what)
{
    KlAuditReport *report = g_new0(KlAuditReport, 1);
    report->what = what;
    report->findings = g_ptr_array_new_with_free_func(finding_free);
    return report;
}

void
kl_audit_report_free(KlAuditReport *report)
{
    if (report == NULL)
        return;
    g_free(report->journal);
    g_free(report->station);
    g_free(report->certificate_sha256);
    g_free(report->identifier);
    g_ptr_array_unref(report->findings);
    g_free(report);
}

/* As text that can stand anywhere: what was read may be anything. */
static char *
valid(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if ((guchar)*c < 0x20)
            *c = '?';
    }
    if (g_utf8_validate(text, -1, NULL))
        return text;
    char *made = g_utf8_make_valid(text, -1);
    g_free(text);
    return made;
}

void
kl_audit_report_take(KlAuditReport *report, KlAuditFault fault, char *where, char *words)
{
    KlAuditFinding *finding = g_new0(KlAuditFinding, 1);
    finding->fault = fault;
    finding->where = valid(where);
    finding->words = valid(words);
    if (report->findings->len < KL_AUDIT_FINDINGS_MAX) {
        g_ptr_array_add(report->findings, finding);
        return;
    }
    finding_free(finding);
    report->untold++;
}

gboolean
kl_audit_report_whole(const KlAuditReport *report)
{
    return report->findings->len == 0;
}
