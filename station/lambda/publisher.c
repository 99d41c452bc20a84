#include "station/lambda/publisher.h"

#include "station/error.h"

struct KlPublisher {
    KlAws *aws;
    char *origin; /* NULL: not asked for yet, or configured */
};

KlPublisher *
kl_publisher_new(KlAws *aws)
{
    KlPublisher *publisher = g_new0(KlPublisher, 1);
    publisher->aws = aws;
    return publisher;
}

void
kl_publisher_free(KlPublisher *publisher)
{
    g_free(publisher->origin);
    g_free(publisher);
}

static gboolean
find_origin(KlPublisher *publisher, KlOp *op, GError **error)
{
    if (publisher->origin != NULL || kl_aws_config_endpoint_is_set(kl_aws_config(publisher->aws), KL_AWS_IOT_DATA))
        return TRUE;
    const KlPair query[] = {{"endpointType", "iot:Data-ATS"}, {NULL, NULL}};
    const KlAwsCall call = {.operation = KL_AWS_DESCRIBE_ENDPOINT, .path = "/endpoint", .query = query};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_aws_call(publisher->aws, &call, op, &answer, error))
        return FALSE;
    const char *address = kl_aws_answer_text(&answer, "endpointAddress");
    g_autofree char *url = g_strconcat("https://", address, NULL);
    publisher->origin = kl_origin_parse(url, KL_ORIGIN_SERVICE, NULL);
    return publisher->origin != NULL ||
           kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot DescribeEndpoint: no address of the data plane");
}

gboolean
kl_publisher_send(KlPublisher *publisher, GPtrArray *publications, KlOp *op, GError **error)
{
    const KlPair query[] = {{"qos", "1"}, {NULL, NULL}};
    if (publications->len > 0 && !find_origin(publisher, op, error))
        return FALSE;
    for (guint i = 0; i < publications->len; i++) {
        const KlPublication *publication = publications->pdata[i];
        g_autofree char *path = kl_uri_path("topics", publication->topic, NULL);
        const KlAwsCall call = {.operation = KL_AWS_IOT_DATA_PUBLISH,
                                .path = path,
                                .query = query,
                                .bytes = publication->payload,
                                .origin = publisher->origin};
        g_auto(KlAwsAnswer) answer = {0};
        if (!kl_aws_call(publisher->aws, &call, op, &answer, error))
            return FALSE;
    }
    return TRUE;
}
