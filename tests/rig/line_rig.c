#include "tests/rig/line_rig.h"

#include "tests/rig/openssl_ca.h"

#include <string.h>

static void
keep_ends(KlEvent *event, gpointer data)
{
    KlQueue *events = data;
    if (event->type != KL_EVENT_JOB_END || !kl_queue_push(events, event))
        kl_event_free(event);
}

static void
open_station(KlLineRig *rig)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) passphrase = kl_secret_new(KL_RIG_PASSPHRASE, strlen(KL_RIG_PASSPHRASE));
    rig->station = kl_station_open(rig->station_dir, KL_STATION_RUN, NULL, &error);
    g_assert_no_error(error);
    kl_station_unlock(rig->station, passphrase, &error);
    g_assert_no_error(error);
    rig->line = kl_line_new(kl_station_config(rig->station), kl_station_bench(rig->station), keep_ends, rig->events);
}

static void
change_file(const KlLineRig *rig, const char *name, const char *const *changes)
{
    g_autofree char *path = g_build_filename(rig->station_dir, name, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, &error);
    g_assert_no_error(error);
    for (guint i = 0; changes != NULL && changes[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit_set(changes[i], ".=", 3);
        g_key_file_set_value(file, parts[0], parts[1], parts[2]);
    }
    g_key_file_save_to_file(file, path, &error);
    g_assert_no_error(error);
}

static void
start_line(KlLineRig *rig, const KlSimOptions *options, const char *line_file)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *units_dir = g_build_filename(rig->dir, "units", NULL);
    KlSimOptions own = *options;
    own.dir = units_dir;
    rig->units = options->units;
    rig->sim = kl_sim_start(&own, &error);
    g_assert_no_error(error);
    kl_sim_write_line(rig->sim, line_file, &error);
    g_assert_no_error(error);
}

/* All rigs of a program have one CA: openssl is started three times for one. */
static void
give_ca(const KlLineRig *rig)
{
    static struct {
        const char *name;
        int mode;
        char *text;
    } files[] = {{"ca.key", 0600, NULL}, {"ca.pem", 0644, NULL}};
    gboolean made = files[0].text != NULL;
    if (!made)
        g_free(kl_line_rig_shell(rig, KL_OPENSSL_CA("Rig CA", KL_RIG_PASSPHRASE)));
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(rig->station_dir, "ca", files[i].name, NULL);
        g_autoptr(GError) error = NULL;
        if (made)
            g_file_set_contents_full(path, files[i].text, -1, G_FILE_SET_CONTENTS_NONE, files[i].mode, &error);
        else
            g_file_get_contents(path, &files[i].text, NULL, &error);
        g_assert_no_error(error);
    }
}

KlLineRig *
kl_line_rig_new(const KlSimOptions *options, const char *const *product)
{
    return kl_line_rig_new_configured(options, product, NULL);
}

KlLineRig *
kl_line_rig_new_configured(const KlSimOptions *options, const char *const *product, const char *const *station)
{
    KlLineRig *rig = g_new0(KlLineRig, 1);
    g_autoptr(GError) error = NULL;
    rig->dir = g_dir_make_tmp("keyline-rig-XXXXXX", &error);
    g_assert_no_error(error);
    rig->station_dir = g_build_filename(rig->dir, "station", NULL);
    rig->events = kl_queue_new((GDestroyNotify)kl_event_free);

    g_autofree char *line_file = g_build_filename(rig->dir, "line.conf", NULL);
    start_line(rig, options, line_file);
    kl_station_setup(rig->station_dir, "rig", line_file, &error);
    g_assert_no_error(error);
    change_file(rig, "products/fx30s.conf", product);
    change_file(rig, "station.conf", station);
    give_ca(rig);
    open_station(rig);
    return rig;
}

void
kl_line_rig_close(KlLineRig *rig)
{
    g_clear_pointer(&rig->line, kl_line_free);
    g_clear_pointer(&rig->station, kl_station_free);
}

void
kl_line_rig_reopen(KlLineRig *rig)
{
    kl_line_rig_close(rig);
    open_station(rig);
}

void
kl_line_rig_free(KlLineRig *rig)
{
    kl_line_rig_close(rig);
    kl_sim_stop(rig->sim);
    kl_queue_free(rig->events);
    g_autofree char *quoted = g_shell_quote(rig->dir);
    g_autofree char *command = g_strdup_printf("rm -rf %s", quoted);
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    g_free(rig->station_dir);
    g_free(rig->dir);
    g_free(rig);
}

void
kl_line_rig_start(KlLineRig *rig, guint slot, const KlJobRequest *request)
{
    static const KlJobRequest plain = {.operator_id = "rig"};
    g_autoptr(GError) error = NULL;
    const KlSlotConfig *config = g_ptr_array_index(kl_station_config(rig->station)->slots, slot - 1);
    kl_line_start(rig->line, config->name, request != NULL ? request : &plain, &error);
    g_assert_no_error(error);
}

KlRecord *
kl_line_rig_wait(KlLineRig *rig)
{
    g_autoptr(KlEvent) event = kl_queue_pop(rig->events, g_get_monotonic_time() + 300 * G_USEC_PER_SEC);
    g_assert_nonnull(event);
    return g_steal_pointer(&event->record);
}

KlRecord *
kl_line_rig_provision(KlLineRig *rig, guint slot, const KlJobRequest *request)
{
    kl_line_rig_start(rig, slot, request);
    return kl_line_rig_wait(rig);
}

GPtrArray *
kl_line_rig_provision_all(KlLineRig *rig)
{
    GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)kl_record_free);
    guint next = 1;
    g_ptr_array_set_size(records, (gint)rig->units);
    while (next <= MIN(rig->units, KL_RIG_AT_ONCE))
        kl_line_rig_start(rig, next++, NULL);
    for (guint n = 0; n < rig->units; n++) {
        KlRecord *record = kl_line_rig_wait(rig);
        if (next <= rig->units)
            kl_line_rig_start(rig, next++, NULL);
        guint slot = (guint)g_ascii_strtoull(record->slot, NULL, 10);
        g_assert_cmpuint(slot, >=, 1);
        g_assert_cmpuint(slot, <=, rig->units);
        g_assert_null(records->pdata[slot - 1]);
        records->pdata[slot - 1] = record;
    }
    return records;
}

char *
kl_line_rig_shell(const KlLineRig *rig, const char *command)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "S", rig->station_dir, TRUE);
    /* The tools are not sanitized: they must not inherit a preloaded sanitizer. */
    environment = g_environ_unsetenv(environment, "LD_PRELOAD");
    const char *const argv[] = {"/bin/bash", "-ec", command, NULL};
    g_autofree char *output = NULL;
    int status = 0;
    /* Exec closes all descriptors here by itself: GLib need not fork then, which a sanitizer's memory makes slow. */
    g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &output, NULL, &status,
                 &error);
    g_assert_no_error(error);
    g_spawn_check_wait_status(status, &error);
    if (error != NULL)
        g_error("%s\n%s: %s", command, error->message, output);
    return g_steal_pointer(&output);
}

char *
kl_line_rig_sql(const KlLineRig *rig, const char *sql)
{
    g_autofree char *quoted = g_shell_quote(sql);
    g_autofree char *command = g_strdup_printf("sqlite3 -readonly \"$S/keyline.db\" %s", quoted);
    return g_strchomp(kl_line_rig_shell(rig, command));
}

void
kl_line_rig_assert_deserved(const KlLineRig *rig, guint slot, const KlRecord *record)
{
    const char *unit = kl_sim_unit_dir(rig->sim, slot);
    g_autofree char *command = g_strdup_printf(
        "U='%s'; diff <(openssl pkey -in \"$U/key-keyline.pem\" -pubout) "
        "<(openssl x509 -in \"$U/item-certificate\" -noout -pubkey) && "
        "openssl verify -x509_strict -CAfile \"$S/ca/ca.pem\" \"$U/item-certificate\" && "
        "test \"$(openssl x509 -in \"$U/item-certificate\" -outform DER | sha256sum | cut -d' ' -f1)\" = "
        "\"$(sqlite3 -readonly \"$S/keyline.db\" \"SELECT sha256 FROM certificates JOIN registration "
        "ON device = '%s' WHERE imei = '%s' AND status = 'live'\")\" && "
        "test \"$(sqlite3 -readonly \"$S/keyline.db\" \"SELECT outcome FROM jobs WHERE id = '%s'\")\" = PASS",
        unit, record->unit->device_id, record->unit->imei, record->id);
    g_free(kl_line_rig_shell(rig, command));
}
