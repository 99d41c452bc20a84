/* The calls that the station makes of AWS, as data. */
#pragma once

#include "station/net/aws_config.h"

G_BEGIN_DECLS

typedef enum {
#define KL_AWS_CALL(code, service, name, method, repeat, rate) KL_AWS_##code,
#include "station/net/aws_operations.def"
#undef KL_AWS_CALL
    KL_AWS_OPERATIONS
} KlAwsOperationId;

typedef enum { KL_AWS_SAFE, KL_AWS_ONCE } KlAwsRepeat;

typedef struct {
    const char *name; /* "CreateThing" */
    KlAwsServiceId service;
    const char *method;
    KlAwsRepeat repeat;
    guint rate; /* a second; 0: not limited by us */
} KlAwsOperation;

/* How a service wants its requests written. */
typedef struct {
    const char *content_type; /* of a body of JSON or a query's */
    const char *target;       /* X-Amz-Target is TARGET.OPERATION; NULL: the operation is told by method and path */
    const char *query;        /* the body of a query-protocol call is Action=OPERATION& and this; else NULL */
    gboolean bytes;           /* what an answer brings is bytes, and no document */
} KlAwsProtocol;

/* Static. */
const KlAwsOperation *kl_aws_operation(KlAwsOperationId id);
const KlAwsProtocol *kl_aws_protocol(KlAwsServiceId service);

G_END_DECLS
