/* ACM Private CA as the signer, against the strict peer: its notes and tokens let no fault of any call lose a
 * certificate or make one too many. */
#include "certs/signer_pca.h"

#include "certs/cloud_ca.h"
#include "certs/pca_revoke.h"
#include "certs/signer_register.h"
#include "tests/signer_cloud.h"

static char *ca_arn, *folder;

static KlSigner *
make_signer(KlAws *aws, const char *template_arn)
{
    const KlSignerPcaOptions options = {aws, ca_arn, template_arn, folder};
    g_autoptr(GError) error = NULL;
    KlSigner *signer = kl_signer_pca_new(&options, &error);
    g_assert_no_error(error);
    return signer;
}

static char *
read_anchors(KlAws *aws)
{
    KlSigner *signer = make_signer(aws, NULL);
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    char *anchors = kl_signer_pca_anchors(signer, &op, &error);
    g_assert_no_error(error);
    signer->klass->free(signer);
    return anchors;
}

/* With registration it is the register signer around the private CA's. */
static Rig
rig_open(KlRegisterMode mode, guint attempt_ms)
{
    g_autoptr(GError) error = NULL;
    KlAws *calm = cloud_aws(PATIENT_ATTEMPT_MS);
    g_autofree char *anchors = read_anchors(calm);
    kl_aws_free(calm);
    KlAws *aws = cloud_aws(attempt_ms);
    Rig rig = {aws, make_signer(aws, NULL), kl_pki_new_for(KL_PKI_PCA, anchors, &error)};
    g_assert_no_error(error);
    if (mode != KL_REGISTER_NO)
        rig.signer = kl_signer_register_new(rig.signer, aws, NULL, mode, FALSE);
    return rig;
}

/* How many certificates the CA has made for a key; *id is the last's, *revoked why that was revoked. */
static guint
count_issued(const char *spki_sha256, char **id, char **revoked)
{
    g_autoptr(JsonNode) state = cloud_state();
    JsonObject *pca = json_object_get_object_member(json_node_get_object(state), "acm-pca");
    JsonObject *issued = json_object_get_object_member(pca, "issued");
    g_autoptr(GList) names = json_object_get_members(issued);
    guint count = 0;
    for (GList *name = names; name != NULL; name = name->next) {
        JsonObject *one = json_object_get_object_member(issued, name->data);
        if (!cloud_is_key(one, spki_sha256))
            continue;
        count++;
        if (id != NULL) {
            g_free(*id);
            *id = g_strdup(json_object_get_string_member(one, "certificateId"));
        }
        if (revoked != NULL)
            *revoked = g_strdup(json_object_get_string_member_with_default(one, "revoked", NULL));
    }
    return count;
}

static guint
count_notes(void)
{
    g_autofree char *notes = g_build_filename(folder, "pca", NULL);
    g_autoptr(GDir) dir = g_dir_open(notes, 0, NULL);
    guint count = 0;
    while (g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static void
test_unit(void)
{
    g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autofree char *reason = NULL;
    unit_open(&unit);
    cloud_settings("{\"pca_polls\": 5}");
    KlOp op = cloud_op();
    g_autoptr(KlCertificate) certificate = unit_get(&unit, rig.signer, &op, &error);
    g_assert_no_error(error);
    cloud_settings("{\"pca_polls\": 0}");
    g_assert_cmpuint(count_notes(), ==, 1);
    oracle_write_certificate(dir, "leaf.pem", certificate);
    oracle_write(dir, "chain.pem", certificate->chain_pem, -1);
    oracle_write(dir, "unit.csr", g_bytes_get_data(unit.csr->der, NULL), (gssize)g_bytes_get_size(unit.csr->der));
    ORACLE(dir, "openssl verify -x509_strict -purpose sslclient -CAfile '%s/pca.pem' leaf.pem", aws_peer_folder(peer));
    ORACLE(dir, "openssl verify -x509_strict -purpose sslclient -CAfile chain.pem leaf.pem");
    ORACLE(dir,
           "openssl x509 -in leaf.pem -noout -pubkey >a && openssl req -in unit.csr -inform DER -noout -pubkey >b && "
           "cmp a b");

    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpstr(unit.ledger->sha256, ==, certificate->sha256);
    g_assert_cmpuint(count_notes(), ==, 0);
    g_assert_cmpuint(count_issued(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
    g_assert_cmpstr(unit.ledger->places, ==, ca_arn);
    op = cloud_op();
    for (guint i = 0; i < 2; i++) {
        g_assert_true(kl_pca_revoke(rig.aws, ca_arn, unit.ledger->serial, "SUPERSEDED", &op, &error));
        g_assert_no_error(error);
    }
    count_issued(unit.csr->spki_sha256, NULL, &reason);
    g_assert_cmpstr(reason, ==, "SUPERSEDED");
    aws_peer_assert_clean(peer);
}

/* What the CA does not know is refused, and nobody else's trouble; an odd number of digits is a number, too. */
static void
test_revoke_unknown(void)
{
    g_autoptr(KlAws) aws = cloud_aws(PATIENT_ATTEMPT_MS);
    g_autofree char *gone = g_strdup(ca_arn);
    static const char *const serials[] = {"abc", "1", "0123456789abcdef"};
    gone[strlen(gone) - 1] ^= 1;
    for (guint i = 0; i < G_N_ELEMENTS(serials); i++) {
        g_autoptr(GError) error = NULL;
        KlOp op = cloud_op();
        g_assert_false(kl_pca_revoke(aws, ca_arn, serials[i], "UNSPECIFIED", &op, &error));
        oracle_assert_code(error, KL_ERROR_CLOUD_REFUSED);
        g_assert_nonnull(strstr(error->message, "ResourceNotFound"));
        g_clear_error(&error);
        g_assert_false(kl_pca_revoke(aws, gone, serials[i], "UNSPECIFIED", &op, &error));
        oracle_assert_code(error, KL_ERROR_CLOUD_REFUSED);
    }
    aws_peer_assert_clean(peer);
}

/* As a job does it that tries again: looks first, and asks when there is none. */
static KlCertificate *
ask_again(Unit *unit, KlSigner *signer, GError **error)
{
    KlCertificate *found = NULL;
    KlOp op = cloud_op();
    unit_ask(unit);
    const KlIssueRequest request = unit_issue_request(unit);
    g_assert_true(signer->klass->lookup(signer, &request, &found, &op, error));
    g_assert_null(found);
    return signer->klass->issue(signer, &request, &op, error);
}

/* The CA fails at the request, in this attempt or in one whose end nobody saw: the next one asks under another token,
 * and there is one certificate in the end. */
static void
test_failed(void)
{
    {
        g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
        g_auto(Unit) unit = {0};
        unit_open(&unit);
        cloud_settings("{\"pca_failures\": 3}");
        for (guint i = 0; i < 3; i++) {
            g_autoptr(GError) error = NULL;
            g_assert_null(ask_again(&unit, rig.signer, &error));
            oracle_assert_code(error, KL_ERROR_CLOUD_UNAVAILABLE);
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(KlCertificate) made = ask_again(&unit, rig.signer, &error);
        g_assert_no_error(error);
        g_assert_nonnull(made);
        g_assert_cmpuint(count_issued(unit.csr->spki_sha256, NULL, NULL), ==, 1);
        ORACLE(folder, "rm -f pca/*");
    }
    /* The program ended before it asked for the certificate: lookup() finds out. */
    g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    unit_open(&unit);
    cloud_settings("{\"pca_failures\": 1}");
    cloud_plant("GetCertificate", &cloud_faults[0], FALSE);
    KlOp op = cloud_op();
    g_assert_null(unit_get(&unit, rig.signer, &op, &error));
    aws_peer_clear(peer);
    g_assert_cmpuint(count_notes(), ==, 1);
    g_clear_error(&error);
    g_autoptr(KlCertificate) made = ask_again(&unit, rig.signer, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(count_issued(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    ORACLE(folder, "rm -f pca/*");
    aws_peer_assert_clean(peer);
}

/* Near the CA's end the time that is asked for depends on the clock: what is asked again is what was asked, and no more
 * than one certificate is made. The peer refuses a token that comes with anything else. */
static void
test_asked_again(void)
{
    g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCertificate) found = NULL;
    KlOp op = cloud_op();
    unit_open(&unit);
    unit.profile.validity_days = 30000;
    cloud_plant("IssueCertificate", &cloud_faults[1], FALSE);
    KlIssueRequest request = unit_issue_request(&unit);
    g_assert_null(rig.signer->klass->issue(rig.signer, &request, &op, &error));
    g_clear_error(&error);
    aws_peer_clear(peer);
    unit_ask(&unit);
    unit.profile.validity_days = 10;
    request = unit_issue_request(&unit);
    request.now += 5;
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_no_error(error);
    g_assert_nonnull(found);
    g_assert_cmpuint(count_issued(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    aws_peer_assert_clean(peer);

    /* A job that asked for nothing has nothing to be found, and a note about another CA's leads nowhere. */
    g_clear_pointer(&found, kl_certificate_free);
    request.job = "00000000-0000-4000-8000-000000000000";
    guint asked = aws_peer_calls(peer, "IssueCertificate");
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_null(found);
    request.job = unit.job;
    ORACLE(folder, "(echo '%s'; echo arn:aws:acm-pca:eu-north-1:1:other/1) >'pca/%s'", unit.job, unit.csr->spki_sha256);
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_null(found);
    g_assert_cmpuint(aws_peer_calls(peer, "IssueCertificate"), ==, asked);
    ORACLE(folder, "rm -f pca/*");
}

static void
check_cell(const char *operation, const Fault *fault)
{
    g_auto(Unit) unit = {0};
    g_autofree char *made = NULL;
    g_autofree char *id = NULL;
    unit_open(&unit);
    g_test_message("%s, %s", operation, fault->name);
    {
        g_auto(Rig) rig = rig_open(KL_REGISTER_CA, cloud_attempt_ms(fault));
        g_autoptr(GError) error = NULL;
        cloud_plant(operation, fault, FALSE);
        gboolean passed = unit_attempt(&unit, rig.signer, rig.pki, &error);
        aws_peer_clear(peer);
        g_assert_true(passed == (error == NULL));
        g_assert_true(!passed || cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL) == 1);
        g_assert_cmpuint(count_issued(unit.csr->spki_sha256, &made, NULL), <=, 1);
    }
    g_auto(Rig) rig = rig_open(KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpuint(count_issued(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", &id), ==, 1);
    g_assert_cmpstr(id, ==, unit.ledger->sha256);
    g_assert_cmpuint(count_notes(), ==, 0);
    if (made != NULL)
        g_assert_cmpstr(unit.ledger->sha256, ==, made);
}

static void
test_matrix(void)
{
    static const char *const operations[] = {"GetCertificateAuthorityCertificate", "IssueCertificate", "GetCertificate",
                                             "RegisterCertificate", "UpdateCertificate"};
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        for (guint j = i % CASE_STEP; j < G_N_ELEMENTS(cloud_faults); j += CASE_STEP)
            check_cell(operations[i], &cloud_faults[j]);
    }
    aws_peer_assert_clean(peer);
}

/* Certificate and program are lost after the ARN was noted: the note alone leads to it. */
static void
test_note(void)
{
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    unit_open(&unit);
    g_auto(Rig) first = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    g_autoptr(KlCertificate) lost = unit_get(&unit, first.signer, &op, &error);
    g_assert_no_error(error);
    guint asked = aws_peer_calls(peer, "IssueCertificate");
    g_auto(Rig) second = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    unit_ask(&unit);
    g_autoptr(KlCertificate) found = unit_get(&unit, second.signer, &op, &error);
    g_assert_cmpstr(found->sha256, ==, lost->sha256);
    g_assert_cmpstr(found->chain_pem, ==, lost->chain_pem);
    g_assert_cmpuint(aws_peer_calls(peer, "IssueCertificate"), ==, asked);

    /* Of another job: it is that job's certificate. */
    g_free(unit.job);
    unit.job = g_uuid_string_random();
    g_autoptr(KlCertificate) fresh = unit_get(&unit, second.signer, &op, &error);
    g_assert_cmpstr(fresh->sha256, !=, lost->sha256);

    /* A note that says nothing stops everything: who knows what it said. */
    g_autofree char *name = g_strconcat("pca/", unit.csr->spki_sha256, NULL);
    ORACLE(folder, "printf '?' >'%s'", name);
    g_assert_null(unit_get(&unit, second.signer, &op, &error));
    oracle_assert_code(error, KL_ERROR_STORE_FAILED);
    ORACLE(folder, "rm '%s'", name);
}

static void
test_unfit(void)
{
    static const char *const arns[] = {NULL, "", "arn:aws:iot:eu-north-1:1:x", "acm-pca"};
    g_autoptr(KlAws) aws = cloud_aws(PATIENT_ATTEMPT_MS);
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(arns); i++) {
        const KlSignerPcaOptions options = {aws, arns[i], NULL, folder};
        g_assert_null(kl_signer_pca_new(&options, &error));
        oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
        g_clear_error(&error);
    }
    g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    KlOp op = cloud_op();
    unit_open(&unit);
    unit.profile.ca_margin_days = 36500;
    g_assert_null(unit_get(&unit, rig.signer, &op, &error));
    oracle_assert_code(error, KL_ERROR_CA_EXPIRED);
    g_clear_error(&error);
    unit.since = 0;
    unit.profile.subject = (char *)"CN={device_id},C=SE";
    g_assert_null(unit_get(&unit, rig.signer, &op, &error));
    oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
}

/* A product whose units would outlive the CA gets certificates that end with it; templates by their usages. */
static void
test_templates(void)
{
    static const struct {
        const char *template;
        guint days;
        gboolean fine;
    } table[] = {
        {NULL, 30000, TRUE},
        {NULL, 10, TRUE},
        {"arn:aws:acm-pca:::template/EndEntityCertificate/V1", 10, TRUE},
        {"arn:aws:acm-pca:::template/EndEntityServerAuthCertificate/V1", 10, FALSE},
    };
    g_auto(Rig) rig = rig_open(KL_REGISTER_NO, PATIENT_ATTEMPT_MS);
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(Unit) unit = {0};
        g_autoptr(GError) error = NULL;
        KlSigner *signer = make_signer(rig.aws, table[i].template);
        unit_open(&unit);
        unit.profile.validity_days = table[i].days;
        gboolean fine = unit_attempt(&unit, signer, rig.pki, &error);
        g_test_message("%u: %s", i, fine ? "fine" : error->message);
        g_assert_true(fine == table[i].fine);
        if (!fine)
            oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
        signer->klass->free(signer);
    }
    ORACLE(folder, "rm -f pca/*");
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    cloud_start();
    cloud_make_policy();
    cloud_settings("{\"detach_ms\": 0, \"pca_polls\": 0}");
    folder = oracle_folder();
    {
        g_autoptr(JsonNode) state = cloud_state();
        JsonObject *pca = json_object_get_object_member(json_node_get_object(state), "acm-pca");
        ca_arn = g_strdup(json_object_get_string_member(pca, "arn"));
        g_autoptr(KlAws) aws = cloud_aws(PATIENT_ATTEMPT_MS);
        g_autofree char *anchors = read_anchors(aws);
        g_auto(KlCloudCa) done = {0};
        g_autoptr(GError) error = NULL;
        KlOp op = cloud_op();
        g_assert_true(kl_cloud_register_ca(aws, anchors, NULL, &done, &op, &error));
    }
    g_test_add_func("/signer-pca/unit", test_unit);
    g_test_add_func("/signer-pca/revoke-unknown", test_revoke_unknown);
    g_test_add_func("/signer-pca/failed", test_failed);
    g_test_add_func("/signer-pca/asked-again", test_asked_again);
    g_test_add_func("/signer-pca/note", test_note);
    g_test_add_func("/signer-pca/unfit", test_unfit);
    g_test_add_func("/signer-pca/templates", test_templates);
    g_test_add_func("/signer-pca/matrix", test_matrix);
    int status = g_test_run();
    aws_peer_free(peer);
    oracle_folder_remove(folder);
    g_free(ca_arn);
    return status;
}
