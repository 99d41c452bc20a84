#include "certs/signer_iot.h"

#include <string.h>

#include "certs/cloud_internal.h"
#include "certs/cloud_pem.h"
#include "certs/cloud_signer.h"

typedef struct {
    KlCloudSigner cloud;
    char *chain_pem; /* "": unknown */
} IotSigner;

/* Nobody is asked here: whether AWS can be reached and lets the station do this is the doctor's question. */
static gboolean
iot_self_test(KlSigner *base, const KlProfile *profile, gint64 now, GError **error)
{
    return kl_cloud_check_subject(profile, error);
}

/* The certificate in an answer, which has to be the one that was asked for. What does not fit was made all the same,
 * and has to be looked for. */
static KlCertificate *
take(const IotSigner *signer, const KlAwsAnswer *answer, const KlIssueRequest *request, GError **error)
{
    g_autoptr(GError) failure = NULL;
    const char *id = kl_aws_answer_text(answer, "certificateId");
    const char *pem = kl_aws_answer_text(answer, "certificatePem");
    g_autoptr(KlCertificate) certificate = kl_cloud_certificate(pem, signer->chain_pem, &failure);
    if (certificate == NULL)
        kl_fail(error, KL_ERROR_CLOUD_IN_DOUBT, "AWS iot CreateCertificateFromCsr: %s", failure->message);
    else if (g_strcmp0(id, certificate->sha256) != 0)
        kl_fail(error, KL_ERROR_CLOUD_IN_DOUBT, "AWS iot CreateCertificateFromCsr: certificate %s came as another id",
                certificate->sha256);
    else if (strcmp(certificate->spki_sha256, request->csr->spki_sha256) != 0)
        kl_fail(error, KL_ERROR_ISSUED_WRONG, "AWS made certificate %s for key %s, not %s", certificate->sha256,
                certificate->spki_sha256, request->csr->spki_sha256);
    else
        return g_steal_pointer(&certificate);
    return NULL;
}

static KlCertificate *
iot_issue(KlSigner *base, const KlIssueRequest *request, KlOp *op, GError **error)
{
    IotSigner *signer = (IotSigner *)base;
    if (!kl_cloud_check_thing(request->unit, error) || !kl_cloud_check_subject(request->profile, error))
        return NULL;
    g_autofree char *pem = kl_cloud_request_pem(request->csr->der);
    const KlPair query[] = {{"setAsActive", "false"}, {NULL, NULL}};
    const KlPair body[] = {{"certificateSigningRequest", pem}, {NULL, NULL}};
    const KlCloudCall call = {
        .operation = KL_AWS_CREATE_CERTIFICATE_FROM_CSR, .path = "/certificates", .query = query, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_call(signer->cloud.cloud, &call, op, &answer, error))
        return NULL;
    g_autoptr(KlCertificate) certificate = take(signer, &answer, request, error);
    if (certificate == NULL)
        return NULL;
    /* Saves asking for it; without it nothing is lost. */
    kl_cloud_learn_arn(signer->cloud.cloud, kl_aws_answer_text(&answer, "certificateArn"), certificate->sha256, NULL);
    kl_certificate_add_place(certificate, KL_PLACE_IOT);
    return g_steal_pointer(&certificate);
}

/* Certificates that were made for the same key as the one that is adopted. They are INACTIVE and attached to nothing:
 * where taking out is another role's business than the station's, they may wait for that. */
static gboolean
take_surplus_out(KlCloud *cloud, const GPtrArray *matches, KlOp *op, GError **error)
{
    for (guint i = 1; i < matches->len; i++) {
        const KlCertificate *surplus = g_ptr_array_index(matches, i);
        g_autoptr(GError) failure = NULL;
        g_message("certificate %s was made for the same key as well; it is taken out", surplus->sha256);
        if (kl_cloud_withdraw(cloud, surplus->sha256, op, &failure) ||
            kl_cloud_forgive(&failure, KL_ERROR_CLOUD_DENIED))
            continue;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

/* What an earlier attempt may have made, the best first. In the field it may have been ACTIVE, too, before that attempt
 * was broken off: by then it was attached to the unit's thing. */
static GPtrArray *
find_matches(KlCloud *cloud, const KlIssueRequest *request, KlOp *op, GError **error)
{
    const char *key = request->csr->spki_sha256;
    if (kl_cloud_is_in_field(cloud)) {
        g_autoptr(GPtrArray) attached =
            kl_cloud_find_attached(cloud, request->unit->device_id, key, request->since, op, error);
        if (attached == NULL || attached->len > 0)
            return g_steal_pointer(&attached);
    }
    return kl_cloud_find(cloud, key, request->since, op, error);
}

static gboolean
iot_lookup(KlSigner *base, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    IotSigner *signer = (IotSigner *)base;
    KlCloud *cloud = signer->cloud.cloud;
    *found = NULL;
    g_autoptr(GPtrArray) matches = find_matches(cloud, request, op, error);
    if (matches == NULL || (!kl_cloud_is_in_field(cloud) && !take_surplus_out(cloud, matches, op, error)))
        return FALSE;
    if (matches->len == 0)
        return TRUE;
    *found = kl_certificate_copy(g_ptr_array_index(matches, 0));
    (*found)->chain_pem = g_strdup(signer->chain_pem);
    kl_certificate_add_place(*found, KL_PLACE_IOT);
    return TRUE;
}

static gboolean
iot_enroll(KlSigner *base, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error)
{
    return kl_cloud_enroll(((IotSigner *)base)->cloud.cloud, request, certificate->sha256, op, error);
}

static void
iot_free(KlSigner *base)
{
    IotSigner *signer = (IotSigner *)base;
    kl_cloud_free(signer->cloud.cloud);
    g_free(signer->chain_pem);
    g_free(signer);
}

static const KlSignerClass klass = {
    .id = "iot",
    .place = KL_PLACE_IOT,
    .self_test = iot_self_test,
    .issue = iot_issue,
    .lookup = iot_lookup,
    .enroll = iot_enroll,
    .activate = kl_cloud_signer_activate,
    .check = kl_cloud_signer_check,
    .endpoint = kl_cloud_signer_endpoint,
    .free = iot_free,
};

KlSigner *
kl_signer_iot_new(const KlSignerIotOptions *options)
{
    IotSigner *signer = g_new0(IotSigner, 1);
    signer->cloud.base.klass = &klass;
    signer->cloud.cloud = kl_cloud_new(options->aws, options->policy);
    if (options->page != 0)
        kl_cloud_set_page(signer->cloud.cloud, options->page);
    if (options->in_field)
        kl_cloud_set_in_field(signer->cloud.cloud);
    signer->chain_pem = g_strdup(options->issuer_pem != NULL ? options->issuer_pem : "");
    return &signer->cloud.base;
}
