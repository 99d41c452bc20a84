/* Copies of the station's database, made while the line runs, and their way back. */
#pragma once

#include <sqlite3.h>

#include "station/seal.h"

G_BEGIN_DECLS

/* What a database says of itself: where its journal ends. */
typedef struct {
    char *journal;    /* its UUID */
    guint64 n;        /* of its last event */
    char *hash;       /* h(n), hex */
    char *checkpoint; /* its last checkpoint, a line of checkpoints.jsonl; NULL: none */
    char *sha256;     /* of the file; NULL for a database that is in use */
    guint64 bytes;
} KlBackupInfo;

void kl_backup_info_clear(KlBackupInfo *info);

/* Copies the database to a new file (mode 0600), which is whole and on the disk when it has its name. BACKUP_EXISTS;
 * BACKUP_BROKEN when the copy is not sound; FILE_FAILED, STORE_*. info is to be cleared in any case. */
gboolean kl_backup_make(const char *database, const char *file, KlBackupInfo *info, GError **error);

/* Writes text to a new file that is on the disk when it has its name. BACKUP_EXISTS, FILE_FAILED. */
gboolean kl_backup_write(const char *file, const char *text, GError **error);

/* Looks whether a file is a whole copy: SQLite's own check, and the journal's end, event by event from its last
 * checkpoint on. BACKUP_BROKEN, STORE_NEWER. info as above. */
gboolean kl_backup_inspect(const char *file, KlBackupInfo *info, GError **error);

/* The journal's end in a database that is open, not checked. */
gboolean kl_backup_read_info(sqlite3 *db, KlBackupInfo *info, GError **error);

/* Recomputes the chain from the last checkpoint on to the head. AUDIT_BROKEN, STORE_*. */
gboolean kl_backup_check_end(sqlite3 *db, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlBackupInfo, kl_backup_info_clear)

G_END_DECLS
