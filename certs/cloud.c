#include "certs/cloud.h"

#include <pthread.h>
#include <string.h>

#include "certs/cloud_internal.h"

#define PAGE_MOST 250
/* AWS IoT: names of things. */
#define THING_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ":_-"
#define THING_LONGEST 128
#define HOST_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-"
#define HOST_LONGEST 253

struct KlCloud {
    KlAws *aws;
    char *policy;
    guint page;
    gboolean in_field;
    pthread_mutex_t mutex; /* guards what follows */
    char *arn_prefix;      /* "arn:aws:iot:REGION:ACCOUNT:cert/"; NULL until one was seen */
    char *endpoint;        /* NULL until it was asked for */
};

KlCloud *
kl_cloud_new(KlAws *aws, const char *policy)
{
    KlCloud *cloud = g_new0(KlCloud, 1);
    cloud->aws = aws;
    cloud->policy = g_strdup(policy);
    cloud->page = PAGE_MOST;
    pthread_mutex_init(&cloud->mutex, NULL);
    return cloud;
}

void
kl_cloud_free(KlCloud *cloud)
{
    if (cloud == NULL)
        return;
    pthread_mutex_destroy(&cloud->mutex);
    g_free(cloud->policy);
    g_free(cloud->arn_prefix);
    g_free(cloud->endpoint);
    g_free(cloud);
}

void
kl_cloud_set_page(KlCloud *cloud, guint page)
{
    cloud->page = page;
}

void
kl_cloud_set_in_field(KlCloud *cloud)
{
    cloud->in_field = TRUE;
}

gboolean
kl_cloud_is_in_field(const KlCloud *cloud)
{
    return cloud->in_field;
}

guint
kl_cloud_page(const KlCloud *cloud)
{
    return cloud->page;
}

const char *
kl_cloud_policy(const KlCloud *cloud)
{
    return cloud->policy;
}

gboolean
kl_cloud_check_thing(const KlUnit *unit, GError **error)
{
    const char *name = unit->device_id;
    gsize length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length > THING_LONGEST || name[strspn(name, THING_CHARACTERS)] != '\0')
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "device id \"%s\" can't name a thing of AWS IoT: 1 to %d of A-Z a-z 0-9 : _ -",
                       name != NULL ? name : "", THING_LONGEST);
    return TRUE;
}

gboolean
kl_cloud_check_subject(const KlProfile *profile, GError **error)
{
    if (g_strcmp0(profile->subject, "CN={device_id}") != 0)
        return kl_fail(error, KL_ERROR_CONFIG_INVALID,
                       "product %s: [certificate] subject=%s: AWS takes the unit's request as it is, so it has to be "
                       "CN={device_id}",
                       profile->name, profile->subject);
    return TRUE;
}

static JsonNode *
write_body(const KlPair *pairs)
{
    if (pairs == NULL)
        return NULL;
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    for (; pairs->name != NULL; pairs++) {
        json_builder_set_member_name(builder, pairs->name);
        json_builder_add_string_value(builder, pairs->value);
    }
    json_builder_end_object(builder);
    return json_builder_get_root(builder);
}

gboolean
kl_cloud_call(KlCloud *cloud, const KlCloudCall *call, KlOp *op, KlAwsAnswer *answer, GError **error)
{
    g_autoptr(JsonNode) body = write_body(call->body);
    const KlAwsCall aws_call = {call->operation, call->path, call->query, call->headers, body, FALSE};
    return kl_aws_call(cloud->aws, &aws_call, op, answer, error);
}

gboolean
kl_cloud_send(KlCloud *cloud, KlAwsOperationId operation, const char *path, JsonNode *body, KlOp *op,
              KlAwsAnswer *answer, GError **error)
{
    const KlAwsCall call = {operation, path, NULL, NULL, body, FALSE};
    return kl_aws_call(cloud->aws, &call, op, answer, error);
}

gboolean
kl_cloud_forgive(GError **failure, KlErrorCode code)
{
    if (!g_error_matches(*failure, KL_ERROR, code))
        return FALSE;
    g_clear_error(failure);
    return TRUE;
}

gboolean
kl_cloud_learn_arn(KlCloud *cloud, const char *arn, const char *id, GError **error)
{
    gsize length = arn != NULL ? strlen(arn) : 0;
    gsize tail = strlen(id);
    if (length <= tail || !g_str_has_prefix(arn, "arn:") || arn[length - tail - 1] != '/' || !g_str_has_suffix(arn, id))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "certificate %s has no ARN that fits", id);
    pthread_mutex_lock(&cloud->mutex);
    g_free(cloud->arn_prefix);
    cloud->arn_prefix = g_strndup(arn, length - tail);
    pthread_mutex_unlock(&cloud->mutex);
    return TRUE;
}

gboolean
kl_cloud_describe(KlCloud *cloud, const char *id, KlOp *op, KlAwsAnswer *answer, GError **error)
{
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    const KlCloudCall call = {.operation = KL_AWS_DESCRIBE_CERTIFICATE, .path = path};
    return kl_cloud_call(cloud, &call, op, answer, error) &&
           kl_cloud_learn_arn(cloud, kl_aws_answer_text(answer, "certificateDescription.certificateArn"), id, error);
}

char *
kl_cloud_arn(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    pthread_mutex_lock(&cloud->mutex);
    char *arn = cloud->arn_prefix != NULL ? g_strconcat(cloud->arn_prefix, id, NULL) : NULL;
    pthread_mutex_unlock(&cloud->mutex);
    if (arn != NULL)
        return arn;
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_describe(cloud, id, op, &answer, error))
        return NULL;
    return g_strdup(kl_aws_answer_text(&answer, "certificateDescription.certificateArn"));
}

static char *
ask_endpoint(KlCloud *cloud, KlOp *op, GError **error)
{
    const KlPair query[] = {{"endpointType", "iot:Data-ATS"}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_DESCRIBE_ENDPOINT, .path = "/endpoint", .query = query};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_call(cloud, &call, op, &answer, error))
        return NULL;
    const char *host = kl_aws_answer_text(&answer, "endpointAddress");
    if (host == NULL || *host == '\0' || strlen(host) > HOST_LONGEST || host[strspn(host, HOST_CHARACTERS)] != '\0') {
        kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot DescribeEndpoint: the answer names no host");
        return NULL;
    }
    return g_strdup(host);
}

char *
kl_cloud_endpoint(KlCloud *cloud, KlOp *op, GError **error)
{
    pthread_mutex_lock(&cloud->mutex);
    char *known = g_strdup(cloud->endpoint);
    pthread_mutex_unlock(&cloud->mutex);
    if (known != NULL)
        return known;
    char *asked = ask_endpoint(cloud, op, error);
    if (asked == NULL)
        return NULL;
    pthread_mutex_lock(&cloud->mutex);
    g_free(cloud->endpoint);
    cloud->endpoint = g_strdup(asked);
    pthread_mutex_unlock(&cloud->mutex);
    return asked;
}
