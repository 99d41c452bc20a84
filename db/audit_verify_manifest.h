/* An export's manifest.json, taken apart. */
#pragma once

#include "db/audit_verify_files.h"
#include "db/audit_verify_sealed.h"

G_BEGIN_DECLS

typedef struct {
    char *text;
    gsize length;
    KlAuditSpan files; /* the array */
    gint64 events;
    char *journal, *station;
    KlAuditSealed sealed; /* its checkpoint */
} KlAuditManifest;

/* FALSE when it is none. Takes text. */
gboolean kl_audit_manifest_read(KlAuditManifest *manifest, char *text, gsize length);
void kl_audit_manifest_clear(KlAuditManifest *manifest);

/* Are the files there that it lists, as they were, and no others. */
void kl_audit_manifest_check_files(const KlAuditManifest *manifest, const KlAuditFiles *files, KlAuditReport *report);

/* The SHA-256 of an export's manifest, in hex. The caller frees. AUDIT_UNREADABLE. */
char *kl_audit_manifest_sha256(const char *path, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditManifest, kl_audit_manifest_clear)

G_END_DECLS
