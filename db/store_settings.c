/* What people set and did at the station: settings, which change, and acts, which are only added. */
#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"

typedef struct {
    const char *key;
    const char *value; /* to be set */
    char *found;
} SettingCall;

static gboolean
do_setting(sqlite3 *db, gpointer data, GError **error)
{
    SettingCall *call = data;
    return kl_get_text(db, &call->found, error, "SELECT value FROM settings WHERE key = ?1", kl_text(call->key));
}

char *
kl_store_setting(KlStore *store, const char *key, GError **error)
{
    SettingCall call = {.key = key};
    gboolean ok = kl_store_read(store, do_setting, &call, error);
    g_autofree char *found = call.found;
    return ok ? g_steal_pointer(&found) : NULL;
}

static gboolean
do_set_setting(sqlite3 *db, gpointer data, GError **error)
{
    SettingCall *call = data;
    if (call->value == NULL)
        return kl_run(db, error, "DELETE FROM settings WHERE key = ?1", kl_text(call->key));
    return kl_run(db, error,
                  "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
                  kl_text(call->key), kl_text(call->value));
}

gboolean
kl_store_set_setting(KlStore *store, const char *key, const char *value, GError **error)
{
    SettingCall call = {.key = key, .value = value};
    return kl_store_write(store, do_set_setting, &call, error);
}

typedef struct {
    const KlAct *act;
    gint64 now_us;
} ActCall;

static gboolean
do_add_act(sqlite3 *db, gpointer data, GError **error)
{
    ActCall *call = data;
    const KlAct *act = call->act;
    return kl_run(db, error,
                  "INSERT INTO acts (time_us, who, role, what, subject, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                  kl_int(call->now_us), kl_text(act->who), kl_text(act->role), kl_text(act->what),
                  kl_text(act->subject), kl_text(act->reason)) &&
           kl_audit_act(db, act, call->now_us, error);
}

gboolean
kl_store_add_act(KlStore *store, const KlAct *act, GError **error)
{
    ActCall call = {act, g_get_real_time()};
    return kl_store_write(store, do_add_act, &call, error);
}

typedef struct {
    guint limit;
    GPtrArray *acts;
} ActsCall;

static KlAct *
read_act(sqlite3_stmt *query)
{
    KlAct *act = g_new0(KlAct, 1);
    act->time_us = sqlite3_column_int64(query, 0);
    act->who = kl_column_text(query, 1);
    act->role = kl_column_text(query, 2);
    act->what = kl_column_text(query, 3);
    act->subject = kl_column_text(query, 4);
    act->reason = kl_column_text(query, 5);
    return act;
}

static gboolean
do_acts(sqlite3 *db, gpointer data, GError **error)
{
    ActsCall *call = data;
    /* By number: the order in which they were kept, whatever the clock did. */
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT time_us, who, role, what, subject, reason FROM acts ORDER BY number DESC LIMIT ?1",
                 kl_int(call->limit > 0 ? (gint64)call->limit : -1));
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(call->acts, read_act(query));
    return ok;
}

GPtrArray *
kl_store_acts(KlStore *store, guint limit, GError **error)
{
    g_autoptr(GPtrArray) acts = g_ptr_array_new_with_free_func((GDestroyNotify)kl_act_free);
    ActsCall call = {limit, acts};
    return kl_store_read(store, do_acts, &call, error) ? g_steal_pointer(&acts) : NULL;
}
