/* The doctor: looks at everything that a shift needs, and repairs nothing. */
#include <errno.h>
#include <libintl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "db/store_sqlite.h"
#include "drivers/at_wp77/port_holder.h"
#include "station/i18n.h"
#include "station/station_cloud.h"
#include "station/station_doctor.h"
#include "station/station_private.h"

#define DISK_FAIL_BYTES (100ULL << 20)
#define DISK_WARN_BYTES (1ULL << 30)
#define CA_WARN_DAYS 90
#define SECONDS_PER_DAY (24 * 60 * 60)
/* 2025-01-01: no station is older than this program. */
#define EARLIEST_TIME 1735689600

void
kl_finding_free(KlFinding *finding)
{
    g_free(finding->title);
    g_free(finding->detail);
    g_free(finding->remedy);
    g_free(finding);
}

/* Adds a finding with these words, which are translated. */
G_GNUC_PRINTF(4, 0)
static KlFinding *
add(KlDoctor *doctor, const char *title, const char *remedy, const char *format, va_list args)
{
    KlFinding *finding = g_new0(KlFinding, 1);
    finding->title = g_strdup(gettext(title));
    finding->detail = g_strdup_vprintf(gettext(format), args);
    finding->remedy = remedy != NULL ? g_strdup(gettext(remedy)) : NULL;
    g_ptr_array_add(doctor->findings, finding);
    return finding;
}

void
kl_doctor_good(KlDoctor *doctor, const char *title, const char *warning_remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    KlFinding *finding = add(doctor, title, warning_remedy, format, args);
    finding->ok = TRUE;
    finding->warning = warning_remedy != NULL;
    va_end(args);
}

void
kl_doctor_wrong(KlDoctor *doctor, const char *title, const char *remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(doctor, title, remedy, format, args);
    va_end(args);
}

void
kl_doctor_bad_but(KlDoctor *doctor, const char *title, GError *error, const char *remedy)
{
    kl_doctor_wrong(doctor, title, remedy, "%s (%s)", gettext(kl_error_words(kl_error_code(error))), error->message);
    g_error_free(error);
}

void
kl_doctor_bad(KlDoctor *doctor, const char *title, GError *error)
{
    kl_doctor_bad_but(doctor, title, error, kl_error_remedy(kl_error_code(error)));
}

static void
check_configuration(KlDoctor *doctor)
{
    GError *error = NULL;
    doctor->config = kl_station_load_config(doctor->dir, &error);
    if (doctor->config == NULL) {
        kl_doctor_bad(doctor, N_("Configuration"), error);
        return;
    }
    guint slots = doctor->config->slots->len;
    kl_doctor_good(doctor, N_("Configuration"),
                   slots == 0 ? N_("Add [slot 01] to station.conf (see the lines there).") : NULL,
                   ngettext("station %s, %u slot", "station %s, %u slots", slots), doctor->config->name, slots);

    doctor->profile = kl_station_load_profile(doctor->dir, doctor->config->product, &error);
    if (doctor->profile == NULL)
        kl_doctor_bad(doctor, N_("Product"), error);
    else
        kl_doctor_good(doctor, N_("Product"), NULL, "%s (%s)", doctor->profile->name, doctor->profile->title);
}

static gboolean
test_database(const char *dir, GError **error)
{
    g_autofree char *path = kl_station_database_path(dir);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", path);
    g_autoptr(KlStore) store = kl_store_sqlite_open(path, FALSE, error);
    return store != NULL && store->klass->self_test(store, error);
}

/* This program holds the lock: it looks through the connection that its units are recorded by. */
static void
check_running_database(KlDoctor *doctor)
{
    GError *error = NULL;
    KlStore *store = kl_station_store(doctor->running);
    if (store->klass->self_test(store, &error))
        kl_doctor_good(doctor, N_("Database"), NULL, N_("sound, a record can be kept"));
    else
        kl_doctor_bad(doctor, N_("Database"), error);
}

static void
check_database(KlDoctor *doctor)
{
    if (doctor->running != NULL) {
        check_running_database(doctor);
        return;
    }
    GError *error = NULL;
    int lock = kl_station_lock(doctor->dir, &error);
    if (lock < 0) {
        if (kl_error_code(error) != KL_ERROR_STATION_BUSY) {
            kl_doctor_bad(doctor, N_("Database"), error);
            return;
        }
        g_error_free(error);
        kl_doctor_good(doctor, N_("Database"), NULL, N_("not tried: another program is running this station"));
        return;
    }
    if (test_database(doctor->dir, &error))
        kl_doctor_good(doctor, N_("Database"), NULL, N_("sound, a record can be kept"));
    else
        kl_doctor_bad(doctor, N_("Database"), error);
    close(lock);
}

static void
check_disk(KlDoctor *doctor)
{
    struct statvfs disk;
    GError *error = NULL;
    if (statvfs(doctor->dir, &disk) != 0) {
        kl_fail(&error, KL_ERROR_STORE_FAILED, "%s: %s", doctor->dir, g_strerror(errno));
        kl_doctor_bad(doctor, N_("Disk"), error);
        return;
    }
    guint64 free_bytes = (guint64)disk.f_bavail * disk.f_frsize;
    g_autofree char *text = g_format_size_full(free_bytes, G_FORMAT_SIZE_IEC_UNITS);
    if (free_bytes < DISK_FAIL_BYTES) {
        kl_fail(&error, KL_ERROR_STORE_FULL, "%s free", text);
        kl_doctor_bad(doctor, N_("Disk"), error);
        return;
    }
    kl_doctor_good(doctor, N_("Disk"), free_bytes < DISK_WARN_BYTES ? N_("Free disk space soon: below 1 GiB.") : NULL,
                   N_("%s free"), text);
}

static void
check_clock(KlDoctor *doctor, gint64 now)
{
    if (now < EARLIEST_TIME) {
        GError *error = NULL;
        kl_fail(&error, KL_ERROR_CA_NOT_YET_VALID, "the clock is years behind");
        kl_doctor_bad(doctor, N_("Clock"), error);
        return;
    }
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%d %H:%M UTC");
    kl_doctor_good(doctor, N_("Clock"), NULL, "%s", text);
}

static void
check_ca_dates(KlDoctor *doctor, gint64 now)
{
    GError *error = NULL;
    g_autoptr(KlCertificate) ca = kl_station_ca_certificate(doctor->dir, &error);
    if (ca == NULL) {
        kl_doctor_bad(doctor, N_("CA certificate"), error);
        return;
    }
    gint64 days = (ca->not_after - now) / SECONDS_PER_DAY;
    guint margin = doctor->profile != NULL ? doctor->profile->ca_margin_days : 0;
    if (now < ca->not_before)
        kl_fail(&error, KL_ERROR_CA_NOT_YET_VALID, "%s", ca->subject);
    else if (now > ca->not_after || days < margin)
        kl_fail(&error, KL_ERROR_CA_EXPIRED, "%s: %" G_GINT64_FORMAT " days left, the product needs %u", ca->subject,
                days, margin);
    if (error != NULL) {
        kl_doctor_bad(doctor, N_("CA certificate"), error);
        return;
    }
    kl_doctor_good(doctor, N_("CA certificate"),
                   days < CA_WARN_DAYS ? N_("Prepare a new CA before this one ends.") : NULL,
                   ngettext("%s, valid for %d day", "%s, valid for %d days", (gulong)days), ca->subject, (int)days);
}

/* The key's file by itself, without a passphrase. */
static gboolean
check_key_file(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "ca", "ca.key", NULL);
    struct stat status;
    if (stat(path, &status) != 0)
        return kl_fail(error, KL_ERROR_CA_MISSING, "%s: %s", path, g_strerror(errno));
    if ((status.st_mode & 077) != 0)
        return kl_fail(error, KL_ERROR_CA_KEY_EXPOSED, "%s has mode %04o", path, (guint)status.st_mode & 07777);
    return TRUE;
}

static void
check_ca_key(KlDoctor *doctor)
{
    GError *error = NULL;
    if (!kl_station_ca_exists(doctor->dir))
        return; /* told by the certificate already */
    gboolean file = strcmp(doctor->config->ca_key, "file") == 0;
    if (file && !check_key_file(doctor->dir, &error)) {
        kl_doctor_bad(doctor, N_("CA key"), error);
        return;
    }
    if (doctor->running != NULL && kl_station_unlocked(doctor->running)) {
        kl_doctor_good(doctor, N_("CA key"), NULL, file ? N_("private, unlocked") : N_("on its token, unlocked"));
        return;
    }
    if (doctor->passphrase == NULL && kl_station_config_needs_passphrase(doctor->config)) {
        kl_doctor_good(doctor, N_("CA key"), NULL, N_("not tried without its passphrase (--passphrase-file)"));
        return;
    }
    g_autoptr(KlCa) ca = kl_station_load_ca(doctor->config, 0, doctor->passphrase, &error);
    if (ca == NULL)
        kl_doctor_bad(doctor, N_("CA key"), error);
    else
        kl_doctor_good(doctor, N_("CA key"), NULL,
                       file ? N_("private, opens, belongs to the certificate")
                            : N_("on its token, opens, belongs to the certificate"));
}

/* Looks at one port without opening it: a unit may be at work there. TRUE when there is nothing to say. */
static gboolean
check_port(KlDoctor *doctor, const char *slot, const char *address)
{
    const char *path = address != NULL ? strchr(address, ':') : NULL;
    if (path == NULL || g_str_has_prefix(address, "tcp:"))
        return TRUE;
    path++;
    g_autofree char *title = g_strdup_printf(gettext("Slot %s"), slot);
    if (access(path, F_OK) != 0) {
        kl_doctor_good(doctor, title,
                       N_("Right if no unit is plugged in; else check the cable and the address in station.conf."),
                       N_("%s is not there"), path);
        return FALSE;
    }
    if (access(path, R_OK | W_OK) == 0)
        return TRUE;
    GError *error = NULL;
    kl_fail(&error, KL_ERROR_PORT_DENIED, "%s: %s", path, g_strerror(errno));
    kl_doctor_bad_but(doctor, title, error,
                      N_("Add the user to the group that owns the port (dialout), then log in again."));
    return FALSE;
}

static gboolean
has_scheme(const KlSlotConfig *slot, const char *scheme)
{
    return g_str_has_prefix(slot->agent, scheme) || (slot->modem != NULL && g_str_has_prefix(slot->modem, scheme));
}

static void
check_ports(KlDoctor *doctor)
{
    const GPtrArray *slots = doctor->config->slots;
    guint fine = 0, count = 0;
    gboolean serial = FALSE;
    for (guint i = 0; i < slots->len; i++) {
        const KlSlotConfig *slot = slots->pdata[i];
        if (has_scheme(slot, "usb:"))
            continue;
        gboolean agent = check_port(doctor, slot->name, slot->agent);
        gboolean modem = g_strcmp0(slot->modem, slot->agent) == 0 || check_port(doctor, slot->name, slot->modem);
        fine += agent && modem;
        count++;
        serial |= has_scheme(slot, "serial:");
    }
    if (fine > 0)
        kl_doctor_good(doctor, N_("Ports"), NULL, N_("%u of %u slots: there, may be opened"), fine, count);
    if (serial && kl_program_runs(KL_MODEM_MANAGER))
        kl_doctor_good(doctor, N_("ModemManager"),
                       N_("Stop it, or install Keyline's udev rule, which keeps it off the units."),
                       N_("is running: it may take the units' ports"));
}

/* Slots that are known by their hub port. */
static void
check_usb(KlDoctor *doctor)
{
    gboolean usb = FALSE;
    for (guint i = 0; i < doctor->config->slots->len; i++)
        usb |= has_scheme(doctor->config->slots->pdata[i], "usb:");
    if (!usb || doctor->profile == NULL)
        return; /* a product that can't be read is told already */
    KlBus *running = doctor->running != NULL ? kl_station_bench(doctor->running)->bus : NULL;
    if (running != NULL) {
        kl_doctor_usb(doctor, running);
        return;
    }
    GError *error = NULL;
    g_autoptr(KlBus) bus = kl_station_open_bus(doctor->config, doctor->profile, &error);
    if (bus == NULL)
        kl_doctor_no_bus(doctor, error);
    else
        kl_doctor_usb(doctor, bus);
}

/* The cloud, and what is to go there. A database that can't be opened is told already. */
static void
check_cloud(KlDoctor *doctor)
{
    if (doctor->running != NULL) {
        kl_doctor_outbox(doctor, kl_station_store(doctor->running));
    } else {
        g_autofree char *path = kl_station_database_path(doctor->dir);
        g_autoptr(KlStore) store = kl_store_sqlite_open(path, TRUE, NULL);
        if (store != NULL)
            kl_doctor_outbox(doctor, store);
    }
    kl_doctor_aws(doctor);
}

static GPtrArray *
examine(KlDoctor *doctor)
{
    doctor->findings = g_ptr_array_new_with_free_func((GDestroyNotify)kl_finding_free);
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    check_configuration(doctor);
    check_clock(doctor, now);
    if (doctor->config != NULL) {
        check_database(doctor);
        kl_doctor_journal(doctor);
        kl_doctor_field(doctor);
        check_disk(doctor);
        if (kl_station_signs_itself(doctor->config)) {
            check_ca_dates(doctor, now);
            check_ca_key(doctor);
        }
        check_ports(doctor);
        check_usb(doctor);
        kl_doctor_rehearsal(doctor);
        if (doctor->config->aws.on)
            check_cloud(doctor);
        kl_doctor_note(doctor);
    }
    g_clear_pointer(&doctor->profile, kl_profile_free);
    g_clear_pointer(&doctor->config, kl_config_free);
    return doctor->findings;
}

GPtrArray *
kl_station_doctor(const char *dir, const KlSecret *passphrase)
{
    KlDoctor doctor = {.dir = dir, .passphrase = passphrase};
    return examine(&doctor);
}

GPtrArray *
kl_station_doctor_running(const KlStation *station)
{
    KlDoctor doctor = {.dir = kl_station_config(station)->dir, .running = station};
    return examine(&doctor);
}
