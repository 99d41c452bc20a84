/* Units: who they are, what is known of them, which device id they get. */
#include <string.h>

#include "db/audit_events.h"
#include "db/statement.h"
#include "db/store_parts.h"
#include "station/error.h"

typedef struct {
    const char *job;
    const KlUnit *unit;
    KlUnitState *state;
    char *refusal; /* the unit is refused, but what it said of itself is kept */
} ClaimCall;

/* A known unit has both numbers; a unit that shares only one of them with a known one is not that unit. */
static gboolean
find_contradiction(sqlite3 *db, const KlUnit *unit, char **contradiction, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT imei, fsn FROM units WHERE (imei = ?1 AND fsn <> ?2) OR (fsn = ?2 AND imei <> ?1)",
                 kl_text(unit->imei), kl_text(unit->fsn));
    gboolean row;
    if (query == NULL || !kl_next(db, query, &row, error))
        return FALSE;
    if (row)
        *contradiction =
            g_strdup_printf("IMEI %s with FSN %s: known is IMEI %s with FSN %s", unit->imei, unit->fsn,
                            (const char *)sqlite3_column_text(query, 0), (const char *)sqlite3_column_text(query, 1));
    return TRUE;
}

static gboolean
remember(sqlite3 *db, const KlUnit *unit, GError **error)
{
    return kl_run(db, error,
                  "INSERT INTO units (imei, fsn, model, firmware, agent_version, keystore, first_seen_us, last_seen_us)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)"
                  " ON CONFLICT (imei) DO UPDATE SET model = excluded.model, firmware = excluded.firmware,"
                  " agent_version = excluded.agent_version, keystore = excluded.keystore,"
                  " last_seen_us = excluded.last_seen_us",
                  kl_text(unit->imei), kl_text(unit->fsn), kl_text(unit->model), kl_text(unit->firmware),
                  kl_text(unit->agent_version), kl_text(unit->keystore), kl_int(g_get_real_time()));
}

static gboolean
read_keys(sqlite3 *db, const char *imei, GPtrArray *keys, GError **error)
{
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error, "SELECT spki_sha256 FROM keys WHERE imei = ?1 AND retired_us IS NULL ORDER BY number",
                 kl_text(imei));
    gboolean ok;
    while (kl_each(db, query, &ok, error))
        g_ptr_array_add(keys, kl_column_text(query, 0));
    return ok;
}

static KlUnitState *
read_state(sqlite3 *db, const char *imei, GError **error)
{
    g_autoptr(KlUnitState) state = g_new0(KlUnitState, 1);
    g_autoptr(sqlite3_stmt) query =
        kl_query(db, error,
                 "SELECT device_id, provisioned,"
                 " EXISTS (SELECT 1 FROM intents WHERE imei = ?1 AND kind = 'KEY' AND closed_us IS NULL),"
                 " (SELECT job FROM intents WHERE imei = ?1 AND kind = 'ISSUE' AND closed_us IS NULL),"
                 " (SELECT detail FROM intents WHERE imei = ?1 AND kind = 'REPROVISION' AND closed_us IS NULL),"
                 " EXISTS (SELECT 1 FROM certificates WHERE imei = ?1),"
                 " (SELECT opened_us FROM intents WHERE imei = ?1 AND kind = 'ISSUE' AND closed_us IS NULL)"
                 " FROM units WHERE imei = ?1",
                 kl_text(imei));
    gboolean row;
    state->keys = g_ptr_array_new_with_free_func(g_free);
    if (query == NULL || !kl_next(db, query, &row, error))
        return NULL;
    state->device_id = kl_column_text(query, 0);
    state->provisioned = sqlite3_column_int(query, 1) != 0;
    state->key_pending = sqlite3_column_int(query, 2) != 0;
    state->issue_job = kl_column_text(query, 3);
    state->reprovision_reason = kl_column_text(query, 4);
    gboolean any_certificate = sqlite3_column_int(query, 5) != 0;
    state->issue_us = sqlite3_column_int64(query, 6);
    if (!read_keys(db, imei, state->keys, error) || !kl_store_live_certificate(db, imei, &state->certificate, error))
        return NULL;
    /* Superseded ones always have a successor: when none is live, the last was revoked. */
    state->certificate_revoked = any_certificate && state->certificate == NULL;
    return g_steal_pointer(&state);
}

static gboolean
do_unit_claim(sqlite3 *db, gpointer data, GError **error)
{
    ClaimCall *call = data;
    const char *imei = call->unit->imei;
    if (!kl_store_require_job(db, call->job, NULL, error) || !kl_store_note_unit(db, call->job, call->unit, error) ||
        !find_contradiction(db, call->unit, &call->refusal, error))
        return FALSE;
    if (call->refusal != NULL)
        return TRUE;
    if (!remember(db, call->unit, error) ||
        !kl_run(db, error, "UPDATE jobs SET unit = ?2 WHERE id = ?1", kl_text(call->job), kl_text(imei)) ||
        !kl_audit_unit(db, call->job, call->unit, error))
        return FALSE;
    call->state = read_state(db, imei, error);
    return call->state != NULL;
}

KlUnitState *
kl_store_unit_claim(KlStore *store, const char *job, const KlUnit *unit, GError **error)
{
    ClaimCall call = {.job = job, .unit = unit};
    gboolean ok = kl_store_write(store, do_unit_claim, &call, error);
    g_autoptr(KlUnitState) state = call.state;
    g_autofree char *refusal = call.refusal;
    if (ok && refusal != NULL)
        ok = kl_fail(error, KL_ERROR_DUPLICATE_IMEI, "%s", refusal);
    return ok ? g_steal_pointer(&state) : NULL;
}

typedef struct {
    const char *imei;
    const KlIdRequest *request;
    char *id;
    gboolean exhausted; /* no number is left; those that were passed over stay so */
} IdCall;

/* The pattern comes from a file, so it is not given to printf: exactly one %u or %0Nu is understood. */
static char *
format_number(const char *pattern, gint64 number, GError **error)
{
    const char *percent = strchr(pattern, '%');
    gsize digits = percent != NULL ? strspn(percent + 1, "0123456789") : 0;
    const char *rest = percent != NULL ? percent + 1 + digits : pattern;
    gboolean padded = digits == 0 || (digits <= 3 && percent[1] == '0');
    if (percent == NULL || *rest != 'u' || !padded || strchr(rest, '%') != NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "the id pattern '%s' needs exactly one %%u or %%0Nu", pattern);
        return NULL;
    }
    int width = digits > 0 ? (int)g_ascii_strtoull(percent + 1, NULL, 10) : 0;
    return g_strdup_printf("%.*s%0*" G_GINT64_FORMAT "%s", (int)(percent - pattern), pattern, width, number, rest + 1);
}

static gboolean
find_owner(sqlite3 *db, const char *id, char **owner, GError **error)
{
    return kl_get_text(db, owner, error, "SELECT imei FROM units WHERE device_id = ?1", kl_text(id));
}

/* Numbers whose id is taken already (by a unit that was given a fixed id) are passed over. */
static gboolean
next_number(sqlite3 *db, const KlIdRequest *request, gint64 *number, GError **error)
{
    return request->leased ? kl_store_next_leased(db, request->sequence, number, error)
                           : kl_store_next_number(db, "device", request->sequence, number, error);
}

static gboolean
next_id(sqlite3 *db, IdCall *call, GError **error)
{
    const KlIdRequest *request = call->request;
    for (;;) {
        gint64 number = 0;
        g_autofree char *owner = NULL;
        if (!next_number(db, request, &number, error))
            return FALSE;
        call->exhausted = number == 0;
        if (call->exhausted)
            return TRUE;
        g_autofree char *candidate = format_number(request->pattern, number, error);
        if (candidate == NULL || !find_owner(db, candidate, &owner, error))
            return FALSE;
        if (owner == NULL) {
            call->id = g_steal_pointer(&candidate);
            return TRUE;
        }
    }
}

static gboolean
fixed_id(sqlite3 *db, const KlIdRequest *request, char **id, GError **error)
{
    g_autofree char *owner = NULL;
    if (!find_owner(db, request->fixed, &owner, error))
        return FALSE;
    if (owner != NULL)
        return kl_fail(error, KL_ERROR_DUPLICATE_DEVICE, "device id %s belongs to unit %s", request->fixed, owner);
    *id = g_strdup(request->fixed);
    return TRUE;
}

static gboolean
give_id(sqlite3 *db, IdCall *call, GError **error)
{
    const KlIdRequest *request = call->request;
    if (!(request->sequence != NULL ? next_id(db, call, error) : fixed_id(db, request, &call->id, error)))
        return FALSE;
    return call->exhausted || (kl_run(db, error, "UPDATE units SET device_id = ?2 WHERE imei = ?1", kl_text(call->imei),
                                      kl_text(call->id)) &&
                               kl_audit_device_id(db, call->imei, call->id, error));
}

static gboolean
do_device_id(sqlite3 *db, gpointer data, GError **error)
{
    IdCall *call = data;
    g_autofree char *known = NULL;
    if (!kl_get_text(db, &known, error, "SELECT imei FROM units WHERE imei = ?1", kl_text(call->imei)))
        return FALSE;
    if (known == NULL)
        return kl_fail(error, KL_ERROR_INTERNAL, "unit %s was not claimed", call->imei);
    if (!kl_get_text(db, &call->id, error, "SELECT device_id FROM units WHERE imei = ?1", kl_text(call->imei)))
        return FALSE;
    return call->id != NULL || give_id(db, call, error);
}

char *
kl_store_device_id(KlStore *store, const char *imei, const KlIdRequest *request, GError **error)
{
    IdCall call = {.imei = imei, .request = request};
    gboolean ok = kl_store_write(store, do_device_id, &call, error);
    g_autofree char *id = call.id;
    if (ok && call.exhausted)
        ok = kl_fail(error, KL_ERROR_IDS_EXHAUSTED, "no leased number of '%s' is left", request->sequence);
    return ok ? g_steal_pointer(&id) : NULL;
}
