/* Tracing at the composition root's face: a unit's whole life, recalls. On a connection of their own, for reading: the
 * line works on. */
#pragma once

#include "station/trace.h"

G_BEGIN_DECLS

/* KlTraceUnit array: the units that an identifier leads to (IMEI, FSN, device id, certificate fingerprint or serial,
 * key hash, job or batch id, label), with its life when it is one only. RECORD_UNKNOWN, STORE_*, STATION_*. */
GPtrArray *kl_station_trace(const char *dir, const char *identifier, GError **error);

/* Calls each() for every certificate, and unit without one, that the filter means. RECORD_UNKNOWN, CERTIFICATE_UNKNOWN,
 * STORE_*, STATION_*. */
gboolean kl_station_recall(const char *dir, const KlRecallFilter *filter, KlRecallEach each, gpointer data,
                           GError **error);

G_END_DECLS
