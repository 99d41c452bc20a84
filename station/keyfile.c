#include "station/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/error.h"

#define FILE_MAX ((gsize)1024 * 1024)
#define QUOTE_MAX 60    /* characters of a name in the file that a message repeats */
#define MESSAGE_MAX 400 /* characters of a message about a value, which may repeat all of it */

typedef enum { LINE_BLANK, LINE_GROUP, LINE_KEY, LINE_OTHER } LineKind;

/* A line and what it says. GKeyFile keeps no line numbers, so the text is read a second time here, by the same rules.
 */
typedef struct {
    LineKind kind;
    char *name;  /* of the group or the key */
    char *value; /* of the key */
} Line;

/* Takes text apart in place. */
static Line
line_parse(char *text)
{
    char *start = g_strstrip(text);
    gsize length = strlen(start);
    if (length == 0 || *start == '#')
        return (Line){LINE_BLANK, NULL, NULL};
    if (*start == '[') {
        if (length < 3 || start[length - 1] != ']' || strcspn(start + 1, "[]") != length - 2)
            return (Line){LINE_OTHER, start, NULL};
        start[length - 1] = '\0';
        return (Line){LINE_GROUP, start + 1, NULL};
    }
    char *equals = strchr(start, '=');
    if (equals == NULL || equals == start)
        return (Line){LINE_OTHER, start, NULL};
    *equals = '\0';
    return (Line){LINE_KEY, g_strchomp(start), g_strstrip(equals + 1)};
}

/* The beginning of text, for a message. */
static char *
head_of(const char *text, glong characters)
{
    if (g_utf8_strlen(text, -1) <= characters)
        return g_strdup(text);
    g_autofree char *head = g_utf8_substring(text, 0, characters);
    return g_strconcat(head, "...", NULL);
}

static char *
quote(const char *text)
{
    return head_of(text, QUOTE_MAX);
}

/* Everything in the file; NULL with errno set. */
static char *
read_all(int fd, gsize *length)
{
    g_autofree char *text = g_malloc(FILE_MAX + 2);
    for (*length = 0; *length <= FILE_MAX;) {
        ssize_t count = read(fd, text + *length, FILE_MAX + 1 - *length);
        if (count < 0 && errno != EINTR)
            return NULL;
        if (count == 0)
            break;
        *length += count > 0 ? (gsize)count : 0;
    }
    text[*length] = '\0';
    return g_steal_pointer(&text);
}

/* FALSE unless the text is UTF-8 without control characters other than line ends and tabs. */
static gboolean
check_text(const char *path, const char *text, gsize length, GError **error)
{
    if (length > FILE_MAX)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: larger than 1 MiB", path);
    guint line = 1;
    for (gsize i = 0; i < length; i++) {
        gboolean line_end = text[i] == '\n' || (text[i] == '\r' && text[i + 1] == '\n');
        if (g_ascii_iscntrl(text[i]) && text[i] != '\t' && !line_end)
            return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: control character 0x%02x", path, line,
                           (guint)(guchar)text[i]);
        line += text[i] == '\n';
    }
    const char *bad = NULL;
    if (g_utf8_validate(text, (gssize)length, &bad))
        return TRUE;
    line = 1;
    for (const char *at = text; at < bad; at++)
        line += *at == '\n';
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: not UTF-8 text", path, line);
}

static char *
load_text(const char *path, gsize *length, GError **error)
{
    /* Not blocking: a FIFO or a device in the file's place must not stall the station. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    struct stat info;
    gboolean regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    g_autofree char *text = regular ? read_all(fd, length) : NULL;
    int read_errno = errno;
    close(fd);
    if (text == NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", path, regular ? g_strerror(read_errno) : "not a file");
        return NULL;
    }
    return check_text(path, text, *length, error) ? g_steal_pointer(&text) : NULL;
}

/* TRUE when the rule is about that group; "slot *" is about "slot 01". */
static gboolean
rule_covers(const KlKeyRule *rule, const char *group)
{
    gsize length = strlen(rule->group);
    if (!g_str_has_suffix(rule->group, " *"))
        return strcmp(rule->group, group) == 0;
    return strncmp(rule->group, group, length - 1) == 0 && group[length - 1] != '\0';
}

static const KlKeyRule *
rule_of_group(const KlKeyRule *rules, const char *group)
{
    for (const KlKeyRule *rule = rules; rule->group != NULL; rule++) {
        if (rule_covers(rule, group))
            return rule;
    }
    return NULL;
}

static const KlKeyRule *
rule_of_key(const KlKeyRule *rules, const char *group, const char *key)
{
    for (const KlKeyRule *rule = rules; rule->group != NULL; rule++) {
        if (rule_covers(rule, group) && strcmp(rule->key, key) == 0)
            return rule;
    }
    return NULL;
}

/* The allowed keys of a group, or the allowed groups when group is NULL: "a, b". */
static char *
allowed(const KlKeyRule *rules, const char *group)
{
    GString *names = g_string_new(NULL);
    const char *last = NULL;
    for (const KlKeyRule *rule = rules; rule->group != NULL; rule++) {
        gboolean wanted = group != NULL ? rule_covers(rule, group) : g_strcmp0(rule->group, last) != 0;
        if (!wanted)
            continue;
        last = rule->group;
        g_string_append(names, names->len > 0 ? ", " : "");
        g_string_append_printf(names, group != NULL ? "%s" : "[%s]", group != NULL ? rule->key : rule->group);
    }
    return g_string_free(names, FALSE);
}

/* A walk through a file's lines. */
typedef struct {
    const char *path;
    const KlKeyRule *rules;
    guint number;       /* of the line, from 1 */
    char *group;        /* the current one, or NULL */
    GHashTable *lines;  /* "[group]" and "[group]key" -> line number */
    GHashTable *filled; /* "[group]key" of every key that has a value */
} Walk;

/* Remembers where a name stands. FALSE when it was there already. */
static gboolean
walk_remember(Walk *walk, const char *name, const char *what, GError **error)
{
    guint before = GPOINTER_TO_UINT(g_hash_table_lookup(walk->lines, name));
    if (before != 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: %s is repeated; it is already in line %u", walk->path,
                       walk->number, what, before);
    g_hash_table_insert(walk->lines, g_strdup(name), GUINT_TO_POINTER(walk->number));
    return TRUE;
}

static gboolean
walk_group(Walk *walk, const char *name, GError **error)
{
    g_autofree char *shown = quote(name);
    if (rule_of_group(walk->rules, name) == NULL) {
        g_autofree char *groups = allowed(walk->rules, NULL);
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: unknown group [%s]; allowed: %s", walk->path,
                       walk->number, shown, groups);
    }
    g_free(walk->group);
    walk->group = g_strdup(name);
    g_autofree char *id = g_strdup_printf("[%s]", name);
    g_autofree char *what = g_strdup_printf("group [%s]", shown);
    return walk_remember(walk, id, what, error);
}

static gboolean
walk_key(Walk *walk, const Line *line, GError **error)
{
    if (walk->group == NULL) {
        g_autofree char *groups = allowed(walk->rules, NULL);
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: a key before the first group; allowed: %s", walk->path,
                       walk->number, groups);
    }
    g_autofree char *shown = quote(line->name);
    g_autofree char *shown_group = quote(walk->group);
    if (rule_of_key(walk->rules, walk->group, line->name) == NULL) {
        g_autofree char *keys = allowed(walk->rules, walk->group);
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: unknown key '%s' in [%s]; allowed: %s", walk->path,
                       walk->number, shown, shown_group, keys);
    }
    g_autofree char *id = g_strdup_printf("[%s]%s", walk->group, line->name);
    g_autofree char *what = g_strdup_printf("key '%s' in [%s]", shown, shown_group);
    if (*line->value != '\0')
        g_hash_table_add(walk->filled, g_strdup(id));
    return walk_remember(walk, id, what, error);
}

static gboolean
walk_line(Walk *walk, char *text, GError **error)
{
    Line line = line_parse(text);
    switch (line.kind) {
    case LINE_BLANK:
        return TRUE;
    case LINE_GROUP:
        return walk_group(walk, line.name, error);
    case LINE_KEY:
        return walk_key(walk, &line, error);
    case LINE_OTHER:
        break;
    }
    g_autofree char *shown = quote(line.name);
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: '%s' is neither a [group], nor key=value, nor a # comment",
                   walk->path, walk->number, shown);
}

/* FALSE when a required key of a group is missing; groups of a kind ("slot *") need theirs only where they exist. */
static gboolean
walk_check_required(Walk *walk, const KlKeyRule *rule, const char *group, GError **error)
{
    g_autofree char *id = g_strdup_printf("[%s]%s", group, rule->key);
    if (!rule->required || !rule_covers(rule, group) || g_hash_table_contains(walk->filled, id))
        return TRUE;
    g_autofree char *group_id = g_strdup_printf("[%s]", group);
    guint line = GPOINTER_TO_UINT(g_hash_table_lookup(walk->lines, id));
    if (line == 0)
        line = GPOINTER_TO_UINT(g_hash_table_lookup(walk->lines, group_id));
    g_autofree char *shown = quote(group);
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: [%s] needs the key '%s' with a value", walk->path,
                   line != 0 ? line : walk->number, shown, rule->key);
}

static gboolean
walk_check_all_required(Walk *walk, GKeyFile *file, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (const KlKeyRule *rule = walk->rules; rule->group != NULL; rule++) {
        gboolean kind = g_str_has_suffix(rule->group, " *");
        if (!kind && !walk_check_required(walk, rule, rule->group, error))
            return FALSE;
        for (guint i = 0; kind && groups[i] != NULL; i++) {
            if (!walk_check_required(walk, rule, groups[i], error))
                return FALSE;
        }
    }
    return TRUE;
}

static GKeyFile *
load_checked(Walk *walk, const char *text, gsize length, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        walk->number = i + 1;
        if (!walk_line(walk, lines[i], error))
            return NULL;
    }
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) problem = NULL;
    if (length > 0 && !g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, &problem)) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: %s", walk->path, problem->message);
        return NULL;
    }
    return walk_check_all_required(walk, file, error) ? g_steal_pointer(&file) : NULL;
}

GKeyFile *
kl_keyfile_load(const char *path, const KlKeyRule *rules, GError **error)
{
    gsize length = 0;
    g_autofree char *text = load_text(path, &length, error);
    if (text == NULL)
        return NULL;
    Walk walk = {
        .path = path,
        .rules = rules,
        .number = 1,
        .lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .filled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    GKeyFile *file = load_checked(&walk, text, length, error);
    g_free(walk.group);
    g_hash_table_unref(walk.lines);
    g_hash_table_unref(walk.filled);
    return file;
}

char *
kl_keyfile_text(GKeyFile *file, const char *group, const char *key)
{
    g_autofree char *value = g_key_file_get_value(file, group, key, NULL);
    if (value == NULL || *g_strstrip(value) == '\0')
        return NULL;
    return g_steal_pointer(&value);
}

/* The line of the key, else of its group, else 0. */
static guint
find_line(const char *path, const char *group, const char *key)
{
    gsize length = 0;
    g_autofree char *text = load_text(path, &length, NULL);
    g_auto(GStrv) lines = text != NULL ? g_strsplit(text, "\n", -1) : NULL;
    guint group_line = 0;
    gboolean inside = FALSE;
    for (guint i = 0; lines != NULL && lines[i] != NULL; i++) {
        Line line = line_parse(lines[i]);
        if (line.kind == LINE_GROUP) {
            inside = strcmp(line.name, group) == 0;
            group_line = inside ? i + 1 : group_line;
        }
        if (inside && line.kind == LINE_KEY && strcmp(line.name, key) == 0)
            return i + 1;
    }
    return group_line;
}

gboolean
kl_keyfile_fail(GError **error, const char *path, const char *group, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *whole = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *what = head_of(whole, MESSAGE_MAX);
    guint line = find_line(path, group, key);
    if (line == 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s: [%s] %s: %s", path, group, key, what);
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s:%u: [%s] %s: %s", path, line, group, key, what);
}
