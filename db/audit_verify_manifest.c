#include "db/audit_verify_manifest.h"

#include <string.h>

#include "station/error.h"

#define FORMAT "keyline-audit-export-1"

static gboolean
next_is(KlAuditSpan *rest, const char *wanted, KlAuditSpan *value)
{
    KlAuditSpan name;
    return kl_audit_scan_member(rest, &name, value) && kl_audit_span_is(name, wanted, strlen(wanted));
}

gboolean
kl_audit_manifest_read(KlAuditManifest *manifest, char *text, gsize length)
{
    KlAuditSpan rest = {text, length}, name, value;
    gint64 created_us = 0;
    manifest->text = text;
    manifest->length = length;
    if (!kl_audit_scan_object(text, length) || !next_is(&rest, "checkpoint", &value) ||
        !kl_audit_sealed_read_object(&manifest->sealed, value) || !next_is(&rest, "created_us", &value) ||
        !kl_audit_scan_number(value, &created_us) || !next_is(&rest, "events", &value) ||
        !kl_audit_scan_number(value, &manifest->events) || !next_is(&rest, "files", &manifest->files) ||
        manifest->files.at[0] != '[' || !next_is(&rest, "format", &value) ||
        !kl_audit_span_is(kl_audit_scan_raw(value), FORMAT, strlen(FORMAT)) || !next_is(&rest, "journal", &value))
        return FALSE;
    manifest->journal = kl_audit_scan_text(value);
    if (manifest->journal == NULL || !next_is(&rest, "selection", &value) || value.at[0] != '{' ||
        !next_is(&rest, "station", &value))
        return FALSE;
    manifest->station = kl_audit_scan_text(value);
    return manifest->station != NULL && !kl_audit_scan_member(&rest, &name, &value);
}

void
kl_audit_manifest_clear(KlAuditManifest *manifest)
{
    g_free(manifest->text);
    g_free(manifest->journal);
    g_free(manifest->station);
    kl_audit_sealed_clear(&manifest->sealed);
}

static void
find_file(KlAuditReport *report, KlAuditFault fault, const char *name, const char *words)
{
    kl_audit_report_take(report, fault, g_strdup_printf("file %s", name), g_strdup(words));
}

/* An entry of the list; *name is freed by the caller. */
static gboolean
read_entry(KlAuditSpan entry, char **name, gint64 *bytes, KlAuditSpan *sha256)
{
    KlAuditSpan value, rest = entry;
    if (!next_is(&rest, "bytes", &value) || !kl_audit_scan_number(value, bytes) || !next_is(&rest, "name", &value))
        return FALSE;
    *name = kl_audit_scan_text(value);
    if (*name == NULL || !next_is(&rest, "sha256", &value))
        return FALSE;
    *sha256 = kl_audit_scan_raw(value);
    return sha256->at != NULL;
}

static void
check_file(const KlAuditPiece *piece, const char *name, gint64 bytes, KlAuditSpan sha256, KlAuditReport *report)
{
    if (piece == NULL) {
        find_file(report, KL_AUDIT_MISSING, name, "the manifest lists it");
        return;
    }
    g_autofree char *hex = piece->size == bytes ? kl_audit_piece_sha256(piece) : NULL;
    if (hex == NULL || !kl_audit_span_is(sha256, hex, strlen(hex)))
        find_file(report, KL_AUDIT_ALTERED, name, "it is not the one that the manifest lists");
}

static gboolean
is_listed(const KlAuditManifest *manifest, const char *wanted)
{
    static const char *const free_standing[] = {"manifest.json", "manifest.json.p7s", "station.pem", NULL};
    KlAuditSpan rest = manifest->files, entry, sha256;
    gint64 bytes;
    if (g_strv_contains(free_standing, wanted))
        return TRUE;
    while (kl_audit_scan_element(&rest, &entry)) {
        g_autofree char *name = NULL;
        if (read_entry(entry, &name, &bytes, &sha256) && strcmp(name, wanted) == 0)
            return TRUE;
    }
    return FALSE;
}

void
kl_audit_manifest_check_files(const KlAuditManifest *manifest, const KlAuditFiles *files, KlAuditReport *report)
{
    KlAuditSpan rest = manifest->files, entry, sha256;
    gint64 bytes = 0;
    while (kl_audit_scan_element(&rest, &entry)) {
        g_autofree char *name = NULL;
        if (read_entry(entry, &name, &bytes, &sha256))
            check_file(kl_audit_files_find(files, name), name, bytes, sha256, report);
        else
            find_file(report, KL_AUDIT_ALTERED, "manifest.json", "its list of files can't be read");
    }
    for (guint i = 0; i < files->pieces->len; i++) {
        const KlAuditPiece *piece = files->pieces->pdata[i];
        if (!is_listed(manifest, piece->name))
            find_file(report, KL_AUDIT_ADDED, piece->name, "the manifest does not list it");
    }
}

char *
kl_audit_manifest_sha256(const char *path, GError **error)
{
    g_autoptr(KlAuditReport) report = kl_audit_report_new("export");
    g_autoptr(KlAuditFiles) files = kl_audit_files_open(path, report, error);
    const KlAuditPiece *piece = files != NULL ? kl_audit_files_find(files, "manifest.json") : NULL;
    g_autofree char *sha256 = piece != NULL ? kl_audit_piece_sha256(piece) : NULL;
    if (files != NULL && sha256 == NULL)
        kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s has no manifest.json that can be read", path);
    return g_steal_pointer(&sha256);
}
