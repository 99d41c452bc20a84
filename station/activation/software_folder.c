#include "station/activation/software_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

#define INDEX_MAX (1024 * 1024)

typedef struct {
    KlSoftwareShelf base;
    char *folder;
} Folder;

typedef int Descriptor;

static void
descriptor_close(Descriptor *fd)
{
    if (*fd >= 0)
        close(*fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Descriptor, descriptor_close)

static gboolean
fail_by_errno(const char *path, GError **error)
{
    int system_errno = errno;
    KlErrorCode code = system_errno == ENOENT || system_errno == ENOTDIR || system_errno == ELOOP
                           ? KL_ERROR_CONFIG_INVALID
                           : KL_ERROR_STORE_FAILED;
    g_autofree char *shown = g_utf8_make_valid(path, -1);
    return kl_fail(error, code, "%s: %s", shown, g_strerror(system_errno));
}

/* Opens a file below the folder, part by part: no part may be a link, and none leads upwards (kl_software_entry_check).
 * O_NONBLOCK: a pipe that somebody put there holds nobody up. -1 with errno. */
static int
open_below(int folder, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_auto(Descriptor) at = -1;
    for (guint i = 0; parts[i] != NULL; i++) {
        int flags = parts[i + 1] != NULL ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK | O_NOCTTY;
        int next = openat(at >= 0 ? at : folder, parts[i], flags | O_NOFOLLOW | O_CLOEXEC);
        int system_errno = errno;
        descriptor_close(&at);
        errno = system_errno;
        at = next;
        if (at < 0)
            return -1;
    }
    int fd = at;
    at = -1;
    return fd;
}

static gboolean
check_file(int fd, const char *path, gsize max, GError **error)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return fail_by_errno(path, error);
    if (!S_ISREG(info.st_mode))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s is no file", path);
    if (info.st_size > (off_t)max)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s has more than %" G_GSIZE_FORMAT " bytes", path, max);
    return TRUE;
}

/* A file below the folder, of max bytes at most, whatever is done to it meanwhile. */
static GBytes *
read_below(int folder, const char *path, gsize max, GError **error)
{
    g_auto(Descriptor) fd = open_below(folder, path);
    if (!check_file(fd, path, max, error))
        return NULL;
    g_autoptr(GByteArray) content = g_byte_array_new();
    guint8 block[65536];
    gssize n;
    while ((n = read(fd, block, sizeof block)) > 0 && content->len <= max)
        g_byte_array_append(content, block, (guint)n);
    if (n < 0) {
        fail_by_errno(path, error);
        return NULL;
    }
    if (content->len > max) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s has more than %" G_GSIZE_FORMAT " bytes", path, max);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&content));
}

/* A whole number, and -1 for whatever is none. */
static gint64
number_of(const char *text)
{
    guint64 number = 0;
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 0, KL_ACTIVATION_VERSION_MAX, &number, NULL)
               ? (gint64)number
               : -1;
}

static gboolean
read_entry(int folder, const char *name, KlSoftwareEntry *entry, GError **error)
{
    g_autoptr(GBytes) index = read_below(folder, KL_SOFTWARE_INDEX, INDEX_MAX, error);
    if (index == NULL)
        return FALSE;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) why = NULL;
    if (!g_key_file_load_from_bytes(file, index, G_KEY_FILE_NONE, &why)) {
        g_autofree char *shown = g_utf8_make_valid(why->message, -1);
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", KL_SOFTWARE_INDEX, g_strdelimit(shown, "\r\n", ' '));
    }
    if (strlen(name) > KL_SOFTWARE_NAME_MAX || !g_key_file_has_group(file, name))
        return kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no software by the name in the row");
    g_autofree char *version = g_key_file_get_string(file, name, "version", NULL);
    entry->bucket = g_key_file_get_string(file, name, "bucket", NULL);
    entry->file = g_key_file_get_string(file, name, "file", NULL);
    entry->version = number_of(version);
    entry->signature = g_key_file_get_string(file, name, "signature", NULL);
    return kl_software_entry_check(entry, error);
}

static KlSoftware *
find(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error)
{
    const char *path = ((Folder *)shelf)->folder;
    g_auto(Descriptor) folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_auto(KlSoftwareEntry) entry = {0};
    if (folder < 0) {
        fail_by_errno(path, error);
        return NULL;
    }
    if (!read_entry(folder, name, &entry, error))
        return NULL;
    g_autofree char *below = g_strdup_printf("%s/%s", entry.bucket, entry.file);
    GBytes *content = read_below(folder, below, KL_SOFTWARE_MAX, error);
    if (content == NULL)
        return NULL;
    KlSoftware *software = g_new0(KlSoftware, 1);
    software->version = entry.version;
    software->content = content;
    software->signature = g_steal_pointer(&entry.signature);
    return software;
}

static void
folder_free(KlSoftwareShelf *shelf)
{
    g_free(((Folder *)shelf)->folder);
    g_free(shelf);
}

static const KlSoftwareShelfClass class = {.find = find, .free = folder_free};

KlSoftwareShelf *
kl_software_folder_new(const char *folder)
{
    Folder *self = g_new0(Folder, 1);
    self->base.klass = &class;
    self->folder = g_strdup(folder);
    return &self->base;
}
