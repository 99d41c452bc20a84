/* The composition root: puts the concrete driver, signer, checks and store together. */
#include "station/station.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "certs/ca.h"
#include "db/store_sqlite.h"
#include "drivers/at_wp77/transport.h"
#include "drivers/at_wp77/usb_bus.h"
#include "drivers/at_wp77/wp77.h"
#include "station/log.h"
#include "station/station_cloud.h"
#include "station/station_journal.h"
#include "station/station_private.h"
#include "station/station_rehearsal.h"

/* How long a look at a slot may take. */
#define LOOK_US (15 * G_USEC_PER_SEC)

typedef struct {
    const char *name;
    const KlDriver *driver;
    KlTransportOpen open_transport;
    KlTransportPlug plug;
    KlBus *(*open_bus)(const KlConfig *config, GError **error);
} DriverEntry;

static KlBus *
open_usb_bus(const KlConfig *config, GError **error)
{
    const KlUsbRules rules = {config->usb_modules, config->usb_adapters};
    return kl_usb_bus_new(&rules, error);
}

static const DriverEntry drivers[] = {
    {"at_wp77", &kl_wp77_driver, kl_transport_open, kl_transport_plug, open_usb_bus},
};

struct KlStation {
    KlConfig *config;
    KlProfile *profile;
    KlStore *store;
    KlSeal *seal; /* NULL for who only reads */
    int lock_fd;  /* -1: reading only */
    const DriverEntry *driver;
    KlBus *bus;            /* NULL until it is asked for */
    KlStationCloud *cloud; /* NULL without [aws], and for who only reads */
    KlCa *ca;
    KlSigner *signer;
    KlPki *pki;
    KlGate *signing;
    KlClaims *claims;
    KlBench bench;
};

char *
kl_station_database_path(const char *dir)
{
    return g_build_filename(dir, "keyline.db", NULL);
}

char *
kl_station_ca_path(const char *dir)
{
    return g_build_filename(dir, "ca", NULL);
}

/* The driver that a profile names. */
static const DriverEntry *
find_driver(const char *name, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    }
    kl_fail(error, KL_ERROR_CONFIG_INVALID, "[product] driver: there is no driver '%s'; allowed: at_wp77", name);
    return NULL;
}

gboolean
kl_station_check_driver(const char *name, GError **error)
{
    return find_driver(name, error) != NULL;
}

gboolean
kl_station_fail_errno(GError **error, int number, const char *path)
{
    KlErrorCode code = KL_ERROR_STORE_FAILED;
    if (number == EACCES || number == EPERM)
        code = KL_ERROR_STATION_DENIED;
    else if (number == EROFS)
        code = KL_ERROR_STORE_READ_ONLY;
    else if (number == ENOSPC || number == EDQUOT)
        code = KL_ERROR_STORE_FULL;
    return kl_fail(error, code, "%s: %s", path, g_strerror(number));
}

KlConfig *
kl_station_load_config(const char *dir, GError **error)
{
    /* A folder that may not be entered would look like an empty one. */
    if (access(dir, X_OK) != 0 && errno == EACCES) {
        kl_station_fail_errno(error, errno, dir);
        return NULL;
    }
    return kl_config_load(dir, error);
}

/* The part of opening that is for who changes something. */
static gboolean
take_over(KlStation *station, KlStationMode mode, GError **error)
{
    const char *dir = station->config->dir;
    station->lock_fd = mode == KL_STATION_SEND ? kl_station_lock_giving_way(dir, error) : kl_station_lock(dir, error);
    if (station->lock_fd < 0)
        return FALSE;
    kl_log_open(dir);
    return TRUE;
}

/* Rows are queued as they are kept, since open_store; those that were kept before there was a cloud are now. */
static gboolean
open_cloud(KlStation *station, KlStore *store, GError **error)
{
    guint count = 0;
    if (!station->config->aws.on)
        return TRUE;
    station->cloud = kl_station_cloud_new(station->config, error);
    return station->cloud != NULL && store->klass->outbox_fill(store, &count, error);
}

/* The seal comes first: whatever this program keeps, it can vouch for. */
static gboolean
begin_journal(KlStation *station, GError **error)
{
    const KlConfig *config = station->config;
    station->seal = kl_station_seal_begin(config->dir, config->name, config->audit_key, station->store, error);
    return station->seal != NULL && kl_station_note_start("run", station->store, error) &&
           kl_station_note_files(config, station->store, error);
}

static gboolean
open_store(KlStation *station, KlStationMode mode, GError **error)
{
    g_autofree char *path = kl_station_database_path(station->config->dir);
    /* Setup makes the database before station.conf. An empty one in place of one that vanished would forget who has
     * which key. */
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", path);
    station->store = kl_store_sqlite_open(path, mode == KL_STATION_READ, error);
    if (station->store == NULL || mode == KL_STATION_READ)
        return station->store != NULL;
    guint interrupted = 0;
    if (!begin_journal(station, error))
        return FALSE;
    station->store->klass->use_outbox(station->store, station->config->aws.on);
    if (!station->store->klass->interrupt_running(station->store, &interrupted, error))
        return FALSE;
    if (interrupted > 0)
        g_message("%u jobs of an earlier program were left running; they count as interrupted", interrupted);
    return open_cloud(station, station->store, error);
}

/* What jobs work with, but for what they get when the station is unlocked. */
static void
fill_bench(KlStation *station)
{
    station->claims = kl_claims_new();
    station->bench = (KlBench){
        .station = station->config->name,
        .program = KL_PROGRAM_VERSION,
        .driver = station->driver->driver,
        .open_transport = station->driver->open_transport,
        .plug = station->driver->plug,
        .power_cycles = station->config->power_cycles,
        .profile = station->profile,
        .store = station->store,
        .sink = station->cloud != NULL ? station->cloud->sink : NULL,
        .require_ack = station->config->aws.require_ack,
        .ack_wait_ms = station->config->aws.ack_wait_ms,
        .claims = station->claims,
    };
}

static gboolean
has_usb_slots(const KlConfig *config)
{
    for (guint i = 0; i < config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(config->slots, i);
        g_autofree char *place = kl_bus_place(slot->agent);
        if (place != NULL)
            return TRUE;
    }
    return FALSE;
}

/* A program that was killed in mid power cycle has left a port dark. */
static void
light_slots(const KlStation *station)
{
    KlBus *bus = station->bench.bus;
    for (guint i = 0; i < station->config->slots->len; i++) {
        const KlSlotConfig *slot = g_ptr_array_index(station->config->slots, i);
        g_autofree char *place = kl_bus_place(slot->agent);
        g_autoptr(GError) failure = NULL;
        if (place != NULL && !bus->klass->power_on(bus, place, &failure))
            g_message("slot %s: its hub port was not given power: %s", slot->name, failure->message);
    }
}

/* Who only looks at records needs no bus. */
static gboolean
open_bus_for_jobs(KlStation *station, GError **error)
{
    if (!has_usb_slots(station->config))
        return TRUE;
    station->bench.bus = kl_station_bus(station, error);
    if (station->bench.bus != NULL && station->bench.power_cycles > 0)
        light_slots(station);
    return station->bench.bus != NULL;
}

KlStation *
kl_station_open(const char *dir, KlStationMode mode, const char *product, GError **error)
{
    g_autoptr(KlStation) station = g_new0(KlStation, 1);
    station->lock_fd = -1;
    station->config = kl_station_load_config(dir, error);
    if (station->config == NULL)
        return NULL;
    station->profile =
        kl_station_load_profile(station->config->dir, product != NULL ? product : station->config->product, error);
    if (station->profile == NULL)
        return NULL;
    station->driver = find_driver(station->profile->driver, error);
    if (station->driver == NULL)
        return NULL;
    if (mode != KL_STATION_READ && !take_over(station, mode, error))
        return NULL;
    if (!open_store(station, mode, error))
        return NULL;
    fill_bench(station);
    if (mode == KL_STATION_RUN && !open_bus_for_jobs(station, error))
        return NULL;
    return g_steal_pointer(&station);
}

/* What was kept since the last checkpoint waits for the next one when this fails. */
static void
seal_shift(const KlStation *station)
{
    g_autoptr(GError) error = NULL;
    if (!station->store->klass->checkpoint(station->store, "shift", NULL, &error))
        g_message("no checkpoint at the end of the work: %s", error->message);
}

void
kl_station_free(KlStation *station)
{
    if (station == NULL)
        return;
    g_clear_pointer(&station->bench.rehearsal, kl_rehearsal_free);
    if (station->cloud != NULL)
        kl_station_cloud_stop(station->cloud);
    if (station->signer != NULL)
        station->signer->klass->free(station->signer);
    g_clear_pointer(&station->cloud, kl_station_cloud_free);
    if (station->pki != NULL)
        station->pki->klass->free(station->pki);
    g_clear_pointer(&station->signing, kl_gate_free);
    g_clear_pointer(&station->ca, kl_ca_free);
    g_clear_pointer(&station->claims, kl_claims_free);
    g_clear_pointer(&station->bus, kl_bus_free);
    if (station->seal != NULL)
        seal_shift(station);
    g_clear_pointer(&station->store, kl_store_free);
    g_clear_pointer(&station->seal, kl_seal_free);
    g_clear_pointer(&station->profile, kl_profile_free);
    g_clear_pointer(&station->config, kl_config_free);
    if (station->lock_fd >= 0) {
        kl_log_close();
        close(station->lock_fd);
    }
    g_free(station);
}

const KlConfig *
kl_station_config(const KlStation *station)
{
    return station->config;
}

const KlProfile *
kl_station_profile(const KlStation *station)
{
    return station->profile;
}

KlStore *
kl_station_store(const KlStation *station)
{
    return station->store;
}

KlSeal *
kl_station_seal(const KlStation *station)
{
    return station->seal;
}

KlStore *
kl_station_open_reader(const KlStation *station, GError **error)
{
    g_autofree char *path = kl_station_database_path(station->config->dir);
    return kl_store_sqlite_open(path, TRUE, error);
}

/* That the station could be opened says that the database is there, and up to date. */
KlStore *
kl_station_open_writer(const KlStation *station, GError **error)
{
    g_autofree char *path = kl_station_database_path(station->config->dir);
    return kl_store_sqlite_open(path, FALSE, error);
}

const KlBench *
kl_station_bench(const KlStation *station)
{
    return &station->bench;
}

gboolean
kl_station_unlocked(const KlStation *station)
{
    return kl_bench_unlocked(&station->bench);
}

KlBus *
kl_station_open_bus(const KlConfig *config, const KlProfile *profile, GError **error)
{
    const DriverEntry *driver = find_driver(profile->driver, error);
    return driver != NULL ? driver->open_bus(config, error) : NULL;
}

KlBus *
kl_station_bus(KlStation *station, GError **error)
{
    if (station->bus != NULL)
        return station->bus;
    station->bus = station->driver->open_bus(station->config, error);
    return station->bus;
}

KlCa *
kl_station_ca(const KlStation *station)
{
    return station->ca;
}

gboolean
kl_station_config_needs_passphrase(const KlConfig *config)
{
    gboolean pin_elsewhere =
        g_str_has_prefix(config->ca_key, "pkcs11:") && strstr(config->ca_key, "pin-source=") != NULL;
    return kl_station_signs_itself(config) && kl_station_ca_exists(config->dir) && config->passphrase_file == NULL &&
           !pin_elsewhere;
}

gboolean
kl_station_needs_passphrase(const KlStation *station)
{
    return kl_station_config_needs_passphrase(station->config);
}

KlCa *
kl_station_load_ca(const KlConfig *config, guint margin_days, const KlSecret *passphrase, GError **error)
{
    g_autoptr(KlSecret) configured = NULL;
    /* A CA that is not there is told before a passphrase that is not there. */
    if (passphrase == NULL && config->passphrase_file != NULL && kl_station_ca_exists(config->dir)) {
        configured = kl_secret_from_file(config->passphrase_file, error);
        if (configured == NULL)
            return NULL;
    }
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    return kl_ca_load(config->dir, config->ca_key, passphrase != NULL ? passphrase : configured, margin_days, now,
                      error);
}

static void
free_signer(KlSigner *signer, KlPki *pki)
{
    if (signer != NULL)
        signer->klass->free(signer);
    if (pki != NULL)
        pki->klass->free(pki);
}

/* The signer with all that it needs, tried. */
static KlSigner *
open_signer(const KlStation *station, KlCa *ca, KlPki **pki, GError **error)
{
    KlSigner *signer = kl_station_cloud_signer(station->cloud, station->config, ca, pki, error);
    if (signer != NULL && signer->klass->self_test(signer, station->profile, g_get_real_time() / G_USEC_PER_SEC, error))
        return signer;
    free_signer(signer, *pki);
    return NULL;
}

/* By whom the units' certificates are, PEM; NULL where nobody here has that. */
static const char *
device_anchors(const KlStation *station)
{
    if (station->ca != NULL)
        return kl_ca_chain_pem(station->ca);
    return station->cloud != NULL ? station->cloud->anchors : NULL;
}

gboolean
kl_station_unlock(KlStation *station, const KlSecret *passphrase, GError **error)
{
    if (station->signer != NULL)
        return TRUE;
    const KlConfig *config = station->config;
    if (station->cloud == NULL && config->signer != KL_SIGNER_LOCAL)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "the signer was asked for where the station is only read");
    g_autoptr(KlCa) ca = NULL;
    if (kl_station_signs_itself(config)) {
        ca = kl_station_load_ca(config, station->profile->ca_margin_days, passphrase, error);
        if (ca == NULL)
            return FALSE;
    }
    KlPki *pki = NULL;
    KlSigner *signer = open_signer(station, ca, &pki, error);
    if (signer == NULL)
        return FALSE;
    station->ca = g_steal_pointer(&ca);
    station->signer = signer;
    station->pki = pki;
    station->bench.pki = pki;
    station->signing = kl_gate_new(signer->parallel);
    station->bench.signing = station->signing;
    station->bench.rehearsal = kl_station_rehearsal_new(config, station->profile, device_anchors(station));
    if (station->cloud != NULL) {
        kl_station_cloud_start(station->cloud, config, station->profile, station->store);
        station->bench.outbox = station->cloud->outbox;
    }
    /* Last: who sees it sees the rest, also from another thread. */
    g_atomic_pointer_set(&station->bench.signer, signer);
    return TRUE;
}

void
kl_station_start_sending(KlStation *station)
{
    if (station->cloud != NULL && station->cloud->outbox == NULL)
        kl_station_cloud_start(station->cloud, station->config, station->profile, station->store);
}

KlOutbox *
kl_station_outbox(const KlStation *station)
{
    return kl_station_unlocked(station) ? station->bench.outbox : NULL;
}

KlUnit *
kl_station_look(const KlStation *station, const KlSlotConfig *slot, GCancellable *cancel, GError **error)
{
    const KlPorts ports = {slot->agent, slot->modem};
    const KlDriver *driver = station->bench.driver;
    KlOp op = {.deadline_us = g_get_monotonic_time() + LOOK_US, .cancel = cancel};
    KlDevice *device = driver->open(&ports, station->bench.open_transport, &op, error);
    if (device == NULL)
        return NULL;
    KlUnit *unit = driver->identify(device, &op, error);
    driver->close(device);
    return unit;
}
