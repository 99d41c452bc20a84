/* Configuration files. The first byte picks: 'p' a product's file; 's' a station.conf and, behind a form feed, its line
 * file. What is accepted has to be the same when it is loaded again, and when it is written out and loaded; and
 * everything that is asked of a product later has to work. */
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "certs/subject.h"
#include "station/config.h"
#include "station/error.h"
#include "station/port_path.h"
#include "station/profile.h"
#include "tests/fuzz/fuzz.h"

/* A file in memory with a name in the folder. */
typedef struct {
    const char *name;
    char *path;
    int fd;
} File;

static char *folder;
static File station_file = {.name = "station.conf"};
static File line_file = {.name = "line.conf"};
static File product_file = {.name = "fuzz.conf"};
static File *const all_files[] = {&station_file, &line_file, &product_file};

static void
remove_folder(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(all_files); i++) {
        g_unlink(all_files[i]->path);
        g_free(all_files[i]->path);
        close(all_files[i]->fd);
    }
    g_rmdir(folder);
    g_free(folder);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    folder = g_dir_make_tmp("keyline-fuzz-XXXXXX", NULL);
    g_assert_nonnull(folder);
    for (gsize i = 0; i < G_N_ELEMENTS(all_files); i++) {
        File *file = all_files[i];
        file->fd = memfd_create(file->name, MFD_CLOEXEC);
        file->path = g_build_filename(folder, file->name, NULL);
        g_autofree char *target = g_strdup_printf("/proc/self/fd/%d", file->fd);
        g_assert_true(file->fd >= 0 && symlink(target, file->path) == 0);
    }
    atexit(remove_folder);
    return 0;
}

static void
file_put(const File *file, const void *data, gsize size)
{
    g_assert_cmpint(ftruncate(file->fd, 0), ==, 0);
    g_assert_cmpint(pwrite(file->fd, data, size, 0), ==, (gssize)size);
}

static void
append_key(GString *text, const char *key, const char *value)
{
    if (value != NULL)
        g_string_append_printf(text, "%s=%s\n", key, value);
}

static void
append_ids(GString *text, const char *key, const GArray *ids)
{
    g_string_append_printf(text, "%s=", key);
    for (guint i = 0; i < ids->len; i++) {
        const KlUsbId *id = &g_array_index(ids, KlUsbId, i);
        g_string_append_printf(text, id->any_product ? "%04x:*;" : "%04x:%04x;", id->vendor, id->product);
    }
    g_string_append_c(text, '\n');
}

static void
append_usb(GString *text, const KlConfig *config)
{
    g_string_append(text, "[usb]\n");
    append_ids(text, "modules", config->usb_modules);
    append_ids(text, "adapters", config->usb_adapters);
    g_string_append_printf(text, "[recovery]\npower-cycles=%u\n", config->power_cycles);
}

/* A hub with its slots. */
static void
append_hub(GString *text, const KlConfig *config, guint index)
{
    const KlHubConfig *hub = g_ptr_array_index(config->hubs, index);
    guint places = hub->rows * hub->columns;
    g_string_append_printf(text, "[hub %s]\npath=%s\nrows=%u\ncolumns=%u\nports=", hub->name, hub->path, hub->rows,
                           hub->columns);
    for (guint place = 0; place < places; place++) {
        g_autofree char *name = kl_hub_slot_name(hub->name, places, place);
        const KlSlotConfig *slot = kl_config_slot(config, name, NULL);
        g_autofree char *path = slot != NULL ? kl_slot_usb_path(slot->agent) : NULL;
        g_assert_true(slot == NULL || (slot->hub == (int)index && slot->row * hub->columns + slot->column == place));
        g_string_append_printf(text, "%s;", path != NULL ? kl_port_path_rest(path, hub->path) : "-");
    }
    g_string_append_c(text, '\n');
}

/* The configuration as a station.conf of its own, without a line file. */
static char *
config_text(const KlConfig *config)
{
    GString *text = g_string_new("[station]\n");
    append_key(text, "name", config->name);
    append_key(text, "product", config->product);
    g_string_append(text, "[ca]\n");
    append_key(text, "key", config->ca_key);
    append_key(text, "passphrase-file", config->passphrase_file);
    append_usb(text, config);
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        if (slot->hub >= 0)
            continue;
        g_string_append_printf(text, "[slot %s]\n", slot->name);
        append_key(text, "agent", slot->agent);
        append_key(text, "modem", slot->modem);
    }
    for (guint i = 0; i < config->hubs->len; i++)
        append_hub(text, config, i);
    return g_string_free(text, FALSE);
}

/* The files' station as text, or NULL. */
static char *
load_config(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(folder, &error);
    fuzz_assert_result(config != NULL, error);
    if (config == NULL) {
        g_assert_error(error, KL_ERROR, (int)KL_ERROR_CONFIG_INVALID);
        return NULL;
    }
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        g_assert_true(kl_config_slot(config, slot->name, NULL) == slot);
        const KlSlotConfig *before = i > 0 ? g_ptr_array_index(config->slots, i - 1) : NULL;
        g_assert_true(before == NULL || before->hub <= slot->hub);
        g_assert_true(before == NULL || slot->hub >= 0 || strcmp(before->name, slot->name) < 0);
    }
    return config_text(config);
}

static void
try_config(const guint8 *data, gsize size)
{
    const guint8 *separator = size > 0 ? memchr(data, '\f', size) : NULL;
    gsize length = separator != NULL ? (gsize)(separator - data) : size;
    file_put(&station_file, data, length);
    file_put(&line_file, data + length + 1, separator != NULL ? size - length - 1 : 0);
    g_autofree char *first = load_config();
    g_autofree char *again = load_config();
    g_assert_cmpstr(first, ==, again);
    if (first == NULL)
        return;
    file_put(&station_file, first, strlen(first));
    g_autofree char *written = load_config();
    g_assert_cmpstr(written, ==, first);
    fuzz_accepted++;
}

static void
append_list(GString *text, const char *key, char **list)
{
    g_autofree char *value = g_strjoinv(";", list);
    append_key(text, key, value);
}

static void
append_number(GString *text, const char *key, guint number)
{
    g_string_append_printf(text, "%s=%u\n", key, number);
}

static void
append_boolean(GString *text, const char *key, gboolean value)
{
    append_key(text, key, value ? "true" : "false");
}

static char *
profile_text(const KlProfile *profile)
{
    static const char *const id_rules[] = {"fsn", "imei", "label", "sequence"};
    static const char *const label_rules[] = {"none", "any", "imei", "fsn", "device_id"};
    GString *text = g_string_new("[product]\n");
    append_key(text, "title", profile->title);
    append_key(text, "driver", profile->driver);
    append_list(text, "models", profile->models);
    append_list(text, "firmware", profile->firmware);
    g_string_append(text, "[id]\n");
    append_key(text, "rule", id_rules[profile->id_rule]);
    append_key(text, "pattern", profile->id_pattern);
    append_key(text, "label", label_rules[profile->label_rule]);
    append_boolean(text, "label-required", profile->label_required);
    append_key(text, "label-pattern", profile->label_pattern);
    g_string_append(text, "[key]\n");
    append_key(text, "slot", profile->key_slot);
    append_list(text, "backends", profile->key_backends);
    append_boolean(text, "lock", profile->lock);
    g_string_append(text, "[certificate]\n");
    append_key(text, "subject", profile->subject);
    append_number(text, "validity-days", profile->validity_days);
    append_number(text, "backdate-minutes", profile->backdate_minutes);
    append_number(text, "ca-margin-days", profile->ca_margin_days);
    append_boolean(text, "allow-null-parameter", profile->allow_null_parameter);
    g_string_append(text, "[registration]\n");
    append_key(text, "policy", profile->policy);
    append_key(text, "firmware", profile->registration_firmware);
    append_key(text, "parameters", profile->parameters);
    g_string_append(text, "[install]\n");
    append_key(text, "endpoint", profile->endpoint);
    return g_string_free(text, FALSE);
}

/* What a job asks of the product. */
static void
use_profile(const KlProfile *profile)
{
    const KlUnit unit = {
        .imei = (char *)"352653090215245",
        .fsn = (char *)"4L936370140910",
        .model = (char *)"WP7702",
        .firmware = (char *)"SWI9X06Y_02.32.02.00",
        .keystore = (char *)"iks",
        .device_id = (char *)"FX30-000001",
    };
    static const char *const labels[] = {NULL, "352653090215245\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"};
    g_autoptr(GError) error = NULL;
    gboolean ok = kl_profile_accepts(profile, &unit, &error);
    fuzz_assert_result(ok, error);
    for (gsize i = 0; i < G_N_ELEMENTS(labels); i++) {
        g_clear_error(&error);
        ok = kl_profile_check_label(profile, &unit, labels[i], &error);
        fuzz_assert_result(ok, error);
    }
    g_clear_error(&error);
    ok = kl_subject_check(profile->subject, &error);
    fuzz_assert_result(ok, error);
    g_autofree char *subject = ok ? kl_subject_text(profile->subject, &unit, NULL) : NULL;
    if (subject != NULL)
        g_assert_nonnull(strstr(subject, unit.device_id));
    g_autofree char *expanded = kl_profile_expand(profile->subject, &unit);
    g_assert_null(strstr(expanded, "{device_id}"));
}

/* The file's product as text, or NULL. */
static char *
load_profile(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlProfile) profile = kl_profile_load(product_file.path, &error);
    fuzz_assert_result(profile != NULL, error);
    if (profile == NULL) {
        g_assert_error(error, KL_ERROR, (int)KL_ERROR_CONFIG_INVALID);
        return NULL;
    }
    use_profile(profile);
    return profile_text(profile);
}

static void
try_profile(const guint8 *data, gsize size)
{
    file_put(&product_file, data, size);
    g_autofree char *first = load_profile();
    g_autofree char *again = load_profile();
    g_assert_cmpstr(first, ==, again);
    if (first == NULL)
        return;
    file_put(&product_file, first, strlen(first));
    g_autofree char *written = load_profile();
    g_assert_cmpstr(written, ==, first);
    fuzz_accepted++;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size > 0 && data[0] == 'p')
        try_profile(data + 1, size - 1);
    else if (size > 0 && data[0] == 's')
        try_config(data + 1, size - 1);
    return 0;
}
