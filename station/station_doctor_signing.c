/* The doctor looks at what signs and knows the units' certificates in the cloud: policy, CA, endpoint, permissions. */
#include <libintl.h>
#include <string.h>

#include "station/i18n.h"
#include "station/station_doctor_aws.h"

#define CA_WARN_DAYS 90
#define SECONDS_PER_DAY (24 * 60 * 60)
/* What a policy has in it that binds a unit to its own thing. */
#define OWN_THING "${iot:Connection.Thing.ThingName}"
#define DATA_ENDPOINT "iot:Data-ATS"

/* Names that nothing has: a certificate's id is the SHA-256 of something. */
#define NO_THING "keyline-doctor-none"
static const char no_certificate[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* --- endpoint and policy --- */

static void
check_endpoint(KlAwsLook *look)
{
    const KlPair query[] = {{"endpointType", DATA_ENDPOINT}, {NULL, NULL}};
    const KlAwsCall call = {.operation = KL_AWS_DESCRIBE_ENDPOINT, .path = "/endpoint", .query = query};
    g_auto(KlAwsAnswer) answer = {0};
    GError *error = NULL;
    if (!kl_aws_look_call(look, &call, &answer, &error)) {
        kl_doctor_bad(look->doctor, N_("AWS endpoint"), error);
        return;
    }
    const char *address = kl_aws_answer_text(&answer, "endpointAddress");
    kl_doctor_good(look->doctor, N_("AWS endpoint"), NULL, "%s", address != NULL ? address : "?");
}

const char *
kl_aws_look_policy(const KlAwsLook *look)
{
    const KlProfile *profile = look->doctor->profile;
    const char *policy = look->doctor->config->aws.policy;
    return policy != NULL ? policy : profile != NULL ? profile->policy : NULL;
}

static void
check_policy(KlAwsLook *look)
{
    const char *policy = kl_aws_look_policy(look);
    if (policy == NULL || look->hopeless)
        return;
    g_autofree char *path = kl_uri_path("policies", policy, NULL);
    const KlAwsCall call = {.operation = KL_AWS_GET_POLICY, .path = path};
    g_auto(KlAwsAnswer) answer = {0};
    GError *error = NULL;
    if (!kl_aws_look_call(look, &call, &answer, &error)) {
        if (kl_error_code(error) == KL_ERROR_CLOUD_MISSING)
            kl_doctor_bad_but(look->doctor, N_("Device policy"), error,
                              N_("Make it from packaging/aws/station.yaml, or name another one in station.conf or in "
                                 "the product."));
        else
            kl_doctor_bad(look->doctor, N_("Device policy"), error);
        return;
    }
    const char *document = kl_aws_answer_text(&answer, "policyDocument");
    if (document != NULL && strstr(document, OWN_THING) != NULL)
        kl_doctor_good(look->doctor, N_("Device policy"), NULL, N_("%s keeps each unit to its own topics"), policy);
    else
        kl_doctor_good(look->doctor, N_("Device policy"), N_("Use the device policy of packaging/aws/station.yaml."),
                       N_("%s lets a unit use the topics of others"), policy);
}

/* --- who signs --- */

static void
check_registered_ca(KlAwsLook *look)
{
    GError *error = NULL;
    g_autoptr(KlCertificate) ca = kl_station_ca_certificate(look->doctor->dir, &error);
    if (ca == NULL) {
        g_error_free(error); /* told by the CA's own line */
        return;
    }
    g_autofree char *path = kl_uri_path("cacertificate", ca->sha256, NULL);
    const KlAwsCall call = {.operation = KL_AWS_DESCRIBE_CA_CERTIFICATE, .path = path};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_aws_look_call(look, &call, &answer, &error)) {
        if (kl_error_code(error) == KL_ERROR_CLOUD_MISSING)
            kl_doctor_bad_but(look->doctor, N_("Registered CA"), error, N_("Run keyline ca register-aws."));
        else
            kl_doctor_bad(look->doctor, N_("Registered CA"), error);
        return;
    }
    const char *status = kl_aws_answer_text(&answer, "certificateDescription.status");
    if (g_strcmp0(status, "ACTIVE") == 0)
        kl_doctor_good(look->doctor, N_("Registered CA"), NULL, N_("active in AWS IoT Core"));
    else
        kl_doctor_wrong(look->doctor, N_("Registered CA"), N_("Run keyline ca register-aws."),
                        N_("its status in AWS IoT Core is %s"), status != NULL ? status : "?");
}

/* A time of DynamoDB's and ACM's JSON: seconds since 1970, with a fraction or without; 0: none. */
static gint64
read_time(const KlAwsAnswer *answer, const char *member)
{
    JsonObject *body = answer->body != NULL ? json_node_get_object(answer->body) : NULL;
    JsonNode *ca = body != NULL ? json_object_get_member(body, "CertificateAuthority") : NULL;
    JsonNode *node =
        ca != NULL && JSON_NODE_HOLDS_OBJECT(ca) ? json_object_get_member(json_node_get_object(ca), member) : NULL;
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node))
        return 0;
    double seconds = json_node_get_double(node);
    return seconds > 0 && seconds < 1e12 ? (gint64)seconds : 0;
}

static void
tell_private_ca(KlAwsLook *look, gint64 not_after)
{
    gint64 days = (not_after - g_get_real_time() / G_USEC_PER_SEC) / SECONDS_PER_DAY;
    guint margin = look->doctor->profile != NULL ? look->doctor->profile->ca_margin_days : 0;
    GError *error = NULL;
    if (days < margin) {
        kl_fail(&error, KL_ERROR_CA_EXPIRED, "%" G_GINT64_FORMAT " days left, the product needs %u", days, margin);
        kl_doctor_bad(look->doctor, N_("Private CA"), error);
        return;
    }
    kl_doctor_good(look->doctor, N_("Private CA"),
                   days < CA_WARN_DAYS ? N_("Prepare a new CA before this one ends.") : NULL,
                   ngettext("active, valid for %d day", "active, valid for %d days", (gulong)days), (int)days);
}

/* {"CertificateAuthorityArn": ...} */
static JsonNode *
name_private_ca(const KlAwsLook *look)
{
    const char *arn = look->doctor->config->aws.pca_arn;
    JsonNode *body = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(body, json_object_new());
    json_object_set_string_member(json_node_get_object(body), "CertificateAuthorityArn", arn != NULL ? arn : "");
    return body;
}

static void
try_private_ca(KlAwsLook *look)
{
    static const KlAwsOperationId operations[] = {KL_AWS_PCA_GET_CA_CERTIFICATE, KL_AWS_PCA_GET_CERTIFICATE};
    g_autofree char *none = g_strdup_printf("%s/certificate/%.32s", look->doctor->config->aws.pca_arn, no_certificate);
    for (guint i = 0; i < G_N_ELEMENTS(operations) && !look->hopeless; i++) {
        g_autofree char *name = g_strdup_printf("acm-pca:%s", kl_aws_operation(operations[i])->name);
        g_autoptr(JsonNode) body = name_private_ca(look);
        if (operations[i] == KL_AWS_PCA_GET_CERTIFICATE)
            json_object_set_string_member(json_node_get_object(body), "CertificateArn", none);
        const KlAwsCall call = {.operation = operations[i], .body = body};
        g_auto(KlAwsAnswer) answer = {0};
        GError *error = NULL;
        kl_aws_look_call(look, &call, &answer, &error);
        kl_aws_look_permission(look, name, FALSE, error);
    }
    kl_aws_look_untried(look, "acm-pca:IssueCertificate");
}

static void
check_private_ca(KlAwsLook *look)
{
    g_autoptr(JsonNode) body = name_private_ca(look);
    const KlAwsCall call = {.operation = KL_AWS_PCA_DESCRIBE, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    GError *error = NULL;
    if (!kl_aws_look_call(look, &call, &answer, &error)) {
        kl_doctor_bad(look->doctor, N_("Private CA"), error);
        return;
    }
    try_private_ca(look);
    const char *status = kl_aws_answer_text(&answer, "CertificateAuthority.Status");
    if (g_strcmp0(status, "ACTIVE") == 0)
        tell_private_ca(look, read_time(&answer, "NotAfter"));
    else
        kl_doctor_wrong(look->doctor, N_("Private CA"), N_("Look at the CA in the console of AWS Private CA."),
                        N_("its status is %s"), status != NULL ? status : "?");
}

/* --- permissions --- */

/* Calls about things and certificates that are not there. */
static void
try_permissions(KlAwsLook *look, const char *policy)
{
    g_autofree char *arn = g_strdup_printf("%scert/%s", look->account, no_certificate);
    g_autofree char *certificate = kl_uri_path("certificates", no_certificate, NULL);
    g_autofree char *thing = kl_uri_path("things", NO_THING, NULL);
    g_autofree char *principals = kl_uri_path("things", NO_THING, "principals", NULL);
    g_autofree char *target = kl_uri_path("target-policies", policy, NULL);
    g_autofree char *attached = kl_uri_path("attached-policies", arn, NULL);
    const KlPair one[] = {{"pageSize", "1"}, {NULL, NULL}}, inactive[] = {{"newStatus", "INACTIVE"}, {NULL, NULL}};
    const KlPair principal[] = {{"x-amzn-principal", arn}, {NULL, NULL}};
    g_autoptr(JsonNode) body = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(body, json_object_new());
    json_object_set_string_member(json_node_get_object(body), "target", arn);
    const struct {
        KlAwsCall call;
        gboolean clean_up;
    } table[] = {
        {{KL_AWS_LIST_CERTIFICATES, "/certificates", one}, FALSE},
        {{KL_AWS_DESCRIBE_CERTIFICATE, certificate}, FALSE},
        {{KL_AWS_UPDATE_CERTIFICATE, certificate, inactive}, FALSE},
        {{KL_AWS_DESCRIBE_THING, thing}, FALSE},
        {{KL_AWS_LIST_THING_PRINCIPALS, principals}, FALSE},
        {{KL_AWS_ATTACH_POLICY, target, NULL, NULL, body}, FALSE},
        {{KL_AWS_ATTACH_THING_PRINCIPAL, principals, NULL, principal}, FALSE},
        {{KL_AWS_LIST_ATTACHED_POLICIES, attached}, FALSE},
        {{KL_AWS_LIST_PRINCIPAL_THINGS, "/principals/things", NULL, principal}, TRUE},
        {{KL_AWS_DETACH_POLICY, target, NULL, NULL, body}, TRUE},
        {{KL_AWS_DETACH_THING_PRINCIPAL, principals, NULL, principal}, TRUE},
        {{KL_AWS_DELETE_CERTIFICATE, certificate}, TRUE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table) && !look->hopeless; i++) {
        g_autofree char *name = g_strdup_printf("iot:%s", kl_aws_operation(table[i].call.operation)->name);
        g_auto(KlAwsAnswer) answer = {0};
        GError *error = NULL;
        kl_aws_look_call(look, &table[i].call, &answer, &error);
        kl_aws_look_permission(look, name, table[i].clean_up, error);
    }
}

void
kl_aws_look_at_signing(KlAwsLook *look)
{
    const KlConfig *config = look->doctor->config;
    gboolean known_there = config->signer != KL_SIGNER_PCA || config->aws.register_mode != KL_REGISTER_NO;
    if (config->signer == KL_SIGNER_PCA)
        check_private_ca(look);
    if (config->signer == KL_SIGNER_REGISTER && config->aws.register_mode == KL_REGISTER_CA)
        check_registered_ca(look);
    if (!known_there || look->hopeless)
        return;
    check_endpoint(look);
    check_policy(look);
    const char *policy = kl_aws_look_policy(look);
    if (policy != NULL && look->account != NULL && !look->hopeless)
        try_permissions(look, policy);
    kl_aws_look_untried(look, config->signer == KL_SIGNER_IOT                       ? "iot:CreateCertificateFromCsr"
                              : config->aws.register_mode == KL_REGISTER_WITHOUT_CA ? "iot:RegisterCertificateWithoutCA"
                                                                                    : "iot:RegisterCertificate");
    kl_aws_look_untried(look, "iot:CreateThing");
}
