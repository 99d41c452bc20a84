#include "station/net/aws_verdict.h"

static const KlAwsVerdict of_loss[] = {
    [KL_HTTP_FINE] = {FALSE, KL_ERROR_INTERNAL, FALSE, FALSE},
    [KL_HTTP_BROKEN] = {FALSE, KL_ERROR_NET_DOWN, FALSE, TRUE},
    [KL_HTTP_UNTRUSTED] = {FALSE, KL_ERROR_CLOUD_UNTRUSTED, FALSE, FALSE},
    [KL_HTTP_TIMEOUT] = {FALSE, KL_ERROR_CLOUD_TIMEOUT, FALSE, TRUE},
    [KL_HTTP_STOPPED] = {FALSE, KL_ERROR_CANCELLED, FALSE, FALSE},
    [KL_HTTP_GARBLED] = {FALSE, KL_ERROR_CLOUD_GARBLED, FALSE, TRUE},
    [KL_HTTP_INVALID] = {FALSE, KL_ERROR_INTERNAL, FALSE, FALSE},
};

static const KlAwsVerdict of_answer[] = {
    [KL_AWS_DONE] = {TRUE, KL_ERROR_INTERNAL, FALSE, FALSE},
    [KL_AWS_GARBLED] = {FALSE, KL_ERROR_CLOUD_GARBLED, FALSE, TRUE},
    [KL_AWS_THROTTLED] = {FALSE, KL_ERROR_CLOUD_THROTTLED, TRUE, TRUE},
    [KL_AWS_NOT_YET] = {FALSE, KL_ERROR_CLOUD_TIMEOUT, TRUE, TRUE},
    [KL_AWS_TROUBLE] = {FALSE, KL_ERROR_CLOUD_UNAVAILABLE, FALSE, TRUE},
    [KL_AWS_EXPIRED] = {FALSE, KL_ERROR_CLOUD_CREDENTIALS, TRUE, TRUE},
    [KL_AWS_UNKNOWN_KEYS] = {FALSE, KL_ERROR_CLOUD_CREDENTIALS, TRUE, FALSE},
    [KL_AWS_SKEWED] = {FALSE, KL_ERROR_CLOUD_CLOCK, TRUE, FALSE},
    [KL_AWS_DENIED] = {FALSE, KL_ERROR_CLOUD_DENIED, TRUE, FALSE},
    [KL_AWS_LIMITED] = {FALSE, KL_ERROR_CLOUD_LIMIT, TRUE, FALSE},
    [KL_AWS_MISSING] = {FALSE, KL_ERROR_CLOUD_MISSING, TRUE, FALSE},
    [KL_AWS_CONFLICT] = {FALSE, KL_ERROR_CLOUD_CONFLICT, TRUE, FALSE},
    [KL_AWS_REFUSED] = {FALSE, KL_ERROR_CLOUD_REFUSED, TRUE, FALSE},
};

KlAwsVerdict
kl_aws_verdict_of_loss(KlHttpFate fate, KlHttpCause cause)
{
    KlAwsVerdict verdict = of_loss[cause];
    verdict.harmless = fate == KL_HTTP_NEVER_LEFT;
    if (verdict.harmless && cause == KL_HTTP_TIMEOUT)
        verdict.code = KL_ERROR_NET_DOWN; /* it was the connection that took too long */
    return verdict;
}

KlAwsVerdict
kl_aws_verdict_of_answer(KlAwsMeaning meaning)
{
    return of_answer[meaning];
}
