/* What a cloud's registration table said of devices: kept as that, apart from the station's own rows. */
#include <json-glib/json-glib.h>

#include "db/statement.h"
#include "db/store_parts.h"

typedef struct {
    const char *place;
    const GPtrArray *rows;
    gint64 connections_alarm;
} SaidCall;

/* {"answered": 1}. The caller frees. */
static char *
counts_json(const GPtrArray *counts)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autoptr(JsonObject) object = json_object_new();
    for (guint i = 0; i < counts->len; i++) {
        const KlFieldCount *count = counts->pdata[i];
        json_object_set_int_member(object, count->verdict, count->total);
    }
    json_node_set_object(node, object);
    return json_to_string(node, FALSE);
}

/* ?1 device, ?2 place, ?3 when it was asked, ?4 now. The answer that was asked for later counts; a time that is still
 * to come was written under a wrong clock. An alarm is as old as the first answer in a row that had one. A unit that is
 * provisioned anew is another one to the table: what was asked before its new row was sent there is not told of it. */
#define COLUMNS_OF_ROW                                                                                                 \
    "registered, policy, firmware, parameters, version, connections, first_seen_us, last_seen_us, counts, alarm_us"
#define AWAITS_ITS_ROW                                                                                                 \
    "EXISTS (SELECT 1 FROM outbox WHERE kind = 'registration' AND key = ?1 AND json_extract(body, '$.reset')"          \
    " AND (state IN ('queued', 'parked') OR sent_us BETWEEN ?3 AND ?4))"
#define KEEP_WITH(VALUES)                                                                                              \
    "INSERT INTO registration_in_cloud AS was (device, place, asked_us, " COLUMNS_OF_ROW                               \
    ") SELECT ?1, ?2, ?3, " VALUES                                                                                     \
    " WHERE EXISTS (SELECT 1 FROM registration WHERE device = ?1) AND NOT " AWAITS_ITS_ROW                             \
    " ON CONFLICT (device) DO UPDATE SET (place, asked_us, " COLUMNS_OF_ROW ") = (excluded.place, excluded.asked_us,"  \
    " excluded.registered, excluded.policy, excluded.firmware, excluded.parameters, excluded.version,"                 \
    " excluded.connections, excluded.first_seen_us, excluded.last_seen_us, excluded.counts,"                           \
    " iif(excluded.alarm_us IS NULL OR was.alarm_us IS NULL OR was.place <> excluded.place, excluded.alarm_us,"        \
    " was.alarm_us))"                                                                                                  \
    " WHERE excluded.asked_us >= was.asked_us OR was.asked_us > ?4 OR excluded.place <> was.place"

static gboolean
keep_none(sqlite3 *db, const SaidCall *call, const KlCloudRow *said, GError **error)
{
    return kl_run(db, error, KEEP_WITH("NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL"),
                  kl_text(said->device), kl_text(call->place), kl_int(said->asked_us), kl_int(g_get_real_time()));
}

static gboolean
keep_row(sqlite3 *db, const SaidCall *call, const KlCloudRow *said, GError **error)
{
    const KlRegistration *row = said->row;
    g_autofree char *counts = counts_json(said->counts);
    return kl_run(db, error,
                  KEEP_WITH("?5, ?6, ?7, ?8, ?9, ?10, nullif(?11, 0), nullif(?12, 0), ?13, iif(?10 > ?14, ?3, NULL)"),
                  kl_text(said->device), kl_text(call->place), kl_int(said->asked_us), kl_int(g_get_real_time()),
                  kl_text(row->registered), kl_text(row->policy), kl_text(row->firmware), kl_text(row->parameters),
                  kl_int(row->version), kl_int(row->connections), kl_int(said->first_seen_us),
                  kl_int(said->last_seen_us), kl_text(counts), kl_int(call->connections_alarm));
}

static gboolean
do_said(sqlite3 *db, gpointer data, GError **error)
{
    const SaidCall *call = data;
    for (guint i = 0; i < call->rows->len; i++) {
        const KlCloudRow *said = call->rows->pdata[i];
        if (said->problem != NULL)
            continue;
        if (said->row != NULL ? !keep_row(db, call, said, error) : !keep_none(db, call, said, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_store_cloud_said(KlStore *store, const char *place, const GPtrArray *rows, gint64 connections_alarm, GError **error)
{
    SaidCall call = {place, rows, connections_alarm};
    return kl_store_write(store, do_said, &call, error);
}
