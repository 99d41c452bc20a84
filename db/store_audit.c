/* The store's own calls about its journal: the seal, notes, checkpoints. */
#include "db/audit.h"
#include "db/store_parts.h"

typedef struct {
    KlSeal *seal;
    const char *station;
} SealCall;

static gboolean
do_use_seal(sqlite3 *db, gpointer data, GError **error)
{
    const SealCall *call = data;
    return kl_audit_use_seal(db, call->seal, call->station, error);
}

gboolean
kl_store_use_seal(KlStore *store, KlSeal *seal, const char *station, GError **error)
{
    SealCall call = {seal, station};
    if (!kl_store_write(store, do_use_seal, &call, error))
        return FALSE;
    kl_store_set_seal(store, seal, station);
    return TRUE;
}

typedef struct {
    const char *type;
    const char *data;
} NoteCall;

static gboolean
do_note(sqlite3 *db, gpointer data, GError **error)
{
    const NoteCall *call = data;
    return kl_audit_append(db, call->type, NULL, NULL, call->data, error);
}

gboolean
kl_store_note(KlStore *store, const char *type, const char *data, GError **error)
{
    NoteCall call = {type, data};
    return kl_store_write(store, do_note, &call, error);
}

typedef struct {
    KlStore *store;
    const char *reason;
    char *line;
} CheckpointCall;

static gboolean
do_checkpoint(sqlite3 *db, gpointer data, GError **error)
{
    CheckpointCall *call = data;
    const char *station = NULL;
    KlSeal *seal = kl_store_seal(call->store, &station);
    return kl_audit_checkpoint(db, seal, station, call->reason, &call->line, error);
}

gboolean
kl_store_checkpoint(KlStore *store, const char *reason, char **line, GError **error)
{
    CheckpointCall call = {.store = store, .reason = reason};
    gboolean ok = kl_store_write(store, do_checkpoint, &call, error);
    g_autofree char *made = call.line;
    if (ok && line != NULL)
        *line = g_steal_pointer(&made);
    return ok;
}
