#include "station/station_trace.h"

#include <string.h>

#include "certs/seal.h"
#include "db/database.h"
#include "db/recall.h"
#include "db/trace.h"
#include "station/station_private.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

static sqlite3 *
open_database(const char *dir, GError **error)
{
    g_autofree char *path = kl_station_database_path(dir);
    g_autoptr(KlConfig) config = kl_station_load_config(dir, error);
    return config != NULL ? kl_database_open(path, TRUE, error) : NULL;
}

GPtrArray *
kl_station_trace(const char *dir, const char *identifier, GError **error)
{
    g_autoptr(sqlite3) db = open_database(dir, error);
    /* All of it as it stood at one moment. */
    return db != NULL && kl_database_exec(db, "BEGIN", error) ? kl_trace(db, identifier, error) : NULL;
}

/* What is no certificate has no hash. */
static char **
chain_hashes(const char *chain_pem)
{
    g_autoptr(GStrvBuilder) hashes = g_strv_builder_new();
    for (const char *at = strstr(chain_pem, PEM_BEGIN); at != NULL; at = strstr(at + strlen(PEM_BEGIN), PEM_BEGIN)) {
        const char *next = strstr(at + strlen(PEM_BEGIN), PEM_BEGIN);
        g_autofree char *pem = next != NULL ? g_strndup(at, (gsize)(next - at)) : g_strdup(at);
        g_autofree char *hash = kl_seal_checks.fingerprint(pem, NULL);
        if (hash != NULL)
            g_strv_builder_add(hashes, hash);
    }
    return g_strv_builder_end(hashes);
}

gboolean
kl_station_recall(const char *dir, const KlRecallFilter *filter, KlRecallEach each, gpointer data, GError **error)
{
    g_autoptr(sqlite3) db = open_database(dir, error);
    return db != NULL && kl_database_exec(db, "PRAGMA cache_size = -262144; BEGIN", error) &&
           kl_recall(db, filter, chain_hashes, each, data, error);
}
