#include "station/config.h"

#include "station/config_private.h"
#include "station/error.h"
#include "station/keyfile.h"

#define NAME_MAX_CHARS 64
#define COLUMNS_MAX 64
#define SLOT_MAX_CHARS 32
#define SLOTS_MAX 256
#define NAME_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-"

/* clang-format off */
#define SLOT_RULES                                                                                                     \
    {"slot *", "agent", FALSE}, {"slot *", "usb", FALSE}, {"slot *", "modem", FALSE},                                  \
    {"hub *", "path", TRUE}, {"hub *", "rows", TRUE}, {"hub *", "columns", TRUE}, {"hub *", "ports", FALSE}
#define AWS_RULES                                                                                                      \
    {"aws", "region", FALSE}, {"aws", "profile", FALSE}, {"aws", "endpoint", FALSE},                                   \
    {"aws", "registration-table", FALSE}, {"aws", "records-table", FALSE}, {"aws", "counters-table", FALSE},           \
    {"aws", "firmware-table", FALSE}, {"aws", "policy", FALSE}, {"aws", "register", FALSE},                            \
    {"aws", "pca-arn", FALSE}, {"aws", "pca-template", FALSE}, {"aws", "require-ack", FALSE},                          \
    {"aws", "ack-wait-ms", FALSE}, {"aws", "rows-per-second", FALSE}, {"aws", "id-block", FALSE},                      \
    {"aws", "rate-percent", FALSE}, {"aws", "connections-alarm", FALSE}
/* clang-format on */

static const KlKeyRule station_rules[] = {
    {"station", "name", TRUE},
    {"station", "product", TRUE},
    {"station", "line", FALSE},
    {"station", "columns", FALSE},
    {"ca", "key", FALSE},
    {"ca", "passphrase-file", FALSE},
    {"ca", "signer", FALSE},
    {"audit", "key", FALSE},
    SLOT_RULES,
    {"usb", "modules", FALSE},
    {"usb", "adapters", FALSE},
    {"recovery", "power-cycles", FALSE},
    {"rehearsal", "listen", FALSE},
    {"rehearsal", "address", FALSE},
    {"rehearsal", "software", FALSE},
    {"rehearsal", "mosquitto", FALSE},
    AWS_RULES,
    {NULL},
};

static const KlKeyRule line_rules[] = {SLOT_RULES, {NULL}};

static void
source_clear(KlConfigSource *source)
{
    g_free(source->folder);
    g_clear_pointer(&source->keys, g_key_file_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlConfigSource, source_clear)

static gboolean
source_open(KlConfigSource *source, const char *path, const KlKeyRule *rules, GError **error)
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

static void
hub_config_free(gpointer data)
{
    KlHubConfig *hub = data;
    g_free(hub->name);
    g_free(hub->path);
    g_free(hub);
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
    g_free(config->audit_key);
    kl_config_clear_aws(&config->aws);
    kl_config_clear_rehearsal(&config->rehearsal);
    g_clear_pointer(&config->slots, g_ptr_array_unref);
    g_clear_pointer(&config->hubs, g_ptr_array_unref);
    g_clear_pointer(&config->usb_modules, g_array_unref);
    g_clear_pointer(&config->usb_adapters, g_array_unref);
    g_free(config);
}

static gboolean
is_name(const char *text, gsize max)
{
    gsize length = strnlen(text, max + 1);
    return length > 0 && length <= max && strspn(text, NAME_CHARS) == length;
}

/* Reads one address of a slot into *address; stays NULL when the key is not there. */
static gboolean
read_address(const KlConfigSource *source, const char *group, const char *key, char **address, GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, group, key);
    if (text == NULL)
        return TRUE;
    *address = kl_config_address(source, text);
    if (*address == NULL)
        return kl_keyfile_fail(error, source->path, group, key, "'%s' is not an address; allowed: " KL_CONFIG_ADDRESSES,
                               text);
    return TRUE;
}

/* FALSE when a slot that is already there has the name or one of the ports. */
static gboolean
check_distinct(const KlConfig *config, const KlConfigSource *source, const char *group, const char *key,
               const KlSlotConfig *slot, GError **error)
{
    const char *const ports[] = {slot->agent, slot->modem};
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *other = g_ptr_array_index(config->slots, i);
        if (strcmp(other->name, slot->name) == 0)
            return kl_keyfile_fail(error, source->path, group, key, "slot %s is defined twice", slot->name);
        for (guint p = 0; p < G_N_ELEMENTS(ports); p++) {
            if (ports[p] == NULL || (!kl_config_same_port(ports[p], other->agent) &&
                                     (other->modem == NULL || !kl_config_same_port(ports[p], other->modem))))
                continue;
            return kl_keyfile_fail(error, source->path, group, p == 0 ? key : "modem",
                                   "%s is already a port of slot %s", ports[p], other->name);
        }
    }
    return TRUE;
}

gboolean
kl_config_add_slot(KlConfig *config, const KlConfigSource *source, const char *group, const char *key,
                   KlSlotConfig *slot, GError **error)
{
    gboolean ok = config->slots->len < SLOTS_MAX ||
                  kl_keyfile_fail(error, source->path, group, key, "more than %d slots", SLOTS_MAX);
    ok = ok && check_distinct(config, source, group, key, slot, error);
    if (ok)
        g_ptr_array_add(config->slots, slot);
    else
        slot_config_free(slot);
    return ok;
}

/* Where the agent answers: agent=ADDRESS, or usb=PORTPATH, which is agent=usb:PORTPATH. *key tells which. */
static gboolean
read_agent(const KlConfigSource *source, const char *group, KlSlotConfig *slot, const char **key, GError **error)
{
    g_autofree char *usb = kl_keyfile_text(source->keys, group, "usb");
    *key = usb != NULL ? "usb" : "agent";
    if (!read_address(source, group, "agent", &slot->agent, error))
        return FALSE;
    if ((usb == NULL) == (slot->agent == NULL))
        return kl_keyfile_fail(error, source->path, group, *key,
                               "needs agent (" KL_CONFIG_ADDRESSES ") or usb (PORTPATH), and one of them only");
    if (usb == NULL)
        return TRUE;
    g_autofree char *address = g_strconcat("usb:", usb, NULL);
    slot->agent = kl_config_address(source, address);
    if (slot->agent == NULL)
        return kl_keyfile_fail(error, source->path, group, "usb",
                               "'%s' is no hub port; allowed: a port path such as 1-1.4.2, and #INTERFACE behind it",
                               usb);
    return TRUE;
}

static gboolean
read_slot(KlConfig *config, const KlConfigSource *source, const char *group, GError **error)
{
    KlSlotConfig *slot = g_new0(KlSlotConfig, 1);
    slot->name = g_strdup(group + strlen("slot "));
    slot->hub = -1;
    const char *key = "agent";
    gboolean ok =
        read_agent(source, group, slot, &key, error) && read_address(source, group, "modem", &slot->modem, error);
    if (ok && !is_name(slot->name, SLOT_MAX_CHARS))
        ok = kl_keyfile_fail(error, source->path, group, key,
                             "a slot's name has 1 to %d characters; allowed: A-Z a-z 0-9 _ . -", SLOT_MAX_CHARS);
    if (ok)
        return kl_config_add_slot(config, source, group, key, slot, error);
    slot_config_free(slot);
    return FALSE;
}

static gboolean
read_slots(KlConfig *config, const KlConfigSource *source, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(source->keys, NULL);
    for (guint i = 0; groups[i] != NULL; i++) {
        if (g_str_has_prefix(groups[i], "slot ") && !read_slot(config, source, groups[i], error))
            return FALSE;
    }
    return kl_config_read_hubs(config, source, error);
}

/* Where a private key is; in a file of the station folder unless something else is said. */
static gboolean
read_key(const KlConfigSource *source, const char *group, char **key, GError **error)
{
    *key = kl_keyfile_text(source->keys, group, "key");
    if (*key == NULL)
        *key = g_strdup("file");
    return strcmp(*key, "file") == 0 || g_str_has_prefix(*key, "pkcs11:") ||
           kl_keyfile_fail(error, source->path, group, "key", "allowed: file, or a pkcs11: URI");
}

static gboolean
read_ca(KlConfig *config, const KlConfigSource *source, GError **error)
{
    if (!read_key(source, "ca", &config->ca_key, error) || !read_key(source, "audit", &config->audit_key, error))
        return FALSE;
    g_autofree char *passphrase_file = kl_keyfile_text(source->keys, "ca", "passphrase-file");
    config->passphrase_file = passphrase_file != NULL ? kl_config_absolute(source, passphrase_file) : NULL;
    return TRUE;
}

static gboolean
read_columns(KlConfig *config, const KlConfigSource *source, GError **error)
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
read_station(KlConfig *config, const KlConfigSource *source, GError **error)
{
    config->name = kl_keyfile_text(source->keys, "station", "name");
    if (g_utf8_strlen(config->name, -1) > NAME_MAX_CHARS)
        return kl_keyfile_fail(error, source->path, "station", "name", "longer than %d characters", NAME_MAX_CHARS);
    config->product = kl_keyfile_text(source->keys, "station", "product");
    if (!is_name(config->product, NAME_MAX_CHARS) || *config->product == '.')
        return kl_keyfile_fail(error, source->path, "station", "product",
                               "the name of a file in products, without .conf; allowed: A-Z a-z 0-9 _ . -");
    g_autofree char *line_file = kl_keyfile_text(source->keys, "station", "line");
    config->line_file = line_file != NULL ? kl_config_absolute(source, line_file) : NULL;
    return read_columns(config, source, error) && read_ca(config, source, error) &&
           kl_config_read_aws(config, source, error) && kl_config_read_usb(config, source, error) &&
           kl_config_read_rehearsal(config, source, error) && read_slots(config, source, error);
}

/* The slots of the line file. A file that is not there is told with the line that names it. */
static gboolean
read_line_file(KlConfig *config, const char *station_conf, GError **error)
{
    if (config->line_file == NULL)
        return TRUE;
    if (!g_file_test(config->line_file, G_FILE_TEST_EXISTS))
        return kl_keyfile_fail(error, station_conf, "station", "line", "there is no file %s", config->line_file);
    g_auto(KlConfigSource) source = {0};
    return source_open(&source, config->line_file, line_rules, error) && read_slots(config, &source, error);
}

/* Slots of their own by name, then the hubs in their order, each in reading order. */
static gint
compare_slots(gconstpointer a, gconstpointer b)
{
    const KlSlotConfig *first = *(const KlSlotConfig *const *)a;
    const KlSlotConfig *second = *(const KlSlotConfig *const *)b;
    if (first->hub != second->hub)
        return first->hub < second->hub ? -1 : 1;
    if (first->hub < 0)
        return strcmp(first->name, second->name);
    if (first->row != second->row)
        return first->row < second->row ? -1 : 1;
    return first->column < second->column ? -1 : 1;
}

KlConfig *
kl_config_load_file(const char *dir, const char *path, GError **error)
{
    g_autoptr(KlConfig) config = g_new0(KlConfig, 1);
    config->dir = g_canonicalize_filename(dir, NULL);
    config->slots = g_ptr_array_new_with_free_func(slot_config_free);
    config->hubs = g_ptr_array_new_with_free_func(hub_config_free);
    config->usb_modules = g_array_new(FALSE, FALSE, sizeof(KlUsbId));
    config->usb_adapters = g_array_new(FALSE, FALSE, sizeof(KlUsbId));

    g_auto(KlConfigSource) source = {0};
    if (!source_open(&source, path, station_rules, error) || !read_station(config, &source, error) ||
        !read_line_file(config, path, error))
        return NULL;
    g_ptr_array_sort(config->slots, compare_slots);
    return g_steal_pointer(&config);
}

KlConfig *
kl_config_load(const char *dir, GError **error)
{
    g_autofree char *folder = g_canonicalize_filename(dir, NULL);
    g_autofree char *path = g_build_filename(folder, "station.conf", NULL);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_config_load_file(folder, path, error);
    kl_fail(error, KL_ERROR_STATION_MISSING, "there is no %s", path);
    return NULL;
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
