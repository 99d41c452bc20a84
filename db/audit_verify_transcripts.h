/* The transcripts of an export, held against the job-end events that tell of them. */
#pragma once

#include "db/audit_scan.h"
#include "db/audit_verify_files.h"

G_BEGIN_DECLS

typedef struct {
    KlAuditLines lines;
    KlAuditReport *doubts; /* they count if the events are good */
    gboolean lost;         /* a line is gone, or in the wrong place: what follows can't be told apart */
} KlAuditTranscripts;

/* piece: transcripts.jsonl, or NULL. */
void kl_audit_transcripts_begin(KlAuditTranscripts *transcripts, const KlAuditPiece *piece);
void kl_audit_transcripts_clear(KlAuditTranscripts *transcripts);

/* The next event of the export, of whatever type. */
void kl_audit_transcripts_see(KlAuditTranscripts *transcripts, const KlAuditEvent *event);

/* When all events were seen: what was found goes into the report. */
void kl_audit_transcripts_judge(KlAuditTranscripts *transcripts, KlAuditReport *report);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditTranscripts, kl_audit_transcripts_clear)

G_END_DECLS
