#include "db/audit_verify_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

#define FILES_MAX 64 /* an export has a dozen */
#define CHUNK (64 << 10)
#define BLOCK 512

static void
piece_free(gpointer data)
{
    KlAuditPiece *piece = data;
    if (piece->own)
        close(piece->fd);
    g_free(piece->name);
    g_free(piece);
}

void
kl_audit_files_free(KlAuditFiles *files)
{
    if (files == NULL)
        return;
    g_ptr_array_unref(files->pieces);
    if (files->fd >= 0)
        close(files->fd);
    g_free(files);
}

const KlAuditPiece *
kl_audit_files_find(const KlAuditFiles *files, const char *name)
{
    for (guint i = 0; i < files->pieces->len; i++) {
        const KlAuditPiece *piece = files->pieces->pdata[i];
        if (strcmp(piece->name, name) == 0)
            return piece;
    }
    return NULL;
}

/* Reads all of length, or fails. */
static gboolean
read_at(int fd, gint64 offset, void *bytes, gsize length)
{
    for (gsize done = 0; done < length;) {
        gssize got = pread(fd, (guint8 *)bytes + done, length - done, offset + (gint64)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return FALSE;
        done += (gsize)got;
    }
    return TRUE;
}

static void
add_piece(KlAuditFiles *files, const char *name, int fd, gboolean own, gint64 offset, gint64 size)
{
    KlAuditPiece *piece = g_new(KlAuditPiece, 1);
    *piece = (KlAuditPiece){g_strdup(name), fd, own, offset, size};
    g_ptr_array_add(files->pieces, piece);
}

static void
find_file(KlAuditReport *report, KlAuditFault fault, const char *name, const char *words)
{
    kl_audit_report_take(report, fault, g_strdup_printf("file %s", name), g_strdup(words));
}

/* --- a folder --- */

static void
add_from_folder(KlAuditFiles *files, int folder, const char *name, KlAuditReport *report)
{
    struct stat status;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        add_piece(files, name, fd, TRUE, 0, status.st_size);
        return;
    }
    if (fd >= 0)
        close(fd);
    find_file(report, KL_AUDIT_ADDED, name, "it is no plain file that can be read");
}

static gboolean
read_folder(KlAuditFiles *files, const char *path, KlAuditReport *report, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) entries = g_dir_open(path, 0, &local);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (entries == NULL || folder < 0) {
        if (folder >= 0)
            close(folder);
        return kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s: %s", path,
                       local != NULL ? local->message : "it can't be opened");
    }
    for (const char *name; (name = g_dir_read_name(entries)) != NULL;) {
        if (files->pieces->len == FILES_MAX) {
            find_file(report, KL_AUDIT_ADDED, name, "so many files are in no export");
            break;
        }
        add_from_folder(files, folder, name, report);
    }
    close(folder);
    return TRUE;
}

/* --- a tar file: POSIX ustar, plain files in one folder --- */

typedef struct {
    int fd;
    gint64 size;
    char *folder;
    KlAuditReport *report;
} Tar;

static gboolean
is_zero(const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return FALSE;
    }
    return TRUE;
}

/* The bytes from there to there are all zero. */
static gboolean
is_zero_range(const Tar *tar, gint64 from, gint64 to)
{
    guint8 bytes[BLOCK];
    for (gint64 at = from; at < to; at += BLOCK) {
        gsize length = (gsize)MIN(BLOCK, to - at);
        if (!read_at(tar->fd, at, bytes, length) || !is_zero(bytes, length))
            return FALSE;
    }
    return TRUE;
}

/* Octal digits, and a NUL or blank behind them; or base 256, as GNU tar has what octal digits can't say. */
static gboolean
read_number(const guint8 *field, gsize length, gint64 *number)
{
    *number = 0;
    if (field[0] == 0x80) {
        for (gsize i = 1; i < length; i++) {
            if (*number > G_MAXINT64 >> 8)
                return FALSE;
            *number = *number << 8 | field[i];
        }
        return TRUE;
    }
    gsize i = 0;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        *number = *number << 3 | (field[i] - '0');
    return i > 0 && i < length && is_zero(field + i + 1, length - i - 1) && (field[i] == '\0' || field[i] == ' ');
}

/* The sum of the head's bytes, the sum itself taken as blanks. */
static gboolean
sum_is_right(const guint8 *head)
{
    gint64 said = 0, sum = 0;
    guint8 field[8];
    for (gsize i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : head[i];
    memcpy(field, head + 148, sizeof field);
    if (field[7] == ' ')
        field[7] = '\0';
    return read_number(field, sizeof field, &said) && said == sum;
}

/* The name within the folder, which is the same for all; NULL: it is none. Points into head. */
static const char *
read_name(Tar *tar, const guint8 *head)
{
    const char *name = (const char *)head;
    const char *end = memchr(name, '\0', 100);
    const char *slash = end != NULL ? strchr(name, '/') : NULL;
    if (slash == NULL || slash == name || slash[1] == '\0' || strchr(slash + 1, '/') != NULL ||
        !is_zero(head + 345, 155) || !g_utf8_validate(name, -1, NULL))
        return NULL;
    if (tar->folder == NULL)
        tar->folder = g_strndup(name, (gsize)(slash - name));
    gsize length = strlen(tar->folder);
    return length == (gsize)(slash - name) && memcmp(name, tar->folder, length) == 0 ? slash + 1 : NULL;
}

static gboolean
find_in_tar(const Tar *tar, KlAuditFault fault, gint64 offset, const char *words)
{
    kl_audit_report_take(tar->report, fault, g_strdup("tar"),
                         g_strdup_printf("at byte %" G_GINT64_FORMAT ": %s", offset, words));
    return FALSE;
}

/* The file whose head this is. FALSE: nothing that follows can be trusted to be where it seems. */
static gboolean
read_member(Tar *tar, KlAuditFiles *files, const guint8 *head, gint64 *offset)
{
    gint64 size = 0, begin = *offset + BLOCK;
    const char *name = NULL;
    if (sum_is_right(head) && memcmp(head + 257, "ustar\00000", 8) == 0 && head[156] == '0' &&
        is_zero(head + 157, 100) && read_number(head + 124, 12, &size))
        name = read_name(tar, head);
    if (name == NULL)
        return find_in_tar(tar, KL_AUDIT_ALTERED, *offset, "this is no head of a file");
    if (size > tar->size - begin || (size + BLOCK - 1) / BLOCK * BLOCK > tar->size - begin)
        return find_in_tar(tar, KL_AUDIT_MISSING, *offset, "the file is cut off");
    if (kl_audit_files_find(files, name) != NULL || files->pieces->len == FILES_MAX)
        return find_in_tar(tar, KL_AUDIT_ADDED, *offset, "another file of this name, or one too many");
    add_piece(files, name, tar->fd, FALSE, begin, size);
    *offset = begin + (size + BLOCK - 1) / BLOCK * BLOCK;
    return is_zero_range(tar, begin + size, *offset) ||
           find_in_tar(tar, KL_AUDIT_ALTERED, begin + size, "something lies between two files");
}

static void
read_tar(Tar *tar, KlAuditFiles *files)
{
    guint8 head[BLOCK];
    gint64 offset = 0;
    for (;;) {
        if (offset + BLOCK > tar->size || !read_at(tar->fd, offset, head, BLOCK)) {
            find_in_tar(tar, KL_AUDIT_MISSING, offset, "its end is cut off");
            return;
        }
        if (is_zero(head, BLOCK))
            break;
        if (!read_member(tar, files, head, &offset))
            return;
    }
    if (tar->size < offset + 2 * BLOCK)
        find_in_tar(tar, KL_AUDIT_MISSING, offset, "its end is cut off");
    else if (!is_zero_range(tar, offset, tar->size))
        find_in_tar(tar, KL_AUDIT_ADDED, offset, "something lies behind its end");
}

static gboolean
open_tar(KlAuditFiles *files, const char *path, KlAuditReport *report, GError **error)
{
    struct stat status;
    files->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (files->fd < 0 || fstat(files->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return kl_fail(error, KL_ERROR_AUDIT_UNREADABLE, "%s can't be opened", path);
    Tar tar = {.fd = files->fd, .size = status.st_size, .report = report};
    read_tar(&tar, files);
    g_free(tar.folder);
    return TRUE;
}

KlAuditFiles *
kl_audit_files_open(const char *path, KlAuditReport *report, GError **error)
{
    g_autoptr(KlAuditFiles) files = g_new0(KlAuditFiles, 1);
    files->pieces = g_ptr_array_new_with_free_func(piece_free);
    files->fd = -1;
    gboolean ok = g_file_test(path, G_FILE_TEST_IS_DIR) ? read_folder(files, path, report, error)
                                                        : open_tar(files, path, report, error);
    return ok ? g_steal_pointer(&files) : NULL;
}

/* --- what is in a file --- */

char *
kl_audit_piece_read(const KlAuditPiece *piece, gsize max, gsize *length)
{
    if (piece->size < 0 || (guint64)piece->size > max)
        return NULL;
    *length = (gsize)piece->size;
    g_autofree char *text = g_malloc0(*length + 1);
    return read_at(piece->fd, piece->offset, text, *length) ? g_steal_pointer(&text) : NULL;
}

char *
kl_audit_piece_sha256(const KlAuditPiece *piece)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    guint8 hash[KL_HASH_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    gboolean ok = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (gint64 at = 0; ok && at < piece->size; at += CHUNK) {
        gsize length = (gsize)MIN(CHUNK, piece->size - at);
        ok = read_at(piece->fd, piece->offset + at, chunk, length) && EVP_DigestUpdate(context, chunk, length) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    GString *hex = g_string_new(NULL);
    for (guint i = 0; ok && i < KL_HASH_SIZE; i++)
        g_string_append_printf(hex, "%02x", hash[i]);
    return g_string_free(hex, !ok);
}

void
kl_audit_lines_begin(KlAuditLines *lines, const KlAuditPiece *piece)
{
    *lines = (KlAuditLines){piece, g_byte_array_new(), 0, 0};
}

void
kl_audit_lines_clear(KlAuditLines *lines)
{
    g_clear_pointer(&lines->bytes, g_byte_array_unref);
}

/* FALSE: there is no more, or it can't be read. */
static gboolean
read_more(KlAuditLines *lines)
{
    if (lines->piece == NULL || lines->read >= lines->piece->size)
        return FALSE;
    g_byte_array_remove_range(lines->bytes, 0, (guint)lines->at);
    lines->at = 0;
    gsize length = (gsize)MIN(CHUNK, lines->piece->size - lines->read);
    guint before = lines->bytes->len;
    if (before > KL_AUDIT_LINE_MAX)
        return FALSE;
    g_byte_array_set_size(lines->bytes, before + (guint)length);
    if (!read_at(lines->piece->fd, lines->piece->offset + lines->read, lines->bytes->data + before, length)) {
        g_byte_array_set_size(lines->bytes, before);
        return FALSE;
    }
    lines->read += (gint64)length;
    return TRUE;
}

gboolean
kl_audit_lines_next(KlAuditLines *lines, KlAuditSpan *line)
{
    gsize looked = 0;
    do {
        gsize left = lines->bytes->len - lines->at;
        const char *from = (const char *)lines->bytes->data + lines->at;
        const char *end = left > looked ? memchr(from + looked, '\n', left - looked) : NULL;
        if (end != NULL) {
            *line = (KlAuditSpan){from, (gsize)(end - from)};
            lines->at += line->length + 1;
            return TRUE;
        }
        looked = left;
    } while (read_more(lines));
    return FALSE;
}

gboolean
kl_audit_lines_ended(const KlAuditLines *lines)
{
    return lines->at == lines->bytes->len && (lines->piece == NULL || lines->read == lines->piece->size);
}
