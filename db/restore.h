/* Putting a copy of the database in the place of the present one. */
#pragma once

#include "db/backup.h"

G_BEGIN_DECLS

typedef struct {
    const char *file;     /* the copy */
    const char *database; /* the present one, which may be damaged or gone */
    const char *exported; /* the checkpoints that left the station, lines; may not exist */
    const char *reason;   /* why what was kept since may be lost; NULL: it may not */
    KlSeal *seal;         /* signs a checkpoint over it; NULL: none is made */
    const char *station;  /* its name */
} KlRestore;

/* What was done. */
typedef struct {
    KlBackupInfo backup;    /* what was restored */
    guint64 present_n;      /* the last event that is lost with the present database, or where both end; 0: it could not
                                be read, or was empty */
    gboolean unreadable;    /* there is a present database, and where its journal ends can't be told */
    gboolean diverged;      /* the present database, or what was exported, has what the copy has not */
    guint64 exported_n;     /* the last checkpoint that left the station; 0: none */
    char *aside;            /* where the present database is now; NULL: there was none */
    gint64 burned;          /* leased numbers that are not handed out any more */
    gint64 moved;           /* counters that were moved on */
    gboolean numbers_known; /* every number that was handed out since is known not to come again */
} KlRestored;

void kl_restored_clear(KlRestored *restored);

/* Does it; who calls holds the station's lock. At any instant the old or the new database is in place. USAGE (no file),
 * BACKUP_BROKEN; BACKUP_FOREIGN: it is of another journal; BACKUP_BEHIND: something was
 * kept, or exported, behind its end, and there is no reason; a present database that is damaged counts as such;
 * STATION_BUSY: a program has it open; STORE_*, FILE_FAILED. restored is to be cleared in any case. */
gboolean kl_restore(const KlRestore *restore, KlRestored *restored, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlRestored, kl_restored_clear)

G_END_DECLS
