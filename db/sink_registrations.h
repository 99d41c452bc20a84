/* Many rows of DynamoDB's registration table at once. */
#pragma once

#include "station/net/aws.h"
#include "station/sink.h"

G_BEGIN_DECLS

/* KlSinkClass.registrations on that table. CLOUD_GARBLED: the answer is not one to this question. CLOUD_THROTTLED: the
 * table gives no more of them out for now. Whatever kl_aws_call() fails with. */
gboolean kl_sink_registrations(KlAws *aws, const char *table, const char *const *devices, guint n_devices,
                               GPtrArray *rows, KlOp *op, GError **error);

G_END_DECLS
