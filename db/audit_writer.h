/* An export on its way to the disk: files into a folder, or into a tar file when the name ends in ".tar". All lies
 * under another name, PATH.partial, until it is whole and on the disk; what a killed program left there is swept away
 * by the next. Memory stays constant, however much is written. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlAuditWriter KlAuditWriter;

/* One of its files, until it is ended. Several may be open at the same time, each filled by a thread of its own; begun
 * and ended they are by one. */
typedef struct KlAuditMember KlAuditMember;

/* What a file that was ended is. */
typedef struct {
    char *name;
    guint64 bytes;
    char *sha256; /* lower-case hex */
} KlAuditFile;

/* time_us: what a tar file says of its files' age. EXPORT_EXISTS when there is something of that name, or another
 * program writes it now; FILE_FAILED. */
KlAuditWriter *kl_audit_writer_new(const char *path, gint64 time_us, GError **error);
/* Takes back all that was written, unless it was committed. */
void kl_audit_writer_free(KlAuditWriter *writer);

/* Begins a file. name: one of those that an export has. FILE_FAILED. */
KlAuditMember *kl_audit_writer_begin(KlAuditWriter *writer, const char *name, GError **error);
/* Appends. FILE_FAILED. */
gboolean kl_audit_member_put(KlAuditMember *member, const void *data, gsize length, GError **error);
/* Ends the file: it is on the disk, and in the list. Frees the member, in any case. FILE_FAILED. */
gboolean kl_audit_member_end(KlAuditMember *member, GError **error);
/* Gives the file up. */
void kl_audit_member_free(KlAuditMember *member);

/* All at once: a small file. */
gboolean kl_audit_writer_add(KlAuditWriter *writer, const char *name, const void *data, gsize length, GError **error);

/* The files that were ended, KlAuditFile, by name. Borrowed. */
const GPtrArray *kl_audit_writer_files(KlAuditWriter *writer);

/* Everything gets its name, on the disk. EXPORT_EXISTS when something took the name meanwhile; FILE_FAILED. */
gboolean kl_audit_writer_commit(KlAuditWriter *writer, GError **error);

/* The SHA-256 of some bytes, lower-case hex. The caller frees. */
char *kl_audit_sha256(const void *data, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditWriter, kl_audit_writer_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditMember, kl_audit_member_free)

G_END_DECLS
