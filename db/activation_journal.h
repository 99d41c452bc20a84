/* What the journal is told of first boot (AUDIT-FORMAT.md: "activation", "credential"). On the store's thread, in the
 * transaction of what is told. AUDIT_BROKEN, STORE_*. */
#pragma once

#include <sqlite3.h>

#include "station/activation/table.h"

G_BEGIN_DECLS

/* So often, each verdict on a device's messages is told of; then when its count is a power of ten. */
#define KL_ACTIVATION_TOLD_FIRST 10
/* So often, a device's new version is told of each time: more often than a unit gets software in its life. */
#define KL_ACTIVATION_TOLD_VERSIONS 1000

/* Tells of a message that was kept, if it is one to be told of; total: how often its verdict was given by now; alarm:
 * it raises one that was not raised before. A change of the row's state, and an alarm, always are; one of its version,
 * one that only counts connections, and a refusal, by the rules above, so that nobody can fill the disk; a redelivery,
 * only when it changes the row. */
gboolean kl_activation_journal_message(sqlite3 *db, const KlActivationChange *change, gint64 total, gboolean alarm,
                                       GError **error);

/* Tells of the certificate that a device gets by its request. */
gboolean kl_activation_journal_credential(sqlite3 *db, const char *device, GBytes *csr, const char *pem,
                                          GError **error);

G_END_DECLS
