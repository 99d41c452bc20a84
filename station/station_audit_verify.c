#include "station/station_audit_verify.h"

#include <string.h>

#include "certs/seal.h"
#include "db/audit_verify.h"
#include "station/error.h"
#include "station/station_private.h"

static gboolean
read_file(const char *path, char **text, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (path == NULL || g_file_get_contents(path, text, NULL, &local))
        return TRUE;
    return kl_fail(error, KL_ERROR_USAGE, "%s", local->message);
}

/* The last line, in place. */
static const char *
last_line(char *text)
{
    g_strchomp(text);
    char *end = strrchr(text, '\n');
    return end != NULL ? end + 1 : text;
}

KlAuditReport *
kl_station_audit_verify(const char *dir, const KlAuditVerifyRequest *request, GError **error)
{
    g_autofree char *certificate = NULL, *checkpoint = NULL, *own = NULL;
    if (!read_file(request->certificate_file, &certificate, error) ||
        !read_file(request->checkpoint_file, &checkpoint, error))
        return NULL;
    const KlAuditVerify options = {
        .checks = &kl_seal_checks,
        .certificate = certificate,
        .checkpoint = checkpoint != NULL ? last_line(checkpoint) : NULL,
    };
    if (request->path != NULL)
        return kl_audit_verify(request->path, &options, error);
    own = kl_station_database_path(dir);
    if (g_file_test(own, G_FILE_TEST_EXISTS))
        return kl_audit_verify_database(own, &options, error);
    kl_fail(error, KL_ERROR_STATION_MISSING, "there is no %s", own);
    return NULL;
}
