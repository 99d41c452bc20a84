/* The station's own CA, its certificates registered with AWS IoT Core, against the strict peer; and the CA itself. */
#include "certs/signer_register.h"

#include <openssl/pem.h>
#include <pthread.h>

#include "certs/ca_internal.h"
#include "certs/certificate_der.h"
#include "certs/cloud.h"
#include "certs/cloud_ca.h"
#include "certs/signer_local.h"
#include "tests/signer_cloud.h"

#define PASSPHRASE "correct horse"

/* A CA in a folder of its own. */
typedef struct {
    char *dir;
    KlCa *ca;
    char *id; /* SHA-256 of its certificate */
} Authority;

/* Made by openssl; the key stays in the clear, as scrypt is slow on purpose. */
static Authority
authority_new(const char *name)
{
    g_autoptr(GError) error = NULL;
    Authority authority = {.dir = oracle_folder()};
    ORACLE(authority.dir,
           "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj '/CN=%s' -days 4000 "
           "-config /dev/null -addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:TRUE,pathlen:0 "
           "-addext keyUsage=critical,keyCertSign,cRLSign -out c",
           name);
    g_autoptr(GBytes) pem = oracle_read(authority.dir, "c");
    g_autoptr(GBytes) key_pem = oracle_read(authority.dir, "k");
    g_autoptr(KlX509Stack) chain =
        kl_x509_stack_parse(g_bytes_get_data(pem, NULL), g_bytes_get_size(pem), KL_ERROR_CA_UNREADABLE, &error);
    g_assert_no_error(error);
    g_autoptr(BIO) bio = BIO_new_mem_buf(g_bytes_get_data(key_pem, NULL), (int)g_bytes_get_size(key_pem));
    g_autoptr(EVP_PKEY) key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    authority.ca = kl_ca_new(chain, &error);
    g_assert_true(kl_ca_set_key(authority.ca, key, KL_ERROR_SIGNER_REFUSED, &error));
    authority.id = oracle(authority.dir, "openssl x509 -in c -outform DER | sha256sum | cut -c 1-64");
    g_strstrip(authority.id);
    return authority;
}

static void
authority_clear(Authority *authority)
{
    kl_ca_free(authority->ca);
    oracle_folder_remove(authority->dir);
    g_free(authority->id);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Authority, authority_clear)

static Authority shared; /* registered, SNI_ONLY */

static Rig
rig_open(const Authority *authority, KlRegisterMode mode, guint attempt_ms)
{
    g_autoptr(GError) error = NULL;
    KlAws *aws = cloud_aws(attempt_ms);
    Rig rig = {aws, kl_signer_register_new(kl_signer_local_new(authority->ca), aws, NULL, mode, FALSE),
               kl_pki_new(kl_ca_chain_pem(authority->ca), &error)};
    g_assert_no_error(error);
    return rig;
}

/* A certificate's member in the peer's state, as text. */
static char *
certificate_member(const char *id, const char *name)
{
    g_autoptr(JsonNode) state = cloud_state();
    JsonArray *all = json_object_get_array_member(cloud_iot(state), "certificates");
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (strcmp(json_object_get_string_member(one, "certificateId"), id) == 0)
            return g_strdup(json_object_get_string_member_with_default(one, name, NULL));
    }
    g_assert_not_reached();
}

static void
test_modes(void)
{
    static const KlRegisterMode modes[] = {KL_REGISTER_CA, KL_REGISTER_WITHOUT_CA};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_auto(Rig) rig = rig_open(&shared, modes[i], PATIENT_ATTEMPT_MS);
        g_auto(Unit) unit = {0};
        unit_open(&unit);
        unit_finish(&unit, rig.signer, rig.pki);
        g_autofree char *ca = certificate_member(unit.ledger->sha256, "caCertificateId");
        g_autofree char *status = certificate_member(unit.ledger->sha256, "status");
        g_assert_cmpstr(ca, ==, modes[i] == KL_REGISTER_CA ? shared.id : NULL);
        g_assert_cmpstr(status, ==, "ACTIVE");
        g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 1);
        unit.active = FALSE; /* once more, out of the ledger */
        unit_finish(&unit, rig.signer, rig.pki);
        g_assert_cmpstr(unit.ledger->places, ==, "iot");
        cloud_revoke(unit.ledger->sha256);
        g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "REVOKED", NULL), ==, 1);
        unit_withdraw(&unit, rig.aws);
        g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
    }
    aws_peer_assert_clean(peer);
}

/* Whoever has one that is in use and gets another: on the line, the first one ends; in the field, the unit is connected
 * by it. */
static void
test_in_field(void)
{
    for (guint in_field = FALSE; in_field <= TRUE; in_field++) {
        g_auto(Rig) rig = rig_open(&shared, KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
        g_auto(Unit) unit = {0};
        unit_open(&unit);
        unit_finish(&unit, rig.signer, rig.pki);
        g_autofree char *first = g_strdup(unit.csr->spki_sha256);
        rig.signer->klass->free(rig.signer);
        rig.signer =
            kl_signer_register_new(kl_signer_local_new(shared.ca), rig.aws, NULL, KL_REGISTER_CA, (gboolean)in_field);
        unit_renew(&unit);
        unit_finish(&unit, rig.signer, rig.pki);
        g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL), ==, 1);
        g_assert_cmpuint(cloud_count(first, in_field ? "ACTIVE" : "INACTIVE", NULL), ==, 1);
        g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 2);
    }
    aws_peer_assert_clean(peer);
}

/* It is registered INACTIVE: nothing of a unit that never proves its key can be used. */
static void
test_inactive_first(void)
{
    g_auto(Rig) rig = rig_open(&shared, KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    unit_open(&unit);
    cloud_plant("UpdateCertificate", &cloud_faults[0], FALSE);
    g_assert_false(unit_attempt(&unit, rig.signer, rig.pki, &error));
    aws_peer_clear(peer);
    g_assert_true(unit.enrolled);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "INACTIVE", NULL), ==, 1);
}

static void
check_cell(KlRegisterMode mode, const char *operation, const Fault *fault)
{
    g_auto(Unit) unit = {0};
    unit_open(&unit);
    g_test_message("%s, %s", operation, fault->name);
    {
        g_auto(Rig) rig = rig_open(&shared, mode, cloud_attempt_ms(fault));
        g_autoptr(GError) error = NULL;
        cloud_plant(operation, fault, FALSE);
        gboolean passed = unit_attempt(&unit, rig.signer, rig.pki, &error);
        aws_peer_clear(peer);
        g_assert_true(passed == (error == NULL));
        g_assert_nonnull(unit.ledger);
        g_assert_true(!passed || cloud_count(unit.csr->spki_sha256, "ACTIVE", NULL) == 1);
    }
    g_auto(Rig) rig = rig_open(&shared, mode, PATIENT_ATTEMPT_MS);
    g_autofree char *id = NULL;
    unit_finish(&unit, rig.signer, rig.pki);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 1);
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, "ACTIVE", &id), ==, 1);
    g_assert_cmpstr(id, ==, unit.ledger->sha256);
    g_assert_cmpint(cloud_principals(unit.unit.device_id), ==, 1);
}

static void
test_matrix(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cloud_faults); i += CASE_STEP) {
        check_cell(KL_REGISTER_CA, "RegisterCertificate", &cloud_faults[i]);
        check_cell(KL_REGISTER_WITHOUT_CA, "RegisterCertificateWithoutCA", &cloud_faults[i]);
        check_cell(KL_REGISTER_CA, "AttachPolicy", &cloud_faults[i]);
        check_cell(KL_REGISTER_CA, "CreateThing", &cloud_faults[i]);
        check_cell(KL_REGISTER_CA, "AttachThingPrincipal", &cloud_faults[i]);
        check_cell(KL_REGISTER_CA, "UpdateCertificate", &cloud_faults[i]);
    }
    aws_peer_assert_clean(peer);
}

static void *
finish_some(void *data)
{
    const Rig *rig = data;
    for (guint i = 0; i < 2; i++) {
        g_auto(Unit) unit = {0};
        unit_open(&unit);
        unit_finish(&unit, rig->signer, rig->pki);
        g_autoptr(GError) error = NULL;
        KlOp op = cloud_op();
        g_autofree char *host = rig->signer->klass->endpoint(rig->signer, &op, &error);
        g_assert_no_error(error);
        g_assert_nonnull(host);
    }
    return NULL;
}

/* Eight slots, one signer. */
static void
test_slots(void)
{
    g_auto(Rig) rig = rig_open(&shared, KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
    pthread_t threads[8];
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, finish_some, &rig), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        pthread_join(threads[i], NULL);
    aws_peer_assert_clean(peer);
}

/* A policy that is not there is every unit's trouble; a certificate that is not there, its unit's own. */
static void
test_missing(void)
{
    g_auto(Rig) rig = rig_open(&shared, KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_auto(Unit) poor = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    unit_open(&poor);
    poor.profile.policy = (char *)"nowhere";
    g_assert_false(unit_attempt(&poor, rig.signer, rig.pki, &error));
    oracle_assert_code(error, KL_ERROR_CLOUD_MISSING);
    g_clear_error(&error);
    unit_open(&unit);
    unit_finish(&unit, rig.signer, rig.pki);
    unit_withdraw(&unit, rig.aws);
    g_assert_false(rig.signer->klass->activate(rig.signer, unit.ledger, &op, &error));
    oracle_assert_code(error, KL_ERROR_PROVISIONED_BROKEN);
    g_clear_error(&error);
    g_autoptr(KlCloud) cloud = kl_cloud_new(rig.aws, NULL);
    const KlIssueRequest request = unit_issue_request(&unit);
    for (guint i = 0; i < 2; i++) { /* with and without having seen an ARN */
        g_assert_false(kl_cloud_enroll(cloud, &request, unit.ledger->sha256, &op, &error));
        oracle_assert_code(error, KL_ERROR_PROVISIONED_BROKEN);
        g_clear_error(&error);
        g_autofree char *known = NULL;
        g_assert_cmpuint(cloud_count(poor.csr->spki_sha256, NULL, &known), ==, 1);
        cloud_revoke(known);
        g_assert_false(kl_cloud_activate(cloud, known, &op, &error));
        g_clear_error(&error);
    }
}

/* A CA that AWS does not know: the message leads to the remedy. */
static void
test_unknown_ca(void)
{
    g_auto(Authority) stranger = authority_new("Stranger");
    g_auto(Rig) rig = rig_open(&stranger, KL_REGISTER_CA, PATIENT_ATTEMPT_MS);
    g_auto(Unit) unit = {0};
    g_autoptr(GError) error = NULL;
    unit_open(&unit);
    g_assert_false(unit_attempt(&unit, rig.signer, rig.pki, &error));
    oracle_assert_has(error->message, "keyline ca register-aws");
    g_assert_cmpuint(cloud_count(unit.csr->spki_sha256, NULL, NULL), ==, 0);
}

/* --- the CA --- */

static gboolean
register_ca(const Authority *authority, gboolean default_mode, guint attempt_ms, KlCloudCa *done, GError **error)
{
    g_autoptr(KlAws) aws = cloud_aws(attempt_ms);
    KlOp op = cloud_op();
    return kl_cloud_register_ca(aws, kl_ca_chain_pem(authority->ca), default_mode ? authority->ca : NULL, done, &op,
                                error);
}

/* "MODE STATUS" of the CA in the peer, or NULL. */
static char *
ca_state(const char *id)
{
    g_autoptr(JsonNode) state = cloud_state();
    JsonArray *all = json_object_get_array_member(cloud_iot(state), "cas");
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (strcmp(json_object_get_string_member(one, "certificateId"), id) == 0)
            return g_strdup_printf("%s %s %s", json_object_get_string_member(one, "certificateMode"),
                                   json_object_get_string_member(one, "status"),
                                   json_object_get_string_member(one, "autoRegistrationStatus"));
    }
    return NULL;
}

static void
test_ca(void)
{
    static const char *const modes[] = {"SNI_ONLY", "DEFAULT"};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_auto(Authority) authority = authority_new(modes[i]);
        g_autoptr(GError) error = NULL;
        g_auto(KlCloudCa) first = {0};
        g_auto(KlCloudCa) second = {0};
        g_auto(KlCloudCa) third = {0};
        g_auto(KlCloudCa) other = {0};
        g_autofree char *wanted = g_strconcat(modes[i], " ACTIVE DISABLE", NULL);
        g_assert_true(register_ca(&authority, i, PATIENT_ATTEMPT_MS, &first, &error));
        g_assert_no_error(error);
        g_assert_true(first.registered && !first.activated);
        g_assert_cmpstr(first.mode, ==, modes[i]);
        g_assert_cmpstr(first.id, ==, authority.id);
        g_autofree char *state = ca_state(authority.id);
        g_assert_cmpstr(state, ==, wanted);

        g_assert_true(register_ca(&authority, i, PATIENT_ATTEMPT_MS, &second, &error));
        g_assert_true(!second.registered && !second.activated);
        g_autofree char *path = g_strconcat("/cacertificate/", authority.id, NULL);
        const KlPair inactive[] = {{"newStatus", "INACTIVE"}, {NULL, NULL}};
        cloud_do(KL_AWS_UPDATE_CA_CERTIFICATE, path, inactive, NULL);
        g_assert_true(register_ca(&authority, i, PATIENT_ATTEMPT_MS, &third, &error));
        g_assert_true(!third.registered && third.activated);
        g_autofree char *again = ca_state(authority.id);
        g_assert_cmpstr(again, ==, wanted);

        g_assert_false(register_ca(&authority, !i, PATIENT_ATTEMPT_MS, &other, &error));
        oracle_assert_code(error, KL_ERROR_CLOUD_CONFLICT);
    }
    aws_peer_assert_clean(peer);
}

/* The first answer is lost, and its repetition meets what the first has done. */
static void
test_ca_lost_answer(void)
{
    g_auto(Authority) authority = authority_new("Lost");
    g_autoptr(GError) error = NULL;
    g_auto(KlCloudCa) done = {0};
    cloud_plant("RegisterCACertificate", &cloud_faults[1], TRUE);
    g_assert_true(register_ca(&authority, FALSE, PATIENT_ATTEMPT_MS, &done, &error));
    g_assert_no_error(error);
    aws_peer_clear(peer);
    g_assert_true(done.registered);
    g_assert_cmpstr(done.mode, ==, "SNI_ONLY");
}

static void
test_ca_matrix(void)
{
    static const char *const operations[] = {"DescribeCACertificate", "GetRegistrationCode", "RegisterCACertificate"};
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        for (guint j = i % CASE_STEP; j < G_N_ELEMENTS(cloud_faults); j += CASE_STEP) {
            g_autofree char *name = g_strdup_printf("%u %u", i, j);
            g_auto(Authority) authority = authority_new(name);
            const Fault *fault = &cloud_faults[j];
            g_autoptr(GError) error = NULL;
            g_auto(KlCloudCa) broken = {0};
            g_auto(KlCloudCa) done = {0};
            g_test_message("%s, %s", operations[i], fault->name);
            cloud_plant(operations[i], fault, FALSE);
            gboolean passed = register_ca(&authority, TRUE, cloud_attempt_ms(fault), &broken, &error);
            aws_peer_clear(peer);
            g_assert_true(passed == (error == NULL));
            g_clear_error(&error);
            g_assert_true(register_ca(&authority, TRUE, PATIENT_ATTEMPT_MS, &done, &error));
            g_assert_no_error(error);
            g_autofree char *state = ca_state(authority.id);
            g_assert_cmpstr(state, ==, "DEFAULT ACTIVE DISABLE");
        }
    }
}

/* --- the command --- */

static char *
keyline(const char *station, const char *words, int *code)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "..", "station/cli/keyline", NULL);
    g_autofree char *command = g_strdup_printf("'%s' --station '%s' %s 2>&1", program, station, words);
    const char *argv[] = {"/bin/sh", "-c", command, NULL};
    g_autoptr(GError) error = NULL;
    char *out = NULL;
    int status = 0;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    *code = g_spawn_check_wait_status(status, NULL) ? 0 : status >> 8;
    g_test_message("%s: %d\n%s", words, *code, out);
    return out;
}

static void
test_command(void)
{
    static const struct {
        const char *words;
        int code;
        const char *says;
    } table[] = {
        {"ca register-aws --mode maybe", 2, "sni-only or default"},
        {"ca register-aws --mode default --passphrase-file pass", 0,
         "is registered now with AWS IoT Core, mode DEFAULT"},
        {"ca register-aws --mode default --passphrase-file pass", 0, "was registered already"},
        {"--output json ca register-aws --mode default --passphrase-file pass", 0, "\"registered_now\""},
        {"ca register-aws", 1, "CLOUD_CONFLICT"},
    };
    g_autoptr(OracleFolder) dir = oracle_folder();
    g_autofree char *station = g_build_filename(dir, "station", NULL);
    g_autofree char *pass = g_build_filename(dir, "pass", NULL);
    oracle_write(dir, "pass", PASSPHRASE, -1);
    int code = 0;
    g_free(keyline(station, "setup --name Bench", &code));
    g_assert_cmpint(code, ==, 0);
    g_autofree char *init = g_strdup_printf("ca init --passphrase-file '%s'", pass);
    g_free(keyline(station, init, &code));
    g_assert_cmpint(code, ==, 0);
    g_autofree char *without = keyline(station, "ca register-aws", &code);
    g_assert_cmpint(code, !=, 0);
    oracle_assert_has(without, "[aws]");
    ORACLE(dir, "printf '\\n[aws]\\nid-block=500\\n' >>station/station.conf");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(GStrv) parts = g_strsplit(table[i].words, " pass", 2);
        g_autofree char *quoted = g_strdup_printf(" '%s'", pass);
        g_autofree char *words = g_strjoinv(quoted, parts);
        g_autofree char *out = keyline(station, words, &code);
        oracle_assert_has(out, table[i].says);
        g_assert_true((code == 0) == (table[i].code == 0));
    }
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    cloud_start();
    cloud_make_policy();
    cloud_settings("{\"detach_ms\": 0}");
    shared = authority_new("Shared");
    g_auto(KlCloudCa) done = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(register_ca(&shared, FALSE, PATIENT_ATTEMPT_MS, &done, &error));
    g_test_add_func("/signer-register/modes", test_modes);
    g_test_add_func("/signer-register/in-field", test_in_field);
    g_test_add_func("/signer-register/inactive-first", test_inactive_first);
    g_test_add_func("/signer-register/matrix", test_matrix);
    g_test_add_func("/signer-register/missing", test_missing);
    g_test_add_func("/signer-register/slots", test_slots);
    g_test_add_func("/signer-register/unknown-ca", test_unknown_ca);
    g_test_add_func("/signer-register/ca", test_ca);
    g_test_add_func("/signer-register/ca-lost-answer", test_ca_lost_answer);
    g_test_add_func("/signer-register/ca-matrix", test_ca_matrix);
    g_test_add_func("/signer-register/command", test_command);
    int status = g_test_run();
    authority_clear(&shared);
    aws_peer_free(peer);
    return status;
}
