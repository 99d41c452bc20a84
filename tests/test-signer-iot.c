/* AWS IoT Core as the signer, against the strict peer: what it makes, and that no fault of any call loses a
 * certificate, makes one too many, or lets two be used. */
#include "certs/signer_iot.h"

#include "tests/signer_cloud.h"

static char *issuer_pem;

static KlSigner *
make_signer(KlAws *aws)
{
    const KlSignerIotOptions options = {.aws = aws, .issuer_pem = issuer_pem};
    return kl_signer_iot_new(&options);
}

static Rig
rig_open(guint attempt_ms)
{
    g_autoptr(GError) error = NULL;
    KlAws *aws = cloud_aws(attempt_ms);
    Rig rig = {aws, make_signer(aws), kl_pki_new_for(KL_PKI_IOT, issuer_pem, &error)};
    g_assert_no_error(error);
    return rig;
}

/* A unit's whole way, judged by openssl and by what the peer holds. */
static void
test_unit(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(OracleFolder) dir = oracle_folder();
    unit_open(&unit);
    g_assert_cmpstr(rig.signer->klass->id, ==, "iot");
    g_assert_true(rig.signer->klass->self_test(rig.signer, &unit.profile, 0, &error));

    KlOp op = cloud_op();
    g_autoptr(KlCertificate) certificate = unit_get(&unit, rig.signer, &op, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "INACTIVE", NULL), ==, 1);
    g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, -1);
    oracle_write_certificate(dir, "leaf.pem", certificate);
    oracle_write(dir, "unit.csr", g_bytes_get_data(unit.csr->der, NULL), (gssize)g_bytes_get_size(unit.csr->der));
    oracle_write(dir, "chain.pem", certificate->chain_pem, -1);
    ORACLE(dir, "openssl verify -CAfile '%s/iot-ca.pem' leaf.pem && openssl verify -CAfile chain.pem leaf.pem",
           aws_peer_folder(peer));
    ORACLE(dir,
           "openssl x509 -in leaf.pem -noout -pubkey >a && openssl req -in unit.csr -inform DER -noout -pubkey >b && "
           "cmp a b");
    g_autofree char *sum = oracle(dir, "openssl x509 -in leaf.pem -outform DER | sha256sum");
    oracle_assert_has(sum, certificate->sha256);

    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpstr(unit.ledger->sha256, ==, certificate->sha256);
    g_assert_cmpstr(unit.ledger->places, ==, "iot");
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL), ==, 1);
    g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 1);
    aws_peer_assert_clean(peer);

    cloud_settings("{\"detach_ms\": 300}");
    op = cloud_op();
    g_assert_false(unit_try_withdraw(&unit, rig.aws, &op, &error));
    g_assert_cmpint(kl_error_kind(kl_error_code(error)), ==, KL_ERROR_KIND_RETRY);
    g_clear_error(&error);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "INACTIVE", NULL), ==, 1);
    unit_withdraw(&unit, rig.aws);
    cloud_settings("{\"detach_ms\": 0}");
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
    g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 0);
    unit_withdraw(&unit, rig.aws);
    aws_peer_assert_clean(peer);
}

/* One cell of the matrix: a first attempt that meets the fault, then attempts that do not. */
static void
check_cell(const char *operation, const Fault *fault, gboolean once)
{
    g_auto(Unit) unit = {0};
    g_autofree char *made = NULL;
    unit_open(&unit);
    g_test_message("%s, %s%s", operation, fault->name, once ? ", once" : "");
    {
        g_auto(Rig) rig = rig_open(cloud_attempt_ms(fault));
        g_autoptr(GError) error = NULL;
        cloud_plant(operation, fault, once);
        gboolean passed = unit_attempt(&unit, rig.signer, rig.pki, &error);
        aws_peer_clear(peer);
        g_assert_true(passed == (error == NULL));
        guint active = cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL);
        g_assert_cmpuint(active, <=, 1);
        g_assert_true(!passed || active == 1);
        /* What was done is found out at once, though no answer ever came. */
        if (strcmp(operation, "UpdateCertificate") == 0 && strcmp(fault->name, "drop-after") == 0)
            g_assert_true(passed);
        g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, &made), <=, 1);
    }
    /* Another program, which knows the journal and nothing else. */
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL), ==, 1);
    g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 1);
    if (made != NULL)
        g_assert_cmpstr(unit.ledger->sha256, ==, made);
}

static void
test_matrix(void)
{
    static const char *const operations[] = {"CreateCertificateFromCsr", "AttachPolicy",        "CreateThing",
                                             "AttachThingPrincipal",     "ListThingPrincipals", "DescribeCertificate",
                                             "UpdateCertificate"};
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        for (guint j = i % CASE_STEP; j < G_N_ELEMENTS(cloud_faults); j += CASE_STEP) {
            check_cell(operations[i], &cloud_faults[j], FALSE);
            if (i == 0)
                check_cell(operations[i], &cloud_faults[j], TRUE);
        }
    }
    aws_peer_assert_clean(peer);
}

/* The answer is lost, and then the search for what was made meets a fault, too. */
static void
test_matrix_of_lookup(void)
{
    static const char *const operations[] = {"ListCertificates", "DescribeCertificate"};
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        for (guint j = i % CASE_STEP; j < G_N_ELEMENTS(cloud_faults); j += CASE_STEP) {
            const Fault *fault = &cloud_faults[j];
            g_auto(Rig) rig = rig_open(cloud_attempt_ms(fault));
            g_auto(Rig) patient = rig_open(PATIENT_ATTEMPT_MS); /* making a certificate takes the peer its time */
            g_auto(Unit) unit = {0};
            g_autoptr(GError) error = NULL;
            unit_open(&unit);
            g_test_message("%s, %s", operations[i], fault->name);
            cloud_plant("CreateCertificateFromCsr", &cloud_faults[1], FALSE);
            g_assert_false(unit_attempt(&unit, patient.signer, patient.pki, &error));
            g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_IN_DOUBT);
            g_clear_error(&error);
            aws_peer_clear(peer);
            g_autofree char *made = NULL;
            g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, &made), ==, 1);
            cloud_plant(operations[i], fault, FALSE);
            g_assert_false(unit_attempt(&unit, rig.signer, rig.pki, &error));
            g_assert_null(unit.ledger);
            aws_peer_clear(peer);
            g_auto(Rig) later = rig_open(PATIENT_ATTEMPT_MS);
            unit_finish(&unit, later.signer, later.pki);
            g_assert_cmpstr(unit.ledger->sha256, ==, made);
            g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 1);
        }
    }
}

/* Taking a certificate out meets a fault at each of its calls; afterwards it is gone, and never usable in between. */
static void
test_matrix_of_withdrawal(void)
{
    static const char *const operations[] = {"DescribeCertificate", "UpdateCertificate",   "ListAttachedPolicies",
                                             "DetachPolicy",        "ListPrincipalThings", "DetachThingPrincipal",
                                             "DeleteCertificate"};
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        for (guint j = i % CASE_STEP; j < G_N_ELEMENTS(cloud_faults); j += CASE_STEP) {
            g_auto(Rig) rig = rig_open(cloud_attempt_ms(&cloud_faults[j]));
            g_auto(Rig) later = rig_open(PATIENT_ATTEMPT_MS);
            g_auto(Unit) unit = {0};
            g_autoptr(GError) error = NULL;
            KlOp op = cloud_op();
            unit_open(&unit);
            unit_finish(&unit, later.signer, later.pki);
            g_test_message("%s, %s", operations[i], cloud_faults[j].name);
            cloud_plant(operations[i], &cloud_faults[j], FALSE);
            gboolean done = unit_try_withdraw(&unit, rig.aws, &op, &error);
            aws_peer_clear(peer);
            g_assert_true(done == (error == NULL));
            g_assert_true(!done || cloud_count(unit.csr->spki_sha256, NULL, NULL) == 0);
            unit_withdraw(&unit, later.aws);
            g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
            g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 0);
        }
    }
}

/* Asked for twice by mistake: the newest is adopted, all others for the key are gone, and other units' stay. */
static void
test_adoption(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    const KlSignerIotOptions paged = {.aws = rig.aws, .issuer_pem = issuer_pem, .page = 2};
    rig.signer->klass->free(rig.signer);
    rig.signer = kl_signer_iot_new(&paged);
    g_auto(Unit) unit = {0};
    g_auto(Unit) other = {0};
    g_autoptr(GError) error = NULL;
    KlCertificate *made[3] = {NULL};
    KlOp op = cloud_op();
    unit_open(&unit);
    unit_open(&other);
    for (guint i = 0; i < G_N_ELEMENTS(made); i++) {
        const KlIssueRequest request = unit_issue_request(&unit);
        made[i] = rig.signer->klass->issue(rig.signer, &request, &op, &error);
        g_assert_no_error(error);
    }
    g_autoptr(KlCertificate) bystander = unit_get(&other, rig.signer, &op, &error);
    g_assert_nonnull(bystander);

    KlIssueRequest request = unit_issue_request(&unit);
    g_autoptr(KlCertificate) found = NULL;
    unit_ask(&unit);
    request.csr = unit.csr;
    request.since = request.now + 3600;
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_null(found);
    /* What was made an hour and more after the attempt is another attempt's, and is not even looked at. */
    request.since = request.now - 2 * 3600;
    guint looks = aws_peer_calls(peer, "DescribeCertificate");
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_null(found);
    g_assert_cmpuint(aws_peer_calls(peer, "DescribeCertificate"), ==, looks);
    request.since = request.now;
    /* A station that may not take certificates out adopts all the same. */
    cloud_plant("ListAttachedPolicies", &cloud_faults[8], FALSE);
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    aws_peer_clear(peer);
    g_assert_cmpstr(found->sha256, ==, made[2]->sha256);
    g_clear_pointer(&found, kl_certificate_free);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "INACTIVE", NULL), ==, 3);
    g_assert_true(rig.signer->klass->lookup(rig.signer, &request, &found, &op, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(found->sha256, ==, made[2]->sha256);
    g_assert_cmpstr(found->chain_pem, ==, issuer_pem);
    g_assert_cmpstr(found->places, ==, "iot");
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(other.csr->spki_sha256, NULL, NULL), ==, 1);
    aws_peer_assert_clean(peer);
    for (guint i = 0; i < G_N_ELEMENTS(made); i++)
        kl_certificate_free(made[i]);
}

/* A unit that gets another key: from the moment its new certificate is enrolled, the old one can't be used. */
static void
test_one_at_a_time(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    unit_open(&unit);
    unit_finish(&unit, rig.signer, rig.pki);
    g_autofree char *first = g_strdup(unit.csr->spki_sha256);
    EVP_PKEY_free(unit.key);
    unit.key = EVP_EC_gen("P-256");
    g_clear_pointer(&unit.ledger, kl_certificate_free);
    unit.active = FALSE;
    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpstr(unit.csr->spki_sha256, !=, first);
    g_assert_cmpuint(cloud_count(first, "INACTIVE", NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL), ==, 1);
    aws_peer_assert_clean(peer);
}

/* The thing is there already: another unit's, nobody's, ours with more to it. */
static void
test_things(void)
{
    static const struct {
        const char *attributes;
        gboolean ours;
    } table[] = {
        {"{}", FALSE},
        {"{\"imei\": \"350000000000000\"}", FALSE},
        {"{\"imei\": \"%s\", \"site\": \"Lund\"}", TRUE},
        {"{\"imei\": \"%s\"}", TRUE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
        g_auto(Unit) unit = {0};
        g_autoptr(GError) error = NULL;
        unit_open(&unit);
        g_auto(GStrv) parts = g_strsplit(table[i].attributes, "%s", 2);
        g_autofree char *attributes = g_strjoinv(unit.unit.imei, parts);
        g_autofree char *body = g_strdup_printf("{\"attributePayload\": {\"attributes\": %s}}", attributes);
        g_autofree char *path = g_strdup_printf("/things/%s", unit.unit.device_id);
        cloud_do(KL_AWS_CREATE_THING, path, NULL, body);
        gboolean passed = unit_attempt(&unit, rig.signer, rig.pki, &error);
        g_assert_true(passed == table[i].ours);
        if (!passed)
            oracle_assert_code(error, KL_ERROR_CLOUD_CONFLICT);
        g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL), ==, passed ? 1 : 0);
    }
    aws_peer_assert_clean(peer);
}

/* What somebody has revoked stays revoked, whoever plugs the unit in again. */
static void
test_revoked(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    unit_open(&unit);
    unit_finish(&unit, rig.signer, rig.pki);
    cloud_revoke(unit.ledger->sha256);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "REVOKED", NULL), ==, 1);
    g_assert_false(rig.signer->klass->activate(rig.signer, unit.ledger, &op, &error));
    oracle_assert_code(error, KL_ERROR_CLOUD_CONFLICT);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "REVOKED", NULL), ==, 1);
    unit_withdraw(&unit, rig.aws);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
}

static void
test_endpoint(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    guint before = aws_peer_calls(peer, "DescribeEndpoint");
    for (guint i = 0; i < 3; i++) {
        g_autofree char *host = rig.signer->klass->endpoint(rig.signer, &op, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_has_suffix(host, ".amazonaws.com"));
        oracle_assert_has(host, "-ats.iot.");
    }
    g_assert_cmpuint(aws_peer_calls(peer, "DescribeEndpoint"), ==, before + 1);
}

/* What can't work is told before anything is made. */
static void
test_unfit(void)
{
    static const char *const names[] = {"", "a b", "caf\xc3\xa9", "a/b", "#"};
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    guint before = aws_peer_calls(peer, NULL);
    unit_open(&unit);
    KlIssueRequest request = unit_issue_request(&unit);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        KlUnit odd = unit.unit;
        odd.device_id = (char *)names[i];
        request.unit = &odd;
        g_assert_null(rig.signer->klass->issue(rig.signer, &request, &op, &error));
        oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
        g_clear_error(&error);
    }
    unit.profile.subject = (char *)"CN={device_id},O=Example";
    g_assert_false(rig.signer->klass->self_test(rig.signer, &unit.profile, 0, &error));
    oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
    g_clear_error(&error);
    request.unit = &unit.unit;
    g_assert_null(rig.signer->klass->issue(rig.signer, &request, &op, &error));
    oracle_assert_code(error, KL_ERROR_CONFIG_INVALID);
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, before);
}

/* Without the issuer's certificate all else is checked; the strict checks of our own CA refuse what AWS makes. */
static void
test_checks(void)
{
    g_auto(Rig) rig = rig_open(PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    unit_open(&unit);
    const KlSignerIotOptions options = {.aws = rig.aws};
    KlSigner *signer = kl_signer_iot_new(&options);
    KlPki *unknown = kl_pki_new_for(KL_PKI_IOT, NULL, &error);
    KlPki *own = kl_pki_new(issuer_pem, &error);
    g_assert_no_error(error);
    unit_finish(&unit, signer, unknown);
    g_assert_cmpstr(unit.ledger->chain_pem, ==, "");

    gint64 now = g_get_real_time() / G_USEC_PER_SEC; /* not before the certificate was made */
    g_autoptr(KlCertificate) with_chain = kl_certificate_copy(unit.ledger);
    g_free(with_chain->chain_pem);
    with_chain->chain_pem = g_strdup(issuer_pem);
    KlUnit other = unit.unit;
    other.device_id = (char *)"FX30-999999";
    const struct {
        KlPki *pki;
        const KlCertificate *certificate;
        const KlUnit *unit;
        gint64 now;
        gboolean fine;
    } table[] = {
        {unknown, unit.ledger, &unit.unit, now, TRUE},
        {unknown, with_chain, &unit.unit, now, FALSE},
        {unknown, unit.ledger, &other, now, FALSE},
        {unknown, unit.ledger, &unit.unit, now - 86400, FALSE},
        {unknown, unit.ledger, &unit.unit, now + 100LL * 365 * 86400, FALSE},
        {rig.pki, with_chain, &unit.unit, now, TRUE},
        {rig.pki, unit.ledger, &unit.unit, now, FALSE},
        {own, with_chain, &unit.unit, now, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        gboolean fine = table[i].pki->klass->verify_issued(table[i].pki, table[i].certificate, unit.csr->spki_sha256,
                                                           &unit.profile, table[i].unit, table[i].now, &error);
        g_test_message("%u: %s", i, error != NULL ? error->message : "fine");
        g_assert_true(fine == table[i].fine);
        if (!fine)
            oracle_assert_code(error, KL_ERROR_ISSUED_WRONG);
        g_clear_error(&error);
    }
    own->klass->free(own);
    unknown->klass->free(unknown);
    signer->klass->free(signer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    cloud_start();
    cloud_make_policy();
    cloud_settings("{\"detach_ms\": 0}");
    g_autofree char *path = g_build_filename(aws_peer_folder(peer), "iot-ca.pem", NULL);
    g_assert_true(g_file_get_contents(path, &issuer_pem, NULL, NULL));
    g_test_add_func("/signer-iot/unit", test_unit);
    g_test_add_func("/signer-iot/adoption", test_adoption);
    g_test_add_func("/signer-iot/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/signer-iot/things", test_things);
    g_test_add_func("/signer-iot/revoked", test_revoked);
    g_test_add_func("/signer-iot/endpoint", test_endpoint);
    g_test_add_func("/signer-iot/unfit", test_unfit);
    g_test_add_func("/signer-iot/checks", test_checks);
    g_test_add_func("/signer-iot/matrix", test_matrix);
    g_test_add_func("/signer-iot/matrix-of-lookup", test_matrix_of_lookup);
    g_test_add_func("/signer-iot/matrix-of-withdrawal", test_matrix_of_withdrawal);
    int status = g_test_run();
    aws_peer_free(peer);
    g_free(issuer_pem);
    return status;
}
