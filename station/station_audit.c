/* The journal, put together: store, seal, export, proof. */
#include "station/station_audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/seal.h"
#include "db/audit_export.h"
#include "db/audit_list.h"
#include "db/audit_place.h"
#include "db/audit_proof.h"
#include "db/store_sqlite.h"
#include "station/canonical.h"
#include "station/json_member.h"
#include "station/station_private.h"

/* What writing into the journal takes. */
typedef struct {
    KlConfig *config;
    char *database;
    KlSeal *seal;
    KlStore *store;
} Desk;

static void
desk_clear(Desk *desk)
{
    g_clear_pointer(&desk->store, kl_store_free);
    g_clear_pointer(&desk->seal, kl_seal_free);
    g_clear_pointer(&desk->config, kl_config_free);
    g_free(desk->database);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Desk, desk_clear)

/* The store, which is the desk's; NULL with an error. A database that is gone must not come back as an empty one. */
static KlStore *
desk_open(Desk *desk, const char *dir, GError **error)
{
    desk->config = kl_station_load_config(dir, error);
    if (desk->config == NULL)
        return NULL;
    desk->database = kl_station_database_path(dir);
    if (!g_file_test(desk->database, G_FILE_TEST_EXISTS)) {
        kl_fail(error, KL_ERROR_STORE_MISSING, "there is no %s", desk->database);
        return NULL;
    }
    desk->seal = kl_seal_open(dir, desk->config->audit_key, error);
    if (desk->seal == NULL)
        return NULL;
    KlStore *store = desk->store = kl_store_sqlite_open(desk->database, FALSE, error);
    return store != NULL && store->klass->use_seal(store, desk->seal, desk->config->name, error) ? store : NULL;
}

/* --- what has left the station --- */

char *
kl_station_exported_path(const char *dir)
{
    return g_build_filename(dir, "audit", "exported.jsonl", NULL);
}

/* Whether the file ends within a line. */
static gboolean
is_torn(int fd)
{
    char last = '\n';
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) == 1 &&
           last != '\n';
}

static gboolean
append_line(int fd, const char *path, const char *line, GError **error)
{
    g_autofree char *text = g_strconcat(is_torn(fd) ? "\n" : "", line, "\n", NULL);
    return kl_audit_place_write(fd, text, strlen(text), path, error) &&
           (fsync(fd) == 0 || kl_audit_place_fail(path, errno, error));
}

static gboolean
sync_folder_of(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = fd >= 0 && fsync(fd) == 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    return ok || kl_audit_place_fail(folder, number, error);
}

gboolean
kl_station_audit_append(const char *path, const char *line, GError **error)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return kl_audit_place_fail(path, errno, error);
    gboolean ok = (flock(fd, LOCK_EX) == 0 || kl_audit_place_fail(path, errno, error)) &&
                  append_line(fd, path, line, error) && sync_folder_of(path, error);
    close(fd);
    return ok;
}

static gboolean
note_exported(const char *dir, const char *line, GError **error)
{
    g_autofree char *path = kl_station_exported_path(dir);
    return kl_station_audit_append(path, line, error);
}

/* --- exports and proofs --- */

void
kl_station_exported_clear(KlStationExported *exported)
{
    g_clear_pointer(&exported->manifest_sha256, g_free);
    g_clear_pointer(&exported->checkpoint, g_free);
}

static gboolean
note_export_event(const Desk *desk, const KlAuditRequest *request, const KlStationExported *exported, GError **error)
{
    g_autofree char *selection = kl_audit_request_canonical(request);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_number(writer, "events", (gint64)exported->events);
    kl_canonical_number(writer, "first", (gint64)exported->first);
    kl_canonical_number(writer, "last", (gint64)exported->last);
    kl_canonical_text(writer, "manifest_sha256", exported->manifest_sha256);
    kl_canonical_value(writer, "selection", selection);
    g_autofree char *data = kl_canonical_finish(writer);
    return desk->store->klass->note(desk->store, "export", data, error);
}

/* Before something gets its name, the journal and the station's own list know of it: what is out there is never more
 * than these tell. */
static gboolean
make_known(const Desk *desk, const KlAuditRequest *request, const KlStationExported *exported, GError **error)
{
    return note_export_event(desk, request, exported, error) &&
           note_exported(desk->config->dir, exported->checkpoint, error);
}

/* Canonical JSON has whole numbers up to 2^53. */
static gboolean
check_time(gint64 time_us, GError **error)
{
    return (time_us >= 0 && time_us < G_GINT64_CONSTANT(1) << 53) ||
           kl_fail(error, KL_ERROR_USAGE, "a time must lie between 1970 and 2255");
}

gboolean
kl_station_audit_export(const char *dir, const KlAuditRequest *request, const char *reason, const char *path,
                        const KlAuditProgress *progress, KlStationExported *exported, GError **error)
{
    g_auto(Desk) desk = {0};
    g_auto(KlAuditExported) done = {0};
    *exported = (KlStationExported){0};
    if (!check_time(request->from_us, error) || !check_time(request->to_us, error))
        return FALSE;
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return kl_fail(error, KL_ERROR_EXPORT_EXISTS, "there is a %s already", path);
    KlStore *store = desk_open(&desk, dir, error);
    if (store == NULL || !store->klass->checkpoint(store, reason, &exported->checkpoint, error))
        return FALSE;
    const KlAuditExport export = {
        .database = desk.database,
        .request = request,
        .checkpoint = exported->checkpoint,
        .station = desk.config->name,
        .seal = desk.seal,
        .path = path,
        .created_us = g_get_real_time(),
        .pdf = kl_station_audit_pdf,
        .progress = progress != NULL ? progress->report : NULL,
        .data = progress != NULL ? progress->data : NULL,
        .cancel = progress != NULL ? progress->cancel : NULL,
    };
    g_autoptr(KlAuditWriter) writer = kl_audit_export(&export, &done, error);
    if (writer == NULL)
        return FALSE;
    exported->n = done.n;
    exported->events = done.events;
    exported->first = done.first;
    exported->last = done.last;
    exported->records = done.records;
    exported->manifest_sha256 = g_steal_pointer(&done.manifest_sha256);
    return make_known(&desk, request, exported, error) && kl_audit_writer_commit(writer, error);
}

/* Writes the proof and gives it its name, when it is known. */
static gboolean
write_proof(const Desk *desk, const KlAuditRequest *request, const char *path, const char *text,
            const KlStationExported *exported, GError **error)
{
    static const char *const none[] = {NULL};
    KlAuditPlace place;
    g_autofree char *clean = g_canonicalize_filename(path, NULL);
    gboolean ok = kl_audit_place_take(&place, clean, FALSE, none, error) &&
                  kl_audit_place_write(place.fd, text, strlen(text), place.partial, error) &&
                  make_known(desk, request, exported, error) && kl_audit_place_settle(&place, error);
    kl_audit_place_clear(&place, none);
    return ok;
}

gboolean
kl_station_audit_prove(const char *dir, const char *identifier, const char *path, KlStationExported *exported,
                       GError **error)
{
    g_auto(Desk) desk = {0};
    KlAuditProved proved = {0};
    const KlAuditRequest request = {.identifier = identifier};
    *exported = (KlStationExported){0};
    KlStore *store = desk_open(&desk, dir, error);
    if (store == NULL || !store->klass->checkpoint(store, "request", &exported->checkpoint, error))
        return FALSE;
    g_autofree char *text = kl_audit_prove(desk.database, identifier, exported->checkpoint,
                                           desk.seal->klass->certificate(desk.seal), &proved, error);
    if (text == NULL)
        return FALSE;
    exported->n = proved.n;
    exported->events = proved.events;
    exported->first = proved.first;
    exported->last = proved.last;
    exported->manifest_sha256 = kl_audit_sha256(text, strlen(text));
    return write_proof(&desk, &request, path, text, exported, error);
}

/* --- checkpoints --- */

void
kl_station_checkpoint_clear(KlStationCheckpoint *checkpoint)
{
    g_clear_pointer(&checkpoint->line, g_free);
    g_clear_pointer(&checkpoint->station, g_free);
    g_clear_pointer(&checkpoint->reason, g_free);
    g_clear_pointer(&checkpoint->hash, g_free);
    g_clear_pointer(&checkpoint->fingerprint, g_free);
}

/* Takes line over. */
static gboolean
take_apart(KlStationCheckpoint *checkpoint, char *line, GError **error)
{
    checkpoint->line = line;
    g_autoptr(JsonNode) outer = json_from_string(line, NULL);
    const char *body =
        outer != NULL && JSON_NODE_HOLDS_OBJECT(outer) ? kl_member_text(json_node_get_object(outer), "body") : NULL;
    g_autoptr(JsonNode) inner = body != NULL ? json_from_string(body, NULL) : NULL;
    if (inner == NULL || !JSON_NODE_HOLDS_OBJECT(inner))
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "this is no checkpoint: %.200s", line);
    JsonObject *object = json_node_get_object(inner);
    checkpoint->station = g_strdup(kl_member_text(object, "station"));
    checkpoint->reason = g_strdup(kl_member_text(object, "reason"));
    checkpoint->hash = g_strdup(kl_member_text(object, "hash"));
    checkpoint->fingerprint = g_strdup(kl_member_text(object, "certificate_sha256"));
    checkpoint->n = (guint64)kl_member_number(object, "n");
    checkpoint->time_us = kl_member_number(object, "time_us");
    return TRUE;
}

gboolean
kl_station_audit_checkpoint(const char *dir, const char *reason, KlStationCheckpoint *checkpoint, GError **error)
{
    g_auto(Desk) desk = {0};
    char *line = NULL;
    *checkpoint = (KlStationCheckpoint){0};
    KlStore *store = desk_open(&desk, dir, error);
    return store != NULL && store->klass->checkpoint(store, reason, &line, error) &&
           take_apart(checkpoint, line, error) && note_exported(dir, line, error);
}

gboolean
kl_station_audit_last(const char *dir, KlStationCheckpoint *checkpoint, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *database = kl_station_database_path(dir);
    *checkpoint = (KlStationCheckpoint){0};
    char *line = kl_audit_last_checkpoint(database, &failure);
    if (line != NULL)
        return take_apart(checkpoint, line, error);
    if (failure == NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* --- to look at --- */

gboolean
kl_station_audit_list(const char *dir, const KlAuditRequest *request, guint limit,
                      gboolean (*each)(const char *body, gpointer data, GError **error), gpointer data, GError **error)
{
    g_autofree char *database = kl_station_database_path(dir);
    return kl_audit_list(database, request, limit, each, data, error);
}

char *
kl_station_audit_fingerprint(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "audit", "station.pem", NULL);
    g_autofree char *pem = NULL;
    g_autoptr(GError) failure = NULL;
    if (g_file_get_contents(path, &pem, NULL, &failure))
        return kl_seal_checks.fingerprint(pem, error);
    kl_fail(error, KL_ERROR_SEAL_MISSING, "%s", failure->message);
    return NULL;
}
