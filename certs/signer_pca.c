#include "certs/signer_pca.h"

#include <json-glib/json-glib.h>
#include <pthread.h>
#include <string.h>

#include "certs/certificate_der.h"
#include "certs/cloud.h"
#include "certs/cloud_pem.h"
#include "certs/cloud_signer.h"
#include "certs/digest.h"
#include "certs/file.h"
#include "certs/pca_note.h"
#include "station/net/retry.h"

#define SECONDS_PER_DAY 86400
#define TOKEN_LENGTH 36
#define TOKEN_MS 50000
#define POLL_US (250 * 1000)
/* How long the CA may take when the operation has no limit of its own. */
#define LONGEST_US (60 * G_USEC_PER_SEC)

typedef struct {
    KlSigner base;
    KlAws *aws;
    char *ca_arn, *template_arn;
    char *notes; /* folder */
    pthread_mutex_t mutex;
    char *anchors; /* guarded; NULL until they were asked for */
} PcaSigner;

/* What has to be known of the CA before it is asked. */
typedef struct {
    gint64 not_after;
    const char *algorithm;
} CaFacts;

static gboolean
call(PcaSigner *signer, KlAwsOperationId operation, JsonBuilder *builder, KlOp *op, KlAwsAnswer *answer, GError **error)
{
    json_builder_end_object(builder);
    g_autoptr(JsonNode) body = json_builder_get_root(builder);
    const KlAwsCall aws_call = {.operation = operation, .body = body};
    return kl_aws_call(signer->aws, &aws_call, op, answer, error);
}

static void
add_text(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, value);
}

/* A body that names the CA; call() ends it. */
static JsonBuilder *
begin_body(const PcaSigner *signer)
{
    JsonBuilder *builder = json_builder_new();
    json_builder_begin_object(builder);
    add_text(builder, "CertificateAuthorityArn", signer->ca_arn);
    return builder;
}

/* Several PEM texts as one, checked and without other text. */
static char *
join_pem(const char *first, const char *rest, GError **error)
{
    g_autofree char *both = g_strconcat(first != NULL ? first : "", "\n", rest != NULL ? rest : "", NULL);
    g_autoptr(KlX509Stack) stack = kl_x509_stack_parse(both, strlen(both), KL_ERROR_CLOUD_GARBLED, error);
    return stack != NULL ? kl_x509_stack_pem(stack) : NULL;
}

char *
kl_signer_pca_anchors(KlSigner *base, KlOp *op, GError **error)
{
    PcaSigner *signer = (PcaSigner *)base;
    pthread_mutex_lock(&signer->mutex);
    char *anchors = g_strdup(signer->anchors);
    pthread_mutex_unlock(&signer->mutex);
    if (anchors != NULL)
        return anchors;
    g_autoptr(JsonBuilder) body = begin_body(signer);
    g_auto(KlAwsAnswer) answer = {0};
    if (!call(signer, KL_AWS_PCA_GET_CA_CERTIFICATE, body, op, &answer, error))
        return NULL;
    anchors =
        join_pem(kl_aws_answer_text(&answer, "Certificate"), kl_aws_answer_text(&answer, "CertificateChain"), error);
    if (anchors == NULL)
        return NULL;
    pthread_mutex_lock(&signer->mutex);
    g_free(signer->anchors);
    signer->anchors = g_strdup(anchors);
    pthread_mutex_unlock(&signer->mutex);
    return anchors;
}

/* The signature that goes with the CA's key. */
static const char *
algorithm_of(X509 *ca)
{
    EVP_PKEY *key = X509_get0_pubkey(ca);
    int bits = key != NULL ? EVP_PKEY_get_bits(key) : 0;
    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        return bits > 384 ? "SHA512WITHECDSA" : bits > 256 ? "SHA384WITHECDSA" : "SHA256WITHECDSA";
    return "SHA256WITHRSA";
}

static gboolean
read_ca(PcaSigner *signer, const KlIssueRequest *request, CaFacts *facts, KlOp *op, GError **error)
{
    g_autofree char *anchors = kl_signer_pca_anchors(&signer->base, op, error);
    g_autoptr(KlX509Stack) stack =
        anchors != NULL ? kl_x509_stack_parse(anchors, strlen(anchors), KL_ERROR_CLOUD_GARBLED, error) : NULL;
    if (stack == NULL)
        return FALSE;
    X509 *ca = sk_X509_value(stack, 0);
    if (!kl_time_seconds(X509_get0_notAfter(ca), &facts->not_after))
        return kl_fail(error, KL_ERROR_CA_UNREADABLE, "the private CA's certificate has no end");
    facts->algorithm = algorithm_of(ca);
    gint64 margin = (gint64)request->profile->ca_margin_days * SECONDS_PER_DAY;
    if (request->now > facts->not_after - margin)
        return kl_fail(error, KL_ERROR_CA_EXPIRED, "the private CA ends within %u days",
                       request->profile->ca_margin_days);
    return TRUE;
}

static void
add_validity(JsonBuilder *builder, const KlIssueRequest *request, gint64 ca_end)
{
    gint64 days = request->profile->validity_days;
    gboolean whole = request->now + (days + 1) * SECONDS_PER_DAY <= ca_end;
    json_builder_set_member_name(builder, "Validity");
    json_builder_begin_object(builder);
    add_text(builder, "Type", whole ? "DAYS" : "ABSOLUTE");
    json_builder_set_member_name(builder, "Value");
    json_builder_add_int_value(builder, whole ? days : MIN(ca_end, request->now + days * SECONDS_PER_DAY));
    json_builder_end_object(builder);
}

/* Of the job and the key, and of what came of an earlier request of theirs: one that the CA has failed at stays so
 * under its token. */
static char *
make_token(const KlIssueRequest *request, const KlPcaNote *earlier)
{
    g_autofree char *text = g_strjoin(" ", request->job, request->csr->spki_sha256,
                                      earlier->state == KL_PCA_FAILED ? earlier->text : NULL, NULL);
    char *token = kl_sha256_hex(text, strlen(text));
    token[TOKEN_LENGTH] = '\0';
    return token;
}

static gboolean
note(PcaSigner *signer, const KlIssueRequest *request, KlPcaState state, const char *text, GError **error)
{
    const KlPcaNote now = {state, (char *)text};
    return kl_pca_note_write(signer->notes, request->csr->spki_sha256, request->job, &now, error);
}

/* The body of a request, which is kept before it is sent: whatever is sent again under its token is the same. */
static JsonNode *
make_request(PcaSigner *signer, const KlIssueRequest *request, KlOp *op, GError **error)
{
    CaFacts facts = {0};
    g_auto(KlPcaNote) earlier = {0};
    if (!kl_pca_note_read(signer->notes, request->csr->spki_sha256, request->job, &earlier, error) ||
        !read_ca(signer, request, &facts, op, error))
        return NULL;
    g_autofree char *pem = kl_cloud_request_pem(request->csr->der);
    g_autofree char *csr = g_base64_encode((const guchar *)pem, strlen(pem));
    g_autofree char *token = make_token(request, &earlier);
    g_autoptr(JsonBuilder) builder = begin_body(signer);
    add_text(builder, "Csr", csr);
    add_text(builder, "SigningAlgorithm", facts.algorithm);
    add_text(builder, "TemplateArn", signer->template_arn);
    add_text(builder, "IdempotencyToken", token);
    add_validity(builder, request, facts.not_after);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) body = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(body, FALSE);
    return note(signer, request, KL_PCA_ASKED, text, error) ? g_steal_pointer(&body) : NULL;
}

/* A request that is refused for what it says was never taken: the next one says something else. */
static gboolean
is_unfit(const KlAwsAnswer *answer)
{
    static const char *const names[] = {"InvalidArgsException", "MalformedCSRException", "InvalidArnException",
                                        "ValidationException", NULL};
    return answer->error_name != NULL && g_strv_contains(names, answer->error_name);
}

/* Sends a request that was noted, and notes under which ARN its certificate is to be had. */
static char *
ask(PcaSigner *signer, const KlIssueRequest *request, JsonNode *body, KlOp *op, GError **error)
{
    const KlAwsCall issue = {.operation = KL_AWS_PCA_ISSUE_CERTIFICATE, .body = body, .safe = TRUE};
    KlOp within = *op; /* the token holds for a minute */
    within.deadline_us = kl_op_until(op, TOKEN_MS);
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_aws_call(signer->aws, &issue, &within, &answer, error)) {
        if (is_unfit(&answer))
            kl_pca_note_remove(signer->notes, request->csr->spki_sha256);
        return NULL;
    }
    const char *arn = kl_aws_answer_text(&answer, "CertificateArn");
    if (arn == NULL || !g_str_has_prefix(arn, "arn:") || strchr(arn, '\n') != NULL) {
        kl_fail(error, KL_ERROR_CLOUD_IN_DOUBT, "AWS acm-pca IssueCertificate: the answer has no ARN");
        return NULL;
    }
    return note(signer, request, KL_PCA_MADE, arn, error) ? g_strdup(arn) : NULL;
}

/* One attempt, and those that kl_aws_call() makes of it. FALSE without an error: the CA is still at it. */
static gboolean
try_fetch(PcaSigner *signer, const char *arn, KlOp *op, KlAwsAnswer *answer, GError **error)
{
    g_autoptr(JsonBuilder) body = begin_body(signer);
    add_text(body, "CertificateArn", arn);
    g_autoptr(GError) failure = NULL;
    if (call(signer, KL_AWS_PCA_GET_CERTIFICATE, body, op, answer, &failure))
        return TRUE;
    if (g_strcmp0(answer->error_name, "RequestInProgressException") != 0 ||
        !g_error_matches(failure, KL_ERROR, KL_ERROR_CLOUD_TIMEOUT))
        g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static KlCertificate *
take(PcaSigner *signer, const KlAwsAnswer *answer, GError **error)
{
    g_autofree char *chain = join_pem(kl_aws_answer_text(answer, "CertificateChain"), NULL, error);
    KlCertificate *certificate =
        chain != NULL ? kl_cloud_certificate(kl_aws_answer_text(answer, "Certificate"), chain, error) : NULL;
    if (certificate != NULL)
        kl_certificate_add_place(certificate, signer->ca_arn);
    return certificate;
}

static KlCertificate *
fetch(PcaSigner *signer, const KlIssueRequest *request, const char *arn, KlOp *op, GError **error)
{
    gint64 until_us = op->deadline_us != 0 ? op->deadline_us : g_get_monotonic_time() + LONGEST_US;
    for (;;) {
        g_auto(KlAwsAnswer) answer = {0};
        g_autoptr(GError) failure = NULL;
        if (try_fetch(signer, arn, op, &answer, &failure))
            return take(signer, &answer, error);
        if (g_strcmp0(answer.error_name, "RequestFailedException") == 0) {
            if (note(signer, request, KL_PCA_FAILED, arn, error))
                kl_fail(error, KL_ERROR_CLOUD_UNAVAILABLE, "the private CA has made no certificate: %s",
                        failure != NULL ? failure->message : answer.error_name);
            return NULL;
        }
        if (failure != NULL) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        if (g_get_monotonic_time() + POLL_US >= until_us) {
            kl_fail(error, KL_ERROR_CLOUD_TIMEOUT, "AWS acm-pca GetCertificate: %s is not ready", arn);
            return NULL;
        }
        if (!kl_pause(op, POLL_US, error))
            return NULL;
    }
}

static KlCertificate *
ask_and_fetch(PcaSigner *signer, const KlIssueRequest *request, JsonNode *body, KlOp *op, GError **error)
{
    g_autofree char *arn = body != NULL ? ask(signer, request, body, op, error) : NULL;
    return arn != NULL ? fetch(signer, request, arn, op, error) : NULL;
}

static gboolean
pca_self_test(KlSigner *base, const KlProfile *profile, gint64 now, GError **error)
{
    return kl_cloud_check_subject(profile, error);
}

static KlCertificate *
pca_issue(KlSigner *base, const KlIssueRequest *request, KlOp *op, GError **error)
{
    PcaSigner *signer = (PcaSigner *)base;
    if (!kl_cloud_check_subject(request->profile, error))
        return NULL;
    g_autoptr(JsonNode) body = make_request(signer, request, op, error);
    return ask_and_fetch(signer, request, body, op, error);
}

/* Whether a note is about the CA that the station has now: what another one made would not pass its checks. */
static gboolean
is_of_this_ca(const PcaSigner *signer, const KlPcaNote *noted, JsonNode *body)
{
    if (noted->state == KL_PCA_MADE)
        return g_str_has_prefix(noted->text, signer->ca_arn);
    const char *ca =
        body != NULL && JSON_NODE_HOLDS_OBJECT(body)
            ? json_object_get_string_member_with_default(json_node_get_object(body), "CertificateAuthorityArn", NULL)
            : NULL;
    return g_strcmp0(ca, signer->ca_arn) == 0;
}

/* Goes on where the note says that the earlier attempt was. */
static KlCertificate *
go_on(PcaSigner *signer, const KlIssueRequest *request, const KlPcaNote *noted, KlOp *op, GError **error)
{
    g_autoptr(JsonNode) body = noted->state == KL_PCA_ASKED ? json_from_string(noted->text, NULL) : NULL;
    if (!is_of_this_ca(signer, noted, body)) {
        g_message("job %s had asked another private CA; that certificate is not looked for", request->job);
        return NULL;
    }
    return body != NULL ? ask_and_fetch(signer, request, body, op, error)
                        : fetch(signer, request, noted->text, op, error);
}

static gboolean
pca_lookup(KlSigner *base, const KlIssueRequest *request, KlCertificate **found, KlOp *op, GError **error)
{
    PcaSigner *signer = (PcaSigner *)base;
    const char *key = request->csr->spki_sha256;
    g_auto(KlPcaNote) noted = {0};
    g_auto(KlPcaNote) after = {0};
    g_autoptr(GError) failure = NULL;
    *found = NULL;
    if (!kl_pca_note_read(signer->notes, key, request->job, &noted, error))
        return FALSE;
    if (noted.state == KL_PCA_NONE || noted.state == KL_PCA_FAILED)
        return TRUE;
    *found = go_on(signer, request, &noted, op, &failure);
    if (failure == NULL)
        return TRUE;
    if (!kl_pca_note_read(signer->notes, key, request->job, &after, error))
        return FALSE;
    if (after.state == KL_PCA_FAILED)
        return TRUE; /* there certainly is none */
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The certificate is in the ledger by now. */
static gboolean
pca_enroll(KlSigner *base, const KlIssueRequest *request, const KlCertificate *certificate, KlOp *op, GError **error)
{
    kl_pca_note_remove(((PcaSigner *)base)->notes, certificate->spki_sha256);
    return TRUE;
}

static void
pca_free(KlSigner *base)
{
    PcaSigner *signer = (PcaSigner *)base;
    pthread_mutex_destroy(&signer->mutex);
    g_free(signer->ca_arn);
    g_free(signer->template_arn);
    g_free(signer->notes);
    g_free(signer->anchors);
    g_free(signer);
}

static const KlSignerClass klass = {
    .id = "pca",
    .self_test = pca_self_test,
    .issue = pca_issue,
    .lookup = pca_lookup,
    .enroll = pca_enroll,
    .free = pca_free,
};

KlSigner *
kl_signer_pca_new(const KlSignerPcaOptions *options, GError **error)
{
    if (options->ca_arn == NULL || !g_str_has_prefix(options->ca_arn, "arn:") ||
        strstr(options->ca_arn, ":acm-pca:") == NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "[aws] pca-arn: '%s' is not the ARN of a private CA",
                options->ca_arn != NULL ? options->ca_arn : "");
        return NULL;
    }
    g_autofree char *notes = g_build_filename(options->dir, "pca", NULL);
    if (!kl_file_private_folder(notes, error))
        return NULL;
    PcaSigner *signer = g_new0(PcaSigner, 1);
    signer->base.klass = &klass;
    signer->aws = options->aws;
    signer->ca_arn = g_strdup(options->ca_arn);
    signer->template_arn = g_strdup(options->template_arn != NULL ? options->template_arn : KL_PCA_TEMPLATE);
    signer->notes = g_steal_pointer(&notes);
    pthread_mutex_init(&signer->mutex, NULL);
    return &signer->base;
}
