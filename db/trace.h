/* Finding a unit by any of its numbers, and telling its whole life. On a connection of its own, for reading. */
#pragma once

#include <sqlite3.h>

#include "station/trace.h"

G_BEGIN_DECLS

/* An identifier in the forms in which the tables have it: fingerprints and serial numbers in lower case and without
 * colons, FSNs in upper case. */
typedef struct {
    char *given;
    char *upper;
    char *lower;
    /* Sort behind all that begins with lower; lower itself when that is too short to stand for more: */
    char *last;      /* for ids of jobs and batches: 8 characters */
    char *last_hash; /* for hashes: 16, so that no number of a unit is taken for one */
} KlIdentifier;

void kl_identifier_init(KlIdentifier *identifier, const char *text);
void kl_identifier_clear(KlIdentifier *identifier);

/* KlTraceUnit array: the units that the identifier leads to, by their IMEI, FSN, device id, the SHA-256 (or its
 * beginning, >= 16 characters) or serial number of a certificate, the SHA-256 of a key, the id of a job or of a batch
 * (or its beginning, >= 8), or a scanned label; jobs that never knew their unit stand by themselves. RECORD_UNKNOWN for
 * none; STORE_*. */
GPtrArray *kl_trace_find(sqlite3 *db, const char *identifier, GError **error);

/* The same, with its life when it is one only. */
GPtrArray *kl_trace(sqlite3 *db, const char *identifier, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlIdentifier, kl_identifier_clear)

G_END_DECLS
