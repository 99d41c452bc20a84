#include "db/audit_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/audit_place.h"
#include "db/audit_tar.h"
#include "station/error.h"

#define BUFFER_SIZE (256 * 1024)
#define SHA256_SIZE 32

/* All that an export has. */
static const char *const names[] = {
    "certificates.pem", "checkpoints.jsonl", "events.jsonl",      "hidden.txt",  "leaves.txt",
    "manifest.json",    "manifest.json.p7s", "records.csv",       "station.pem", "summary.csv",
    "summary.json",     "summary.pdf",       "transcripts.jsonl", NULL,
};

struct KlAuditWriter {
    KlAuditPlace place;
    char *folder; /* within a tar file; NULL: a folder is written */
    gint64 time_us;
    GPtrArray *files;
};

/* Bytes are gathered in one buffer while a thread of the file's own hashes and writes those of the other. */
struct KlAuditMember {
    KlAuditWriter *writer;
    char *name;
    int fd; /* the file; for a tar file a nameless one, whose bytes go there in the end: the head tells their number */
    EVP_MD_CTX *digest;
    guint64 bytes;
    guint8 *buffer, *other;
    gsize filled;

    gboolean started; /* the thread was: with the first full buffer */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    gsize handed;    /* bytes in the other buffer that the thread has not written yet */
    gboolean over;   /* nothing more will come */
    GError *failure; /* of the thread */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)

static void
file_free(gpointer data)
{
    KlAuditFile *file = data;
    g_free(file->name);
    g_free(file->sha256);
    g_free(file);
}

static char *
hex_of(const guint8 *bytes, gsize length)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = g_malloc(2 * length + 1);
    for (gsize i = 0; i < length; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * length] = '\0';
    return hex;
}

char *
kl_audit_sha256(const void *data, gsize length)
{
    guint8 digest[SHA256_SIZE];
    int done = EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL);
    g_assert(done == 1);
    return hex_of(digest, sizeof digest);
}

/* --- the whole --- */

/* What the files of a tar file lie in: its own name, where that fits into a head. */
static char *
folder_in_tar(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    base[strlen(base) - strlen(".tar")] = '\0';
    return g_strdup(base[0] != '\0' && strlen(base) <= 70 ? base : "export");
}

KlAuditWriter *
kl_audit_writer_new(const char *path, gint64 time_us, GError **error)
{
    g_autoptr(KlAuditWriter) writer = g_new0(KlAuditWriter, 1);
    g_autofree char *clean = g_canonicalize_filename(path, NULL);
    gboolean tar = g_str_has_suffix(clean, ".tar");
    writer->files = g_ptr_array_new_with_free_func(file_free);
    writer->folder = tar ? folder_in_tar(clean) : NULL;
    writer->time_us = time_us;
    return kl_audit_place_take(&writer->place, clean, !tar, names, error) ? g_steal_pointer(&writer) : NULL;
}

void
kl_audit_writer_free(KlAuditWriter *writer)
{
    kl_audit_place_clear(&writer->place, names);
    g_ptr_array_unref(writer->files);
    g_free(writer->folder);
    g_free(writer);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(KlAuditFile *const *)a)->name, (*(KlAuditFile *const *)b)->name);
}

const GPtrArray *
kl_audit_writer_files(KlAuditWriter *writer)
{
    g_ptr_array_sort(writer->files, compare_names);
    return writer->files;
}

gboolean
kl_audit_writer_commit(KlAuditWriter *writer, GError **error)
{
    /* A tar file ends with two empty blocks. */
    static const guint8 end[2 * KL_TAR_BLOCK];
    if (writer->folder != NULL &&
        !kl_audit_place_write(writer->place.fd, end, sizeof end, writer->place.partial, error))
        return FALSE;
    return kl_audit_place_settle(&writer->place, error);
}

/* --- a file of it --- */

/* A file without a name, beside the tar file. */
static int
open_nameless(const KlAuditWriter *writer)
{
    g_autofree char *folder = g_path_get_dirname(writer->place.path);
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    /* A file system that has no such files. */
    g_autofree char *name = g_strconcat(writer->place.partial, "-XXXXXX", NULL);
    fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        unlink(name);
    return fd;
}

KlAuditMember *
kl_audit_writer_begin(KlAuditWriter *writer, const char *name, GError **error)
{
    g_assert(g_strv_contains(names, name));
    g_autoptr(KlAuditMember) member = g_new0(KlAuditMember, 1);
    member->writer = writer;
    member->name = g_strdup(name);
    member->buffer = g_malloc(BUFFER_SIZE);
    member->other = g_malloc(BUFFER_SIZE);
    member->digest = EVP_MD_CTX_new();
    pthread_mutex_init(&member->lock, NULL);
    pthread_cond_init(&member->turn, NULL);
    member->fd = writer->folder != NULL
                     ? open_nameless(writer)
                     : openat(writer->place.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (member->fd < 0) {
        kl_audit_place_fail(name, errno, error);
        return NULL;
    }
    int done = EVP_DigestInit_ex(member->digest, EVP_sha256(), NULL);
    g_assert(done == 1);
    return g_steal_pointer(&member);
}

static gboolean
write_out(KlAuditMember *member, const guint8 *data, gsize length, GError **error)
{
    EVP_DigestUpdate(member->digest, data, length);
    member->bytes += length;
    return kl_audit_place_write(member->fd, data, length, member->name, error);
}

/* With the lock held, which is released meanwhile. */
static void
write_handed(KlAuditMember *member)
{
    GError *failure = NULL;
    pthread_mutex_unlock(&member->lock);
    /* The disk begins with it at once: the end has less to wait for. */
    if (write_out(member, member->other, member->handed, &failure))
        sync_file_range(member->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    pthread_mutex_lock(&member->lock);
    member->handed = 0;
    member->failure = failure;
    pthread_cond_broadcast(&member->turn);
}

/* Ends with the first failure: nothing is handed over after that. */
static void *
run_member(void *data)
{
    KlAuditMember *member = data;
    pthread_mutex_lock(&member->lock);
    while (!member->over || member->handed > 0) {
        if (member->handed == 0)
            pthread_cond_wait(&member->turn, &member->lock);
        else
            write_handed(member);
    }
    pthread_mutex_unlock(&member->lock);
    return NULL;
}

static gboolean
start_member(KlAuditMember *member, GError **error)
{
    int number = member->started ? 0 : pthread_create(&member->thread, NULL, run_member, member);
    member->started = number == 0;
    return member->started || kl_fail(error, KL_ERROR_INTERNAL, "no thread: %s", g_strerror(number));
}

/* Waits until the other buffer is free, with the lock held. FALSE: what was in it could not be written. */
static gboolean
wait_for_turn(KlAuditMember *member, GError **error)
{
    while (member->handed > 0)
        pthread_cond_wait(&member->turn, &member->lock);
    if (member->failure == NULL)
        return TRUE;
    g_propagate_error(error, g_error_copy(member->failure));
    return FALSE;
}

/* The full buffer becomes the other one. */
static gboolean
hand_over(KlAuditMember *member, GError **error)
{
    if (!start_member(member, error))
        return FALSE;
    pthread_mutex_lock(&member->lock);
    gboolean ok = wait_for_turn(member, error);
    if (ok) {
        guint8 *full = member->buffer;
        member->buffer = member->other;
        member->other = full;
        member->handed = member->filled;
        member->filled = 0;
        pthread_cond_broadcast(&member->turn);
    }
    pthread_mutex_unlock(&member->lock);
    return ok;
}

/* The thread has done all that it was given. */
static gboolean
stop_member(KlAuditMember *member, GError **error)
{
    if (!member->started)
        return TRUE;
    pthread_mutex_lock(&member->lock);
    gboolean ok = wait_for_turn(member, error);
    member->over = TRUE;
    pthread_cond_broadcast(&member->turn);
    pthread_mutex_unlock(&member->lock);
    pthread_join(member->thread, NULL);
    member->started = FALSE;
    return ok;
}

void
kl_audit_member_free(KlAuditMember *member)
{
    stop_member(member, NULL);
    pthread_cond_destroy(&member->turn);
    pthread_mutex_destroy(&member->lock);
    g_clear_error(&member->failure);
    if (member->fd >= 0)
        close(member->fd);
    EVP_MD_CTX_free(member->digest);
    g_free(member->buffer);
    g_free(member->other);
    g_free(member->name);
    g_free(member);
}

gboolean
kl_audit_member_put(KlAuditMember *member, const void *data, gsize length, GError **error)
{
    const guint8 *bytes = data;
    while (length > BUFFER_SIZE - member->filled) {
        gsize part = BUFFER_SIZE - member->filled;
        memcpy(member->buffer + member->filled, bytes, part);
        member->filled = BUFFER_SIZE;
        bytes += part;
        length -= part;
        if (!hand_over(member, error))
            return FALSE;
    }
    memcpy(member->buffer + member->filled, bytes, length);
    member->filled += length;
    return TRUE;
}

/* The bytes go behind what the tar file has, up to a whole block. */
static gboolean
append_to_tar(KlAuditMember *member, GError **error)
{
    const KlAuditWriter *writer = member->writer;
    guint8 head[KL_TAR_BLOCK];
    kl_tar_head(writer->folder, member->name, member->bytes, writer->time_us / G_USEC_PER_SEC, head);
    if (lseek(member->fd, 0, SEEK_SET) < 0)
        return kl_audit_place_fail(member->name, errno, error);
    gboolean ok = kl_audit_place_write(writer->place.fd, head, sizeof head, writer->place.partial, error);
    guint64 left = member->bytes;
    while (ok && left > 0) {
        gssize got = read(member->fd, member->buffer, MIN(left, BUFFER_SIZE));
        if (got == 0 || (got < 0 && errno != EINTR))
            return kl_audit_place_fail(member->name, got == 0 ? EIO : errno, error);
        ok =
            got < 0 || kl_audit_place_write(writer->place.fd, member->buffer, (gsize)got, writer->place.partial, error);
        left -= (guint64)MAX(got, 0);
    }
    gsize rest = member->bytes % KL_TAR_BLOCK;
    memset(head, 0, sizeof head);
    return ok && (rest == 0 ||
                  kl_audit_place_write(writer->place.fd, head, KL_TAR_BLOCK - rest, writer->place.partial, error));
}

gboolean
kl_audit_member_end(KlAuditMember *member_taken, GError **error)
{
    g_autoptr(KlAuditMember) member = member_taken;
    guint8 digest[SHA256_SIZE];
    if (!stop_member(member, error) || !write_out(member, member->buffer, member->filled, error))
        return FALSE;
    EVP_DigestFinal_ex(member->digest, digest, NULL);
    if (member->writer->folder != NULL) {
        if (!append_to_tar(member, error))
            return FALSE;
    } else if (fsync(member->fd) != 0) {
        return kl_audit_place_fail(member->name, errno, error);
    }
    KlAuditFile *file = g_new0(KlAuditFile, 1);
    file->name = g_strdup(member->name);
    file->bytes = member->bytes;
    file->sha256 = hex_of(digest, sizeof digest);
    g_ptr_array_add(member->writer->files, file);
    return TRUE;
}

gboolean
kl_audit_writer_add(KlAuditWriter *writer, const char *name, const void *data, gsize length, GError **error)
{
    g_autoptr(KlAuditMember) member = kl_audit_writer_begin(writer, name, error);
    return member != NULL && kl_audit_member_put(member, data, length, error) &&
           kl_audit_member_end(g_steal_pointer(&member), error);
}
