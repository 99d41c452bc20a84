/* Checking a journal, an export or a proof: with or without a station. */
#pragma once

#include "station/audit_report.h"

G_BEGIN_DECLS

typedef struct {
    const char *path; /* a database, an export (folder or tar file) or a proof; NULL: this station's database */
    const char *checkpoint_file;  /* a checkpoint that was kept elsewhere: the last line of this file counts; or NULL */
    const char *certificate_file; /* PEM: the station's, from outside; or NULL */
} KlAuditVerifyRequest;

/* dir: the station folder, for a request without a path. Writes nothing, takes no lock. USAGE (a file of the request is
 * not what it should be), AUDIT_UNREADABLE, STATION_MISSING, STORE_*. */
KlAuditReport *kl_station_audit_verify(const char *dir, const KlAuditVerifyRequest *request, GError **error);

G_END_DECLS
