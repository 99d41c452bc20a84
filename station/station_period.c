/* Closing a period: find it, archive it, read the archive again, prune. */
#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <unistd.h>

#include "certs/seal.h"
#include "db/audit_export.h"
#include "db/audit_period.h"
#include "db/audit_place.h"
#include "db/audit_verify.h"
#include "db/audit_verify_manifest.h"
#include "station/station_audit.h"
#include "station/station_backup.h"
#include "station/station_private.h"

void
kl_station_closed_clear(KlStationClosed *closed)
{
    g_clear_pointer(&closed->manifest_sha256, g_free);
}

/* With the station's own certificate and the very checkpoint, from here: an archive that proves itself right by what is
 * in it alone would not be enough. */
static gboolean
check_archive(const char *path, const KlAuditPeriod *period, KlSeal *seal, GError **error)
{
    const KlAuditVerify options = {
        .checks = &kl_seal_checks,
        .certificate = seal->klass->certificate(seal),
        .checkpoint = period->checkpoint,
    };
    g_autoptr(KlAuditReport) report = kl_audit_verify_export(path, &options, error);
    if (report == NULL)
        return FALSE;
    if (!kl_audit_report_whole(report)) {
        const KlAuditFinding *finding = report->findings->pdata[0];
        return kl_fail(error, KL_ERROR_ARCHIVE_WRONG, "%s: %s: %s", path, finding->where, finding->words);
    }
    if ((guint64)report->first != period->first || (guint64)report->last != period->through ||
        (guint64)report->events != period->through - period->first + 1)
        return kl_fail(error, KL_ERROR_ARCHIVE_WRONG,
                       "%s has %" G_GINT64_FORMAT " events, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                       ", not all from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                       path, report->events, report->first, report->last, period->first, period->through);
    return TRUE;
}

static gboolean
write_archive(const KlStation *station, const KlAuditPeriod *period, const char *path, char **manifest_sha256,
              GError **error)
{
    const KlConfig *config = kl_station_config(station);
    const KlAuditRequest all = {0};
    g_autofree char *database = kl_station_database_path(config->dir);
    g_auto(KlAuditExported) done = {0};
    const KlAuditExport export = {
        .database = database,
        .request = &all,
        .checkpoint = period->checkpoint,
        .station = config->name,
        .seal = kl_station_seal(station),
        .path = path,
        .created_us = g_get_real_time(),
        .pdf = kl_station_audit_pdf,
    };
    g_autoptr(KlAuditWriter) writer = kl_audit_export(&export, &done, error);
    if (writer == NULL || !kl_audit_writer_commit(writer, error))
        return FALSE;
    *manifest_sha256 = g_steal_pointer(&done.manifest_sha256);
    return TRUE;
}

/* The file, or the folder, is on the disk. */
static gboolean
sync_path(const char *path, int flags, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    gboolean ok = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    return ok || kl_audit_place_fail(path, number, error);
}

/* A program that was killed between archive and database left an archive: if it is this period's, whole and signed by
 * this station, it is the one that the database is pruned by. */
static gboolean
take_archive(const char *path, const KlAuditPeriod *period, KlSeal *seal, char **manifest_sha256, GError **error)
{
    g_autoptr(GError) doubt = NULL;
    if (!check_archive(path, period, seal, &doubt))
        return kl_fail(error, KL_ERROR_EXPORT_EXISTS, "there is a %s already, which is not this period's archive: %s",
                       path, doubt->message);
    g_autofree char *folder = g_path_get_dirname(path);
    *manifest_sha256 = kl_audit_manifest_sha256(path, error);
    return *manifest_sha256 != NULL && sync_path(path, 0, error) && sync_path(folder, O_DIRECTORY, error);
}

static gboolean
have_archive(const KlStation *station, const KlAuditPeriod *period, const char *path, char **manifest_sha256,
             GError **error)
{
    KlSeal *seal = kl_station_seal(station);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return take_archive(path, period, seal, manifest_sha256, error);
    return write_archive(station, period, path, manifest_sha256, error) && check_archive(path, period, seal, error);
}

/* The first checkpoint behind the closed period stands for what is left. */
static gboolean
close_period(const KlStation *station, const KlAuditPeriod *period, const char *path, KlStationClosed *closed,
             GError **error)
{
    KlStore *store = kl_station_store(station);
    const char *dir = kl_station_config(station)->dir;
    g_autofree char *archive = g_filename_display_basename(path);
    g_autofree char *exported = kl_station_exported_path(dir);
    g_autofree char *line = NULL;
    KlAuditPruned pruned;
    if (!have_archive(station, period, path, &closed->manifest_sha256, error) ||
        !kl_station_audit_append(exported, period->checkpoint, error) ||
        !kl_audit_period_close(store, period, closed->manifest_sha256, archive, &pruned, error))
        return FALSE;
    closed->first = period->first;
    closed->through = period->through;
    closed->jobs = pruned.jobs;
    return store->klass->checkpoint(store, "period", &line, error) && kl_station_audit_append(exported, line, error);
}

gboolean
kl_station_audit_close(const char *dir, gint64 before_us, const char *path, KlStationClosed *closed, GError **error)
{
    g_auto(KlAuditPeriod) period = {0};
    *closed = (KlStationClosed){0};
    if (!g_str_has_suffix(path, ".tar"))
        return kl_fail(error, KL_ERROR_USAGE, "'%s': an archive's name ends in .tar", path);
    g_autoptr(KlStation) station = kl_station_open(dir, KL_STATION_RUN, NULL, error);
    g_autofree char *database = kl_station_database_path(dir);
    return station != NULL && kl_audit_period_find(database, before_us, &period, error) &&
           close_period(station, &period, path, closed, error);
}
