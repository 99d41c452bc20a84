/* An export of the journal (AUDIT-FORMAT.md), written in constant memory while the line works on. */
#pragma once

#include <gio/gio.h>

#include "db/audit_writer.h"
#include "station/audit.h"
#include "station/seal.h"

G_BEGIN_DECLS

typedef struct {
    const char *database; /* its path */
    const KlAuditRequest *request;
    const char *checkpoint; /* a line of checkpoints.jsonl, the journal's: up to there */
    const char *station;    /* its name */
    KlSeal *seal;
    const char *path; /* a folder, or a tar file when it ends in ".tar" */
    gint64 created_us;
    GBytes *(*pdf)(const KlAuditSummary *summary, GError **error); /* draws summary.pdf; NULL: there is none */
    void (*progress)(double fraction, gpointer data);              /* or NULL; on the calling thread */
    gpointer data;
    GCancellable *cancel; /* or NULL */
} KlAuditExport;

/* What it became. */
typedef struct {
    guint64 n;           /* of its checkpoint */
    guint64 events;      /* selected */
    guint64 first, last; /* their first and last n; 0 when there is none */
    gint64 records;
    char *manifest_sha256;
} KlAuditExported;

void kl_audit_exported_clear(KlAuditExported *exported);

/* Writes all of it, signed, but for its name: committing the writer is the caller's, who frees it. exported is to be
 * cleared in any case. EXPORT_EXISTS, RECORD_UNKNOWN (nothing fits, and more than time was asked for), AUDIT_BROKEN,
 * FILE_FAILED, SEAL_*, STORE_*, CANCELLED. */
KlAuditWriter *kl_audit_export(const KlAuditExport *export, KlAuditExported *exported, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditExported, kl_audit_exported_clear)

G_END_DECLS
