/* Publishing through AWS IoT Core's data plane. Belongs to one thread. */
#pragma once

#include "station/activation/activation.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

typedef struct KlPublisher KlPublisher;

/* aws is borrowed and has to live longer. Where the account's data plane is, is what AWS_ENDPOINT_URL_IOT_DATA_PLANE
 * (or what stands for it, see aws_config.h) says; else it is asked for with the first publication, once. */
KlPublisher *kl_publisher_new(KlAws *aws);
void kl_publisher_free(KlPublisher *publisher);

/* Publishes all of them, in their order: QoS 1, not retained. An answer that is lost is asked for again, so that one
 * may come twice. Errors of kl_aws_call(): what is before the one that failed has been published. */
gboolean kl_publisher_send(KlPublisher *publisher, GPtrArray *publications, KlOp *op, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlPublisher, kl_publisher_free)

G_END_DECLS
