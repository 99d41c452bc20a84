#include "certs/signer_register.h"

#include "certs/cloud_signer.h"

typedef struct {
    KlCloudSigner cloud;
    KlSigner *inner;
    KlRegisterMode mode;
} RegisterSigner;

static KlSigner *
inner_of(KlSigner *base)
{
    return ((RegisterSigner *)base)->inner;
}

static gboolean
register_self_test(KlSigner *base, const KlProfile *profile, gint64 now, GError **error)
{
    KlSigner *inner = inner_of(base);
    return inner->klass->self_test(inner, profile, now, error);
}

static KlCertificate *
register_issue(KlSigner *base, const KlIssueRequest *request, KlOp *op, GError **error)
{
    KlSigner *inner = inner_of(base);
    KlCertificate *certificate =
        kl_cloud_check_thing(request->unit, error) ? inner->klass->issue(inner, request, op, error) : NULL;
    if (certificate != NULL)
        kl_certificate_add_place(certificate, KL_PLACE_IOT);
    return certificate;
}

static gboolean
register_lookup(KlSigner *base, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    KlSigner *inner = inner_of(base);
    if (!inner->klass->lookup(inner, request, found, op, error))
        return FALSE;
    if (*found != NULL)
        kl_certificate_add_place(*found, KL_PLACE_IOT);
    return TRUE;
}

static gboolean
register_enroll(KlSigner *base, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op,
                GError **error)
{
    RegisterSigner *signer = (RegisterSigner *)base;
    KlSigner *inner = signer->inner;
    KlCloud *cloud = signer->cloud.cloud;
    if (inner->klass->enroll != NULL && !inner->klass->enroll(inner, request, certificate, op, error))
        return FALSE;
    return kl_cloud_register(cloud, certificate, signer->mode == KL_REGISTER_CA, op, error) &&
           kl_cloud_enroll(cloud, request, certificate->sha256, op, error);
}

static void
register_free(KlSigner *base)
{
    RegisterSigner *signer = (RegisterSigner *)base;
    signer->inner->klass->free(signer->inner);
    kl_cloud_free(signer->cloud.cloud);
    g_free(signer);
}

static const KlSignerClass klass = {
    .id = "register",
    .place = KL_PLACE_IOT,
    .self_test = register_self_test,
    .issue = register_issue,
    .lookup = register_lookup,
    .enroll = register_enroll,
    .activate = kl_cloud_signer_activate,
    .check = kl_cloud_signer_check,
    .endpoint = kl_cloud_signer_endpoint,
    .free = register_free,
};

KlSigner *
kl_signer_register_new(KlSigner *inner, KlAws *aws, const char *policy, KlRegisterMode mode, gboolean in_field)
{
    RegisterSigner *signer = g_new0(RegisterSigner, 1);
    signer->cloud.base.klass = &klass;
    signer->cloud.base.parallel = inner->parallel;
    signer->cloud.cloud = kl_cloud_new(aws, policy);
    if (in_field)
        kl_cloud_set_in_field(signer->cloud.cloud);
    signer->inner = inner;
    signer->mode = mode;
    return &signer->cloud.base;
}
