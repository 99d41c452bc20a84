/* Takes certificates that have ended out of AWS, wherever they are known there. */
#pragma once

#include "station/station_cloud.h"

G_BEGIN_DECLS

/* For the outbox: something of which only withdraw() and free() are there. Where a certificate is known says the
 * ledger, and for one from before that was kept, or one that was made known since, what the station is configured for.
 * One that is not in the ledger can be in AWS IoT Core only. All are borrowed and outlive it. */
KlSigner *kl_station_cleaner_new(KlAws *aws, const KlConfig *config, KlStore *store);

/* Takes a certificate out now, within that time, and settles its row of the outbox: sent, or tried once more. Who calls
 * it holds the station's lock (RUN), and no outbox is at work. Errors of kl_aws_call(). */
gboolean kl_station_take_out(const KlStation *station, const char *certificate_sha256, guint seconds, GError **error);

G_END_DECLS
