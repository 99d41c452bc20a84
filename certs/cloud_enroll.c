/* How a certificate becomes a unit's: registered, with its policy and its thing. */
#include <string.h>

#include "certs/cloud_internal.h"
#include "certs/cloud_pem.h"
#include "station/net/retry.h"

#define IMEI_ATTRIBUTE "imei"

/* How often what has just been made is looked for, with pauses of APPEARING_MS, doubled each time: 3.75 s in all. */
#define APPEARING_TRIES 4
#define APPEARING_MS 250

/* An answer that says "there is one already" names it: is it this one? */
static gboolean
is_known_already(const KlAwsAnswer *answer, const KlCertificate *certificate, GError **failure)
{
    if (!g_error_matches(*failure, KL_ERROR, KL_ERROR_CLOUD_CONFLICT) ||
        g_strcmp0(kl_aws_answer_text(answer, "resourceId"), certificate->sha256) != 0)
        return FALSE;
    g_clear_error(failure);
    return TRUE;
}

/* Whoever has stopped it, or whose time is up, learns that from the call that comes next. */
gboolean
kl_cloud_may_appear(const GError *failure, guint tried, KlOp *op)
{
    if (!g_error_matches(failure, KL_ERROR, KL_ERROR_CLOUD_MISSING) &&
        !g_error_matches(failure, KL_ERROR, KL_ERROR_PROVISIONED_BROKEN))
        return FALSE;
    if (tried >= APPEARING_TRIES)
        return FALSE;
    kl_pause(op, (gint64)APPEARING_MS * 1000 << tried, NULL);
    return TRUE;
}

gboolean
kl_cloud_register(KlCloud *cloud, const KlCertificate *certificate, gboolean with_ca, KlOp *op, GError **error)
{
    g_autofree char *pem = kl_certificate_pem(certificate);
    g_autofree char *ca_pem = with_ca ? kl_cloud_first_pem(certificate->chain_pem, error) : NULL;
    if (with_ca && ca_pem == NULL)
        return FALSE;
    const KlPair body[] = {
        {"certificatePem", pem},
        {"status", "INACTIVE"},
        {with_ca ? "caCertificatePem" : NULL, ca_pem},
        {NULL, NULL},
    };
    const KlCloudCall call = {
        .operation = with_ca ? KL_AWS_REGISTER_CERTIFICATE : KL_AWS_REGISTER_CERTIFICATE_WITHOUT_CA,
        .path = with_ca ? "/certificate/register" : "/certificate/register-no-ca",
        .body = body,
    };
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_call(cloud, &call, op, &answer, &failure))
        return kl_cloud_learn_arn(cloud, kl_aws_answer_text(&answer, "certificateArn"), certificate->sha256, error);
    if (is_known_already(&answer, certificate, &failure))
        return TRUE;
    if (g_strcmp0(answer.error_name, "CertificateValidationException") == 0)
        g_prefix_error(&failure, "is the CA registered (keyline ca register-aws)? ");
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
attach_policy(KlCloud *cloud, const char *policy, const char *id, const char *arn, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("target-policies", policy, NULL);
    const KlPair body[] = {{"target", arn}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_ATTACH_POLICY, .path = path, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_call(cloud, &call, op, &answer, &failure))
        return TRUE;
    /* Either may be what is missing: the policy for all units, or this unit's certificate. */
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_CLOUD_MISSING) && !kl_cloud_is_there(cloud, id, op, error))
        return FALSE;
    g_prefix_error(&failure, "policy %s: ", policy);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The thing is there with other attributes than a new one gets. That is fine while it says of itself that it is this
 * unit (people and fleet tools add attributes), or when nothing but its name is known of the unit. */
static gboolean
is_our_thing(KlCloud *cloud, const char *path, const KlUnit *unit, KlOp *op, GError **error)
{
    const KlCloudCall call = {.operation = KL_AWS_DESCRIBE_THING, .path = path};
    g_auto(KlAwsAnswer) answer = {0};
    if (unit->imei == NULL)
        return TRUE;
    if (!kl_cloud_call(cloud, &call, op, &answer, error))
        return FALSE;
    const char *imei = kl_aws_answer_text(&answer, "attributes." IMEI_ATTRIBUTE);
    if (g_strcmp0(imei, unit->imei) == 0)
        return TRUE;
    return kl_fail(error, KL_ERROR_CLOUD_CONFLICT, "there is a thing %s already, for IMEI %s, not %s", unit->device_id,
                   imei != NULL ? imei : "unknown", unit->imei);
}

static void
add_attributes(JsonBuilder *builder, const KlUnit *unit)
{
    json_builder_set_member_name(builder, "attributePayload");
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "attributes");
    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, IMEI_ATTRIBUTE);
    json_builder_add_string_value(builder, unit->imei);
    json_builder_end_object(builder);
    json_builder_end_object(builder);
}

static gboolean
create_thing(KlCloud *cloud, const char *path, const KlUnit *unit, KlOp *op, GError **error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    if (unit->imei != NULL)
        add_attributes(builder, unit);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) body = json_builder_get_root(builder);
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_send(cloud, KL_AWS_CREATE_THING, path, body, op, &answer, &failure))
        return TRUE;
    if (kl_cloud_forgive(&failure, KL_ERROR_CLOUD_CONFLICT))
        return is_our_thing(cloud, path, unit, op, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
attach_thing(KlCloud *cloud, const char *path, const char *arn, KlOp *op, GError **error)
{
    const KlPair headers[] = {{"x-amzn-principal", arn}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_ATTACH_THING_PRINCIPAL, .path = path, .headers = headers};
    g_auto(KlAwsAnswer) answer = {0};
    return kl_cloud_call(cloud, &call, op, &answer, error);
}

typedef struct {
    KlCloud *cloud;
    const char *arn; /* of the certificate that stays */
    KlOp *op;
} Others;

/* Sets a certificate that is attached to the same thing INACTIVE when it is ACTIVE. */
static gboolean
stop_other(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    const Others *others = data;
    const char *arn = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;
    const char *id = arn != NULL ? strrchr(arn, '/') : NULL;
    /* Principals may also be people or roles, which are nobody's certificate. */
    if (id == NULL || strstr(arn, ":cert/") == NULL || strcmp(arn, others->arn) == 0)
        return TRUE;
    g_autoptr(GError) failure = NULL;
    g_autofree char *status = kl_cloud_status(others->cloud, id + 1, others->op, &failure);
    if (status != NULL && strcmp(status, "ACTIVE") == 0)
        kl_cloud_set_status(others->cloud, id + 1, "INACTIVE", others->op, &failure);
    if (failure == NULL || kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
stop_others(KlCloud *cloud, const char *path, const char *arn, KlOp *op, GError **error)
{
    Others others = {cloud, arn, op};
    const KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_THING_PRINCIPALS, .path = path},
        .mark = "nextToken",
        .next = "nextToken",
        .list = "principals",
        .each = stop_other,
        .data = &others,
    };
    return kl_cloud_list(cloud, &list, op, error);
}

static gboolean
bind_certificate(KlCloud *cloud, const KlIssueRequest *request, const char *id, KlOp *op, GError **error)
{
    const KlUnit *unit = request->unit;
    const char *policy = kl_cloud_policy(cloud) != NULL ? kl_cloud_policy(cloud) : request->profile->policy;
    g_autofree char *arn = kl_cloud_arn(cloud, id, op, error);
    if (arn == NULL)
        return kl_cloud_blame_unit(id, error);
    g_autofree char *thing = kl_uri_path("things", unit->device_id, NULL);
    g_autofree char *principals = kl_uri_path("things", unit->device_id, "principals", NULL);
    return attach_policy(cloud, policy, id, arn, op, error) && create_thing(cloud, thing, unit, op, error) &&
           attach_thing(cloud, principals, arn, op, error) &&
           (kl_cloud_is_in_field(cloud) || stop_others(cloud, principals, arn, op, error));
}

gboolean
kl_cloud_enroll(KlCloud *cloud, const KlIssueRequest *request, const char *id, KlOp *op, GError **error)
{
    if (!kl_cloud_check_thing(request->unit, error))
        return FALSE;
    for (guint tried = 0;; tried++) {
        g_autoptr(GError) failure = NULL;
        if (bind_certificate(cloud, request, id, op, &failure))
            return TRUE;
        if (!kl_cloud_may_appear(failure, tried, op)) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
}
