#include "db/activation_journal.h"

#include <string.h>

#include "db/audit.h"
#include "db/statement.h"
#include "station/activation/activation.h"

/* --- which messages --- */

static gboolean
is_power_of_ten(gint64 number)
{
    while (number > 1 && number % 10 == 0)
        number /= 10;
    return number == 1;
}

static gboolean
is_told(const KlActivationChange *c, gint64 total, gboolean alarm)
{
    gboolean state = c->row != NULL && strcmp(c->row->registered, c->was->registered) != 0;
    gboolean version = c->row != NULL && c->row->version != c->was->version;
    return state || (version && total <= KL_ACTIVATION_TOLD_VERSIONS) || alarm ||
           (!c->again && (total <= KL_ACTIVATION_TOLD_FIRST || is_power_of_ten(total)));
}

/* --- what of them --- */

/* Of the row as it is now: as a "register" event has it, but without connections and version. */
static char *
row_sha256(const KlActivationChange *c, const KlRegistration *now)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "device", c->was->device);
    kl_canonical_text(writer, "firmware", c->was->firmware);
    kl_canonical_text(writer, "parameters", c->was->parameters);
    kl_canonical_text(writer, "policy", c->was->policy);
    kl_canonical_text(writer, "registered", now->registered);
    g_autofree char *row = kl_canonical_finish(writer);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, row, -1);
}

/* A device is some unit's, if it is in the registration table. *imei is NULL otherwise; the caller frees it. */
static gboolean
find_imei(sqlite3 *db, const char *device, char **imei, GError **error)
{
    gboolean row = FALSE;
    sqlite3_stmt *query = kl_query_kept_with(db, error, "SELECT imei FROM units WHERE device_id = ?1", kl_text(device));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    *imei = row ? kl_column_text(query, 0) : NULL;
    sqlite3_reset(query);
    return ok;
}

/* How often the device has told a version. */
static gboolean
count_versions(sqlite3 *db, const char *device, gint64 *versions, GError **error)
{
    gboolean row = FALSE;
    sqlite3_stmt *query =
        kl_query_kept_with(db, error, "SELECT total FROM activation_counts WHERE device = ?1 AND verdict = ?2",
                           kl_text(device), kl_text(kl_activation_verdict_name(KL_ACTIVATION_VERSION)));
    gboolean ok = query != NULL && kl_next(db, query, &row, error);
    *versions = row ? sqlite3_column_int64(query, 0) : 0;
    sqlite3_reset(query);
    return ok;
}

/* The row, if the message has changed it, or from this message on not every version is told of any more. */
static const KlRegistration *
row_to_tell(const KlActivationChange *c, gint64 versions)
{
    return c->row == NULL && versions == KL_ACTIVATION_TOLD_VERSIONS ? c->was : c->row;
}

static gint64
shown(gint64 number)
{
    return CLAMP(number, 0, KL_ACTIVATION_VERSION_MAX);
}

static char *
write_message(const KlActivationChange *change, gint64 total, gint64 versions)
{
    const KlRegistration *now = row_to_tell(change, versions);
    g_autofree char *sha256 = now != NULL ? row_sha256(change, now) : NULL;
    KlCanonical *writer = kl_canonical_new();
    if (now != NULL)
        kl_canonical_number(writer, "connections", shown(now->connections));
    kl_canonical_value(writer, "message", change->note);
    kl_canonical_text(writer, "row_sha256", sha256);
    kl_canonical_number(writer, "total", total);
    if (now != NULL && versions < KL_ACTIVATION_TOLD_VERSIONS)
        kl_canonical_number(writer, "version", shown(now->version));
    return kl_canonical_finish(writer);
}

gboolean
kl_activation_journal_message(sqlite3 *db, const KlActivationChange *change, gint64 total, gboolean alarm,
                              GError **error)
{
    g_autofree char *imei = NULL;
    gint64 versions = 0;
    if (!is_told(change, total, alarm))
        return TRUE;
    if (change->was != NULL &&
        (!find_imei(db, change->device, &imei, error) || !count_versions(db, change->device, &versions, error)))
        return FALSE;
    g_autofree char *data = write_message(change, total, versions);
    return kl_audit_append(db, "activation", NULL, imei, data, error);
}

/* --- credentials --- */

/* Of the first certificate's DER, as certificates are known by; NULL when there is none. */
static char *
certificate_sha256(const char *pem)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    const char *from = strstr(pem, begin), *to = from != NULL ? strstr(from, "-----END ") : NULL;
    if (to == NULL)
        return NULL;
    gsize length = 0;
    g_autofree char *text = g_strndup(from + strlen(begin), (gsize)(to - from) - strlen(begin));
    g_autofree guchar *der = g_base64_decode(text, &length);
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, der, length);
}

gboolean
kl_activation_journal_credential(sqlite3 *db, const char *device, GBytes *csr, const char *pem, GError **error)
{
    g_autofree char *imei = NULL;
    if (!find_imei(db, device, &imei, error))
        return FALSE;
    g_autofree char *sha256 = certificate_sha256(pem);
    g_autofree char *csr_sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, csr);
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_text(writer, "certificate_sha256", sha256);
    kl_canonical_text(writer, "csr_sha256", csr_sha256);
    kl_canonical_text(writer, "device", device);
    g_autofree char *data = kl_canonical_finish(writer);
    return kl_audit_append(db, "credential", NULL, imei, data, error);
}
