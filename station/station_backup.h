/* Backups of the station's database, and their way back. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *file;   /* the copy, and FILE.json beside it */
    char *sha256; /* of the copy */
    char *hash;   /* h(n), hex */
    guint64 n;    /* its journal ends there */
    guint64 bytes;
} KlStationBackup;

void kl_station_backup_clear(KlStationBackup *backup);

/* Copies the database, also while a program runs the station: signs a checkpoint (reason "backup"), copies, checks the
 * copy, notes it in the journal. The checkpoint counts as exported: a restore behind it has to be owned up to. backup
 * is to be cleared in any case. BACKUP_EXISTS, BACKUP_BROKEN, FILE_FAILED, SEAL_*, STORE_*. */
gboolean kl_station_backup(const char *dir, const char *file, KlStationBackup *backup, GError **error);

typedef struct {
    guint64 n;              /* the journal goes on behind there */
    guint64 present_n;      /* where the database ended that was there; 0: could not be told */
    guint64 exported_n;     /* the last checkpoint that left the station; 0: none */
    char *aside;            /* where it is now; NULL: there was none */
    gint64 burned;          /* leased device numbers that are not handed out any more */
    gint64 moved;           /* counters that were moved on */
    gboolean numbers_known; /* no number that was handed out since can come again */
    gboolean summed;        /* the SHA-256 in FILE.json was there, and is that of the copy */
} KlStationRestored;

void kl_station_restored_clear(KlStationRestored *restored);

/* Puts a copy in the place of the present database, which is kept aside. Takes the station's lock. reason: why what was
 * kept since may be lost; NULL: it may not. restored is to be cleared in any case. STATION_BUSY, USAGE, BACKUP_BROKEN,
 * BACKUP_FOREIGN, BACKUP_BEHIND, FILE_FAILED, SEAL_*, STORE_*. */
gboolean kl_station_restore(const char *dir, const char *file, const char *reason, KlStationRestored *restored,
                            GError **error);

/* A period of the journal that was closed into an archive. */
typedef struct {
    guint64 first, through; /* its events */
    guint64 jobs;           /* that lost steps and transcript here */
    char *manifest_sha256;
} KlStationClosed;

void kl_station_closed_clear(KlStationClosed *closed);

/* Closes everything up to the last checkpoint before that time into a signed archive, a tar file: writes it, reads it
 * again, and only when it proves right takes it out of the database. An archive of that period that lies there already,
 * left by a program that was killed, is read and taken. Takes the station's lock. closed is to be cleared in any case.
 * USAGE (no .tar), EXPORT_EXISTS (something else lies there), PERIOD_EMPTY, ARCHIVE_WRONG, AUDIT_BROKEN, STATION_BUSY,
 * FILE_FAILED, SEAL_*, STORE_*. */
gboolean kl_station_audit_close(const char *dir, gint64 before_us, const char *path, KlStationClosed *closed,
                                GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlStationBackup, kl_station_backup_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlStationRestored, kl_station_restored_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlStationClosed, kl_station_closed_clear)

G_END_DECLS
