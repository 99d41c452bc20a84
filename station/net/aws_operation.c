#include "station/net/aws_operation.h"

static const KlAwsOperation operations[KL_AWS_OPERATIONS] = {
#define KL_AWS_CALL(code, service, name, method, repeat, rate)                                                         \
    [KL_AWS_##code] = {name, KL_AWS_##service, method, KL_AWS_##repeat, rate},
#include "station/net/aws_operations.def"
#undef KL_AWS_CALL
};

static const KlAwsProtocol protocols[KL_AWS_SERVICES] = {
    [KL_AWS_IOT] = {"application/json", NULL, NULL, FALSE},
    [KL_AWS_IOT_DATA] = {"application/json", NULL, NULL, FALSE},
    [KL_AWS_DYNAMODB] = {"application/x-amz-json-1.0", "DynamoDB_20120810", NULL, FALSE},
    [KL_AWS_ACM_PCA] = {"application/x-amz-json-1.1", "ACMPrivateCA", NULL, FALSE},
    [KL_AWS_S3] = {"application/xml", NULL, NULL, TRUE},
    [KL_AWS_STS] = {"application/x-www-form-urlencoded; charset=utf-8", NULL, "Version=2011-06-15", FALSE},
};

const KlAwsOperation *
kl_aws_operation(KlAwsOperationId id)
{
    return &operations[id];
}

const KlAwsProtocol *
kl_aws_protocol(KlAwsServiceId service)
{
    return &protocols[service];
}
