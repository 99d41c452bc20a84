#include "db/audit_verify_transcripts.h"

#include <string.h>

void
kl_audit_transcripts_begin(KlAuditTranscripts *transcripts, const KlAuditPiece *piece)
{
    kl_audit_lines_begin(&transcripts->lines, piece);
    transcripts->doubts = kl_audit_report_new("transcripts");
    transcripts->lost = FALSE;
}

void
kl_audit_transcripts_clear(KlAuditTranscripts *transcripts)
{
    kl_audit_lines_clear(&transcripts->lines);
    g_clear_pointer(&transcripts->doubts, kl_audit_report_free);
}

static void
doubt(KlAuditTranscripts *transcripts, KlAuditFault fault, gint64 n, const char *words)
{
    kl_audit_report_take(transcripts->doubts, fault, g_strdup_printf("transcript of event %" G_GINT64_FORMAT, n),
                         g_strdup(words));
}

/* {"job","text"}, and nothing else. The caller frees *text. */
static gboolean
read_line(KlAuditSpan line, KlAuditSpan *job, char **text)
{
    KlAuditSpan name, value, rest = line;
    if (!kl_audit_scan_object(line.at, line.length) || !kl_audit_scan_member(&rest, &name, &value) ||
        !kl_audit_span_is(name, "job", 3))
        return FALSE;
    *job = kl_audit_scan_raw(value);
    if (job->at == NULL || !kl_audit_scan_member(&rest, &name, &value) || !kl_audit_span_is(name, "text", 4) ||
        kl_audit_scan_member(&rest, &name, &(KlAuditSpan){0}))
        return FALSE;
    *text = kl_audit_scan_text(value);
    return *text != NULL;
}

void
kl_audit_transcripts_see(KlAuditTranscripts *transcripts, const KlAuditEvent *event)
{
    KlAuditSpan line, job = {0};
    g_autofree char *text = NULL;
    if (transcripts->lost || !kl_audit_span_is(event->type, "job-end", 7))
        return;
    KlAuditSpan wanted = kl_audit_scan_find(event->data, "transcript_sha256");
    if (wanted.at == NULL)
        return;
    if (!kl_audit_lines_next(&transcripts->lines, &line)) {
        transcripts->lost = TRUE;
        doubt(transcripts, KL_AUDIT_MISSING, event->n, "transcripts.jsonl ends before it");
        return;
    }
    if (!read_line(line, &job, &text)) {
        doubt(transcripts, KL_AUDIT_ALTERED, event->n, "its line is not of this format");
        return;
    }
    if (event->job.at == NULL || !kl_audit_span_is(job, event->job.at, event->job.length)) {
        transcripts->lost = TRUE;
        doubt(transcripts, KL_AUDIT_MISSING, event->n, "another job's stands in its place");
        return;
    }
    g_autofree char *sha256 = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    KlAuditSpan told = kl_audit_scan_raw(wanted);
    if (told.at == NULL || !kl_audit_span_is(told, sha256, strlen(sha256)))
        doubt(transcripts, KL_AUDIT_ALTERED, event->n, "it is not the one that the event tells of");
}

void
kl_audit_transcripts_judge(KlAuditTranscripts *transcripts, KlAuditReport *report)
{
    KlAuditSpan line;
    const GPtrArray *findings = transcripts->doubts->findings;
    if (!transcripts->lost &&
        (kl_audit_lines_next(&transcripts->lines, &line) || !kl_audit_lines_ended(&transcripts->lines)))
        kl_audit_report_take(transcripts->doubts, KL_AUDIT_ADDED, g_strdup("file transcripts.jsonl"),
                             g_strdup("no event tells of what stands at its end"));
    for (guint i = 0; i < findings->len; i++) {
        const KlAuditFinding *finding = findings->pdata[i];
        kl_audit_report_take(report, finding->fault, g_strdup(finding->where), g_strdup(finding->words));
    }
    report->untold += transcripts->doubts->untold;
}
