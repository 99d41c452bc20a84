/* Where an export is written before it has its name: PATH.partial, held by a lock. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *path;    /* where it will be */
    char *partial; /* where it is until then; NULL when it has got its name */
    gboolean folder;
    int fd; /* the partial folder or file, locked; -1: none */
} KlAuditPlace;

/* Makes PATH.partial, empty, a folder or a file. Names: what a folder may hold (NULL-terminated); what else lies in one
 * that was left behind is not touched. EXPORT_EXISTS when there is a PATH, or another program writes there;
 * FILE_FAILED. place is to be cleared in any case. */
gboolean kl_audit_place_take(KlAuditPlace *place, const char *path, gboolean folder, const char *const *names,
                             GError **error);

/* Writes all of the bytes to a file; path is for the error. FILE_FAILED. */
gboolean kl_audit_place_write(int fd, const void *data, gsize length, const char *path, GError **error);

/* Gives it its name, on the disk; never in place of something. EXPORT_EXISTS, FILE_FAILED. */
gboolean kl_audit_place_settle(KlAuditPlace *place, GError **error);

/* Removes what did not get its name. */
void kl_audit_place_clear(KlAuditPlace *place, const char *const *names);

/* Sets *error to FILE_FAILED for errno (number). Returns FALSE. */
gboolean kl_audit_place_fail(const char *path, int number, GError **error);

G_END_DECLS
