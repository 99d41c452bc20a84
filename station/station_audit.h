/* The journal at the composition root's face: what leaves the station for others to check, and a look at it. None of
 * this needs the station's lock: it works beside a program that runs the line. db/AUDIT-FORMAT.md has the format. */
#pragma once

#include <gio/gio.h>

#include "station/audit.h"

G_BEGIN_DECLS

/* What was written. */
typedef struct {
    guint64 n;           /* of its checkpoint: the export stands for events 1 to n */
    guint64 events;      /* of these it shows */
    guint64 first, last; /* their first and last n; 0 when it shows none */
    gint64 records;
    char *manifest_sha256; /* of a proof: of the file */
    char *checkpoint;      /* as a line of checkpoints.jsonl */
} KlStationExported;

void kl_station_exported_clear(KlStationExported *exported);

/* How a long export says how far it is. */
typedef struct {
    void (*report)(double fraction, gpointer data); /* or NULL; on the calling thread */
    gpointer data;
    GCancellable *cancel; /* or NULL */
} KlAuditProgress;

/* Signs a checkpoint with this reason ("export"), and writes the export of what is asked for into path, a folder or,
 * ending in ".tar", a tar file. It is journalled before it has that name. dir: the station folder. progress may be
 * NULL. exported is to be cleared in any case. Blocks. EXPORT_EXISTS, RECORD_UNKNOWN (nothing fits), USAGE (a time),
 * SEAL_*, AUDIT_BROKEN, FILE_FAILED, STORE_*, CANCELLED. */
gboolean kl_station_audit_export(const char *dir, const KlAuditRequest *request, const char *reason, const char *path,
                                 const KlAuditProgress *progress, KlStationExported *exported, GError **error);

/* The same for a proof of one identifier, a file. */
gboolean kl_station_audit_prove(const char *dir, const char *identifier, const char *path, KlStationExported *exported,
                                GError **error);

/* A checkpoint, taken apart for people. */
typedef struct {
    char *line; /* as of checkpoints.jsonl */
    char *station;
    char *reason;
    char *hash;        /* h(n), hex */
    char *fingerprint; /* of the station's certificate, hex */
    guint64 n;
    gint64 time_us;
} KlStationCheckpoint;

void kl_station_checkpoint_clear(KlStationCheckpoint *checkpoint);

/* Signs a checkpoint over all events, for people to keep elsewhere; reason "shift" or "request". checkpoint is to be
 * cleared in any case. SEAL_*, AUDIT_BROKEN, STORE_*. */
gboolean kl_station_audit_checkpoint(const char *dir, const char *reason, KlStationCheckpoint *checkpoint,
                                     GError **error);
/* The last one, without signing any; line NULL when there is none yet. */
gboolean kl_station_audit_last(const char *dir, KlStationCheckpoint *checkpoint, GError **error);

/* Hands over the bodies of the events that are asked for, newest first; see kl_audit_list. */
gboolean kl_station_audit_list(const char *dir, const KlAuditRequest *request, guint limit,
                               gboolean (*each)(const char *body, gpointer data, GError **error), gpointer data,
                               GError **error);

/* Appends a checkpoint's line to a file, on the disk; a line that was torn off is ended first. FILE_FAILED. */
gboolean kl_station_audit_append(const char *path, const char *line, GError **error);

/* DIR/audit/exported.jsonl: the checkpoints that left the station. A restored database must not lie behind the last of
 * them. The caller frees. */
char *kl_station_exported_path(const char *dir);

/* The SHA-256 of the station's certificate. SEAL_*. The caller frees. */
char *kl_station_audit_fingerprint(const char *dir, GError **error);

/* summary.pdf of an export. INTERNAL. */
GBytes *kl_station_audit_pdf(const KlAuditSummary *summary, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlStationExported, kl_station_exported_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlStationCheckpoint, kl_station_checkpoint_clear)

G_END_DECLS
