/* Certificates by request: one for each device, whatever fails on the way. */
#include "tests/credential_rig.h"

static const KlActivationRules with_csr = {.credentials = KL_CREDENTIALS_CSR};

static char *
csr_payload(const Csr *csr, const char *common_name)
{
    g_autoptr(GBytes) der = oracle_csr(csr->dir, common_name);
    g_autofree char *text = g_base64_encode(g_bytes_get_data(der, NULL), g_bytes_get_size(der));
    return g_strdup_printf("{\"csr\":\"%s\"}", text);
}

/* The certificate that an answered request brings, its first publication. */
static char *
certificate_for(const Csr *csr, const char *payload)
{
    g_autoptr(GError) error = NULL;
    const KlActivationMessage message = message_of(REQUEST, payload);
    g_autoptr(KlActivation) a = kl_activation_engine_handle(csr->engine, &message, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(a->publications->len, ==, 3);
    const KlPublication *first = a->publications->pdata[0];
    g_assert_cmpstr(first->topic, ==, "bs/device/" DEVICE "/credentials/certificate");
    return g_strndup(g_bytes_get_data(first->payload, NULL), g_bytes_get_size(first->payload));
}

static void
test_csr(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_csr);
    g_autofree char *foreign = csr_payload(&csr, "FX30-000002");
    g_autofree char *own = csr_payload(&csr, DEVICE);
    assert_handled(csr.engine, REQUEST, foreign, "malformed: ");
    assert_handled(csr.engine, REQUEST, "{\"csr\":\"AQID\"}", "malformed: ");
    assert_handled(csr.engine, REQUEST, "", "malformed: ");
    assert_row(folder->path, "false|0|0");
    assert_sql(folder->path, "SELECT count(*) FROM activation_credentials", "0");

    /* the station's CA says what is right; openssl agrees, and finds the unit's own key in it */
    g_autofree char *first = certificate_for(&csr, own);
    oracle_write(csr.dir, "chain.pem", first, -1);
    ORACLE(csr.dir,
           "openssl verify -x509_strict -purpose sslclient -CAfile ca/ca.pem chain.pem &&"
           "openssl x509 -in chain.pem -noout -pubkey > a && openssl pkey -in unit.key -pubout > b && cmp a b &&"
           "openssl x509 -in chain.pem -noout -subject | grep " DEVICE " && grep -c BEGIN chain.pem | grep 2");

    /* asked again, also with another request: the same one, once more */
    g_autofree char *other = csr_payload(&csr, DEVICE);
    g_autofree char *second = certificate_for(&csr, own);
    g_autofree char *third = certificate_for(&csr, other);
    g_assert_cmpstr(second, ==, first);
    g_assert_cmpstr(third, ==, first);
    g_assert_cmpuint(csr.signer.issued, ==, 1);
    assert_handled(csr.engine, CONFIRM, "", "activated: ");
    assert_handled(csr.engine, REQUEST, own, "counted: ");
    csr_tear_down(&csr);
}

/* A signer that fails, or whose answer is lost: asked again, there is one certificate at last. */
static void
test_csr_failing(Folder *folder, gconstpointer data)
{
    Csr csr;
    csr_set_up(&csr, folder->path, with_csr);
    g_autofree char *own = csr_payload(&csr, DEVICE);
    csr.signer.fail = KL_ERROR_SIGNER_REFUSED;
    assert_handled(csr.engine, REQUEST, own, "SIGNER_REFUSED");
    assert_row(folder->path, "requested|0|0");
    g_assert_cmpuint(csr.signer.lookups, ==, 0);
    csr.signer.fail = (KlErrorCode)0;
    csr.signer.lose = TRUE;
    assert_handled(csr.engine, REQUEST, own, "CLOUD_IN_DOUBT");
    csr.signer.lose = FALSE;

    /* somebody else who has claimed it, and died */
    g_free(sqlite(folder->path, "UPDATE activation_credentials SET claimant = 'x',"
                                " claimed_us = CAST(unixepoch() AS INTEGER) * 1000000"));
    assert_handled(csr.engine, REQUEST, own, "ACTIVATION_BUSY");
    g_free(sqlite(folder->path, "UPDATE activation_credentials SET claimed_us = claimed_us - 61000000"));
    g_free(certificate_for(&csr, own));
    g_assert_cmpuint(csr.signer.issued, ==, 1);
    g_assert_cmpuint(csr.signer.lookups, ==, 2);
    csr_tear_down(&csr);
}

static void
test_parts(void)
{
    KlProfile profile = oracle_profile();
    KlSigner signer = {&signer_class, 0};
    KlPki pki = {NULL};
    KlActivationParts parts = {.rules = with_csr};
    g_assert_null(kl_activation_engine_new(&parts, NULL));
    parts.signer = &signer;
    parts.pki = &pki;
    parts.profile = &profile;
    kl_activation_engine_free(kl_activation_engine_new(&parts, NULL));
    profile.subject = (char *)"CN={device_id},OU={imei}";
    g_assert_null(kl_activation_engine_new(&parts, NULL));
}

static const FolderTest tests[] = {
    {"/activation-credential/issued", test_csr},
    {"/activation-credential/failing", test_csr_failing},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_func("/activation-credential/parts", test_parts);
    return g_test_run();
}
