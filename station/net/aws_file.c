#include "station/net/aws_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

#define FILE_MAX ((gsize)1024 * 1024)

/* A key with its value, or a section's own line (key NULL). The strings lie in the file's text. */
typedef struct {
    const char *section;
    const char *parent; /* of a nested key, or NULL */
    const char *key;
    const char *value;
} Entry;

struct KlAwsFile {
    char *text; /* cut into pieces, wiped when freed */
    gsize length;
    GArray *entries;
};

/* Makes one blank of every run of them, in place. */
static char *
single_blanks(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        gboolean blank = *at == ' ' || *at == '\t';
        if (!blank || out == text || out[-1] != ' ')
            *out++ = blank ? ' ' : *at;
    }
    *out = '\0';
    return text;
}

/* A value ends where a comment begins: at '#' or ';' behind a blank. */
static void
cut_comment(char *value)
{
    for (char *at = value; *at != '\0'; at++) {
        if ((*at == '#' || *at == ';') && at > value && (at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            return;
        }
    }
}

static void
parse_line(KlAwsFile *file, char *line, const char **section, const char **parent)
{
    gboolean indented = *line == ' ' || *line == '\t';
    char *text = g_strstrip(line);
    if (*text == '\0' || *text == '#' || *text == ';')
        return;
    char *end = strchr(text, ']');
    if (*text == '[' && !indented) {
        if (end != NULL)
            *end = '\0';
        *section = end != NULL ? single_blanks(g_strstrip(text + 1)) : NULL;
        *parent = NULL;
        Entry entry = {*section, NULL, NULL, NULL};
        if (*section != NULL)
            g_array_append_val(file->entries, entry);
        return;
    }
    char *equals = strchr(text, '=');
    if (*section == NULL || equals == NULL)
        return;
    *equals = '\0';
    cut_comment(equals + 1);
    Entry entry = {*section, indented ? *parent : NULL, g_strchomp(text), g_strstrip(equals + 1)};
    g_array_append_val(file->entries, entry);
    if (!indented)
        *parent = entry.key;
}

/* Takes text. */
static KlAwsFile *
parse(char *text)
{
    KlAwsFile *file = g_new0(KlAwsFile, 1);
    file->text = text;
    file->length = strlen(text);
    file->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    const char *section = NULL;
    const char *parent = NULL;
    for (char *line = text; line != NULL;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        parse_line(file, line, &section, &parent);
        line = end != NULL ? end + 1 : NULL;
    }
    return file;
}

KlAwsFile *
kl_aws_file_parse(const char *text)
{
    return parse(g_strdup(text));
}

/* Everything in the file. Sets *why when it can't be had. */
static char *
read_text(int fd, const char **why)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        *why = "not a file";
        return NULL;
    }
    char *text = g_malloc0(FILE_MAX + 2);
    gsize length = 0;
    ssize_t count = 1;
    while (count > 0 && length <= FILE_MAX) {
        count = read(fd, text + length, FILE_MAX + 1 - length);
        if (count < 0 && errno == EINTR)
            count = 1;
        else if (count > 0)
            length += (gsize)count;
    }
    if (count < 0)
        *why = g_strerror(errno);
    else if (length > FILE_MAX)
        *why = "larger than 1 MiB";
    else if (strlen(text) != length)
        *why = "holds NUL bytes";
    else
        return text;
    OPENSSL_cleanse(text, length);
    g_free(text);
    return NULL;
}

KlAwsFile *
kl_aws_file_load(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return kl_aws_file_parse("");
    if (fd < 0) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    const char *why = NULL;
    char *text = read_text(fd, &why);
    close(fd);
    if (text == NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", path, why);
        return NULL;
    }
    return parse(text);
}

void
kl_aws_file_free(KlAwsFile *file)
{
    if (file == NULL)
        return;
    OPENSSL_cleanse(file->text, file->length);
    g_free(file->text);
    g_array_unref(file->entries);
    g_free(file);
}

gboolean
kl_aws_file_has(const KlAwsFile *file, const char *section)
{
    for (guint i = 0; i < file->entries->len; i++) {
        if (strcmp(g_array_index(file->entries, Entry, i).section, section) == 0)
            return TRUE;
    }
    return FALSE;
}

/* TRUE when name is "key" of an entry, or "parent.key". */
static gboolean
is_named(const Entry *entry, const char *name)
{
    if (entry->key == NULL)
        return FALSE;
    if (entry->parent == NULL)
        return strcmp(entry->key, name) == 0;
    gsize length = strlen(entry->parent);
    return strncmp(entry->parent, name, length) == 0 && name[length] == '.' &&
           strcmp(entry->key, name + length + 1) == 0;
}

const char *
kl_aws_file_get(const KlAwsFile *file, const char *section, const char *key)
{
    for (guint i = file->entries->len; i > 0; i--) {
        const Entry *entry = &g_array_index(file->entries, Entry, i - 1);
        if (strcmp(entry->section, section) == 0 && is_named(entry, key))
            return entry->value;
    }
    return NULL;
}
