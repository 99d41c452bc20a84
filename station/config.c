#include "station/config.h"

#include "station/error.h"
#include "station/keyfile.h"

#define NAME_MAX_CHARS 64
#define COLUMNS_MAX 64
#define SLOT_MAX_CHARS 32
#define SLOTS_MAX 256
#define HOST_MAX_CHARS 253
#define ADDRESSES "serial:PATH, pty:PATH or tcp:HOST:PORT"
#define NAME_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-"

#define SLOT_RULES                                                                                                     \
    {"slot *", "agent", TRUE},                                                                                         \
    {                                                                                                                  \
        "slot *", "modem", FALSE                                                                                       \
    }

static const KlKeyRule station_rules[] = {
    {"station", "name", TRUE},
    {"station", "product", TRUE},
    {"station", "line", FALSE},
    {"station", "columns", FALSE},
    {"ca", "key", FALSE},
    {"ca", "passphrase-file", FALSE},
    SLOT_RULES,
    {NULL},
};

static const KlKeyRule line_rules[] = {SLOT_RULES, {NULL}};

/* One file that is being read. */
typedef struct {
    const char *path;
    char *folder; /* that relative paths count from */
    GKeyFile *keys;
} Source;

static void
source_clear(Source *source)
{
    g_free(source->folder);
    g_clear_pointer(&source->keys, g_key_file_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear)

static gboolean
source_open(Source *source, const char *path, const KlKeyRule *rules, GError **error)
{
    source->path = path;
    source->folder = g_path_get_dirname(path);
    source->keys = kl_keyfile_load(path, rules, error);
    return source->keys != NULL;
}

static void
slot_config_free(gpointer data)
{
    KlSlotConfig *slot = data;
    g_free(slot->name);
    g_free(slot->agent);
    g_free(slot->modem);
    g_free(slot);
}

void
kl_config_free(KlConfig *config)
{
    if (config == NULL)
        return;
    g_free(config->dir);
    g_free(config->name);
    g_free(config->product);
    g_free(config->line_file);
    g_free(config->ca_key);
    g_free(config->passphrase_file);
    g_clear_pointer(&config->slots, g_ptr_array_unref);
    g_free(config);
}

static gboolean
is_name(const char *text, gsize max)
{
    gsize length = strnlen(text, max + 1);
    return length > 0 && length <= max && strspn(text, NAME_CHARS) == length;
}

static char *
absolute(const Source *source, const char *path)
{
    return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(source->folder, path, NULL);
}

/* HOST:PORT of a tcp: address. */
static gboolean
is_host_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon - text > HOST_MAX_CHARS)
        return FALSE;
    if (strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-") != (gsize)(colon - text))
        return FALSE;
    guint64 port = 0;
    return g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL);
}

/* The address with an absolute path, or NULL when it is none. */
static char *
parse_address(const Source *source, const char *text)
{
    static const char *const path_schemes[] = {"serial:", "pty:"};
    for (guint i = 0; i < G_N_ELEMENTS(path_schemes); i++) {
        gsize length = strlen(path_schemes[i]);
        if (!g_str_has_prefix(text, path_schemes[i]) || text[length] == '\0')
            continue;
        g_autofree char *path = absolute(source, text + length);
        return g_strconcat(path_schemes[i], path, NULL);
    }
    return g_str_has_prefix(text, "tcp:") && is_host_port(text + strlen("tcp:")) ? g_strdup(text) : NULL;
}

/* Reads one address of a slot into *address; stays NULL when the key is not there. */
static gboolean
read_address(const Source *source, const char *group, const char *key, char **address, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    if (text == NULL)
        return TRUE;
    *address = parse_address(source, text);
    if (*address == NULL)
        return kl_keyfile_fail(error, source->path, group, key, "'%s' is not an address; allowed: " ADDRESSES, text);
    return TRUE;
}

/* FALSE when a slot that is already there has the name or one of the ports. */
static gboolean
check_distinct(const KlConfig *config, const Source *source, const char *group, const KlSlotConfig *slot,
               GError **error)
{
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *other = g_ptr_array_index(config->slots, i);
        if (strcmp(other->name, slot->name) == 0)
            return kl_keyfile_fail(error, source->path, group, "agent", "slot %s is defined twice", slot->name);
        const char *const ports[] = {slot->agent, slot->modem};
        for (guint p = 0; p < G_N_ELEMENTS(ports); p++) {
            if (ports[p] == NULL || (strcmp(ports[p], other->agent) != 0 && g_strcmp0(ports[p], other->modem) != 0))
                continue;
            return kl_keyfile_fail(error, source->path, group, p == 0 ? "agent" : "modem",
                                   "%s is already a port of slot %s", ports[p], other->name);
        }
    }
    return TRUE;
}

static gboolean
read_slot(KlConfig *config, const Source *source, const char *group, GError **error)
{
    KlSlotConfig *slot = g_new0(KlSlotConfig, 1);
    slot->name = g_strdup(group + strlen("slot "));
    gboolean ok = read_address(source, group, "agent", &slot->agent, error) &&
                  read_address(source, group, "modem", &slot->modem, error);
    if (ok && !is_name(slot->name, SLOT_MAX_CHARS))
        ok = kl_keyfile_fail(error, source->path, group, "agent",
                             "a slot's name has 1 to %d characters; allowed: A-Z a-z 0-9 _ . -", SLOT_MAX_CHARS);
    if (ok && config->slots->len == SLOTS_MAX)
        ok = kl_keyfile_fail(error, source->path, group, "agent", "more than %d slots", SLOTS_MAX);
    ok = ok && check_distinct(config, source, group, slot, error);
    if (ok)
        g_ptr_array_add(config->slots, slot);
    else
        slot_config_free(slot);
    return ok;
}

static gboolean
read_slots(KlConfig *config, const Source *source, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(source->keys, NULL);
    for (guint i = 0; groups[i] != NULL; i++) {
        if (g_str_has_prefix(groups[i], "slot ") && !read_slot(config, source, groups[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_ca(KlConfig *config, const Source *source, GError **error)
{
    config->ca_key = kl_keyfile_text(source->keys, "ca", "key");
    if (config->ca_key == NULL)
        config->ca_key = g_strdup("file");
    if (strcmp(config->ca_key, "file") != 0 && !g_str_has_prefix(config->ca_key, "pkcs11:"))
        return kl_keyfile_fail(error, source->path, "ca", "key", "allowed: file, or a pkcs11: URI");
    g_autofree char *passphrase_file = kl_keyfile_text(source->keys, "ca", "passphrase-file");
    config->passphrase_file = passphrase_file != NULL ? absolute(source, passphrase_file) : NULL;
    return TRUE;
}

static gboolean
read_columns(KlConfig *config, const Source *source, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, "station", "columns");
    guint64 columns = 0;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 1, COLUMNS_MAX, &columns, NULL))
        return kl_keyfile_fail(error, source->path, "station", "columns", "allowed: a number from 1 to %d",
                               COLUMNS_MAX);
    config->columns = (guint)columns;
    return TRUE;
}

static gboolean
read_station(KlConfig *config, const Source *source, GError **error)
{
    config->name = kl_keyfile_text(source->keys, "station", "name");
    if (g_utf8_strlen(config->name, -1) > NAME_MAX_CHARS)
        return kl_keyfile_fail(error, source->path, "station", "name", "longer than %d characters", NAME_MAX_CHARS);
    config->product = kl_keyfile_text(source->keys, "station", "product");
    if (!is_name(config->product, NAME_MAX_CHARS) || *config->product == '.')
        return kl_keyfile_fail(error, source->path, "station", "product",
                               "the name of a file in products, without .conf; allowed: A-Z a-z 0-9 _ . -");
    g_autofree char *line_file = kl_keyfile_text(source->keys, "station", "line");
    config->line_file = line_file != NULL ? absolute(source, line_file) : NULL;
    return read_columns(config, source, error) && read_ca(config, source, error) && read_slots(config, source, error);
}

/* The slots of the line file. A file that is not there is told with the line that names it. */
static gboolean
read_line_file(KlConfig *config, const char *station_conf, GError **error)
{
    if (config->line_file == NULL)
        return TRUE;
    if (!g_file_test(config->line_file, G_FILE_TEST_EXISTS))
        return kl_keyfile_fail(error, station_conf, "station", "line", "there is no file %s", config->line_file);
    g_auto(Source) source = {0};
    return source_open(&source, config->line_file, line_rules, error) && read_slots(config, &source, error);
}

static gint
compare_slots(gconstpointer a, gconstpointer b)
{
    const KlSlotConfig *const *first = a;
    const KlSlotConfig *const *second = b;
    return strcmp((*first)->name, (*second)->name);
}

KlConfig *
kl_config_load(const char *dir, GError **error)
{
    g_autoptr(KlConfig) config = g_new0(KlConfig, 1);
    config->dir = g_canonicalize_filename(dir, NULL);
    config->slots = g_ptr_array_new_with_free_func(slot_config_free);

    g_autofree char *path = g_build_filename(config->dir, "station.conf", NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        kl_fail(error, KL_ERROR_STATION_MISSING, "there is no %s", path);
        return NULL;
    }
    g_auto(Source) source = {0};
    if (!source_open(&source, path, station_rules, error) || !read_station(config, &source, error) ||
        !read_line_file(config, path, error))
        return NULL;
    g_ptr_array_sort(config->slots, compare_slots);
    return g_steal_pointer(&config);
}

const KlSlotConfig *
kl_config_slot(const KlConfig *config, const char *name, GError **error)
{
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        if (strcmp(slot->name, name) == 0)
            return slot;
    }
    kl_fail(error, KL_ERROR_SLOT_UNKNOWN, "the station has no slot '%s'", name);
    return NULL;
}
