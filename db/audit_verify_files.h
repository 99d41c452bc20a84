/* The files of an export, in a folder or in a tar file. Nothing in either is trusted: only plain files are read, each
 * within its bounds. */
#pragma once

#include <openssl/evp.h>

#include "db/audit_scan.h"
#include "db/audit_tree.h"
#include "station/audit_report.h"

G_BEGIN_DECLS

typedef struct {
    char *name;
    int fd; /* a folder's file has its own, which is closed with it */
    gboolean own;
    gint64 offset, size;
} KlAuditPiece;

typedef struct {
    GPtrArray *pieces; /* KlAuditPiece */
    int fd;            /* the tar file; -1: a folder */
} KlAuditFiles;

/* What lies there. What should not, goes into the report. AUDIT_UNREADABLE. */
KlAuditFiles *kl_audit_files_open(const char *path, KlAuditReport *report, GError **error);
void kl_audit_files_free(KlAuditFiles *files);

/* NULL: there is none of that name. */
const KlAuditPiece *kl_audit_files_find(const KlAuditFiles *files, const char *name);

/* The whole of a small file, and a NUL; NULL: it has more than max bytes, or can't be read. The caller frees. */
char *kl_audit_piece_read(const KlAuditPiece *piece, gsize max, gsize *length);

/* SHA-256 in hex; the caller frees. NULL: it can't be read. */
char *kl_audit_piece_sha256(const KlAuditPiece *piece);

/* Its lines, one after the other. */
typedef struct {
    const KlAuditPiece *piece; /* NULL: no lines */
    GByteArray *bytes;         /* read and not yet handed out, behind at */
    gsize at;
    gint64 read;
} KlAuditLines;

/* A longer line is none. */
#define KL_AUDIT_LINE_MAX (16 << 20)

void kl_audit_lines_begin(KlAuditLines *lines, const KlAuditPiece *piece);
void kl_audit_lines_clear(KlAuditLines *lines);
/* The next line without its end; stays until the next call. FALSE: there is none, or what is left is no line. */
gboolean kl_audit_lines_next(KlAuditLines *lines, KlAuditSpan *line);
/* All were handed out. */
gboolean kl_audit_lines_ended(const KlAuditLines *lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAuditFiles, kl_audit_files_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlAuditLines, kl_audit_lines_clear)

G_END_DECLS
