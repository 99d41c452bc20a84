/* What the tests of the signers with AWS behind them share: the strict peer, units with a journal as a job keeps it,
 * and the faults that each call meets. */
#pragma once

#include "certs/cloud.h"
#include "certs/csr.h"
#include "certs/openssl_auto.h"
#include "certs/pki.h"
#include "station/net/aws.h"
#include "station/signer.h"
#include "tests/case_step.h"
#include "tests/certs_oracle.h"
#include "tests/peers/aws_peer.h"

#define POLICY "device"

static AwsPeer *peer;

/* Starts the peer and leads every KlAws of this program to it. */
static inline void
cloud_start(void)
{
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
}

#define PATIENT_ATTEMPT_MS 60000

/* A client of its own for each case, so that none waits for another's share of the account's rates. */
static inline KlAws *
cloud_aws(guint attempt_ms)
{
    const KlAwsOptions options = {.backoff_ms = 1, .attempts = 2, .attempt_ms = attempt_ms};
    g_autoptr(GError) error = NULL;
    KlAws *aws = kl_aws_new(&options, &error);
    g_assert_no_error(error);
    return aws;
}

/* A signer by that client, and what judges its certificates. */
typedef struct {
    KlAws *aws;
    KlSigner *signer;
    KlPki *pki;
} Rig;

static inline void
rig_clear(Rig *rig)
{
    rig->signer->klass->free(rig->signer);
    rig->pki->klass->free(rig->pki);
    kl_aws_free(rig->aws);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear)

static inline KlOp
cloud_op(void)
{
    return (KlOp){.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
}

/* Any call, which has to succeed; json NULL: no body. */
static inline void
cloud_do(KlAwsOperationId operation, const char *path, const KlPair *query, const char *json)
{
    g_autoptr(KlAws) aws = cloud_aws(PATIENT_ATTEMPT_MS);
    g_autoptr(JsonNode) body = json != NULL ? json_from_string(json, NULL) : NULL;
    const KlAwsCall call = {operation, path, query, NULL, body, FALSE};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    kl_aws_call(aws, &call, &op, &answer, &error);
    g_assert_no_error(error);
}

static inline void
cloud_make_policy(void)
{
    cloud_do(KL_AWS_CREATE_POLICY, "/policies/" POLICY, NULL,
             "{\"policyDocument\": \"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[]}\"}");
}

static inline void
cloud_settings(const char *json)
{
    json_node_unref(aws_peer_control(peer, "POST", "settings", json));
}

/* Somebody revokes a certificate in AWS IoT Core. */
static inline void
cloud_revoke(const char *id)
{
    const KlPair query[] = {{"newStatus", "REVOKED"}, {NULL, NULL}};
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    cloud_do(KL_AWS_UPDATE_CERTIFICATE, path, query, NULL);
}

/* --- what the peer holds --- */

static inline JsonNode *
cloud_state(void)
{
    return aws_peer_control(peer, "GET", "state", NULL);
}

/* Of AWS IoT, no more than the certificates for a key and one thing: of all that the tests have made, each look would
 * be longer than the one before. */
static inline JsonNode *
cloud_state_of(const char *spki_sha256, const char *thing)
{
    g_autofree char *name = g_strdup_printf("state?service=iot&key=%s&thing=%s", spki_sha256, thing);
    return aws_peer_control(peer, "GET", name, NULL);
}

static inline JsonObject *
cloud_iot(JsonNode *state)
{
    return json_object_get_object_member(json_node_get_object(state), "iot");
}

static inline gboolean
cloud_is_key(JsonObject *certificate, const char *spki_sha256)
{
    const char *hex = json_object_get_string_member(certificate, "publicKey");
    g_autoptr(GByteArray) der = g_byte_array_new();
    for (; hex[0] != '\0'; hex += 2) {
        guint8 octet = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
        g_byte_array_append(der, &octet, 1);
    }
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, der->data, der->len);
    return strcmp(sha256, spki_sha256) == 0;
}

/* AWS IoT's certificates for a key: how many, and how many of them in that status (NULL: any); *id is the last's. */
static inline guint
cloud_count(const char *spki_sha256, const char *status, char **id)
{
    g_autoptr(JsonNode) state = cloud_state_of(spki_sha256, "");
    JsonArray *all = json_object_get_array_member(cloud_iot(state), "certificates");
    guint count = 0;
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (!cloud_is_key(one, spki_sha256) ||
            (status != NULL && strcmp(json_object_get_string_member(one, "status"), status) != 0))
            continue;
        count++;
        if (id != NULL) {
            g_free(*id);
            *id = g_strdup(json_object_get_string_member(one, "certificateId"));
        }
    }
    return count;
}

/* How many certificates are attached to a thing; -1: no such thing. */
static inline int
cloud_principals(const char *thing)
{
    g_autoptr(JsonNode) state = cloud_state_of("", thing);
    JsonObject *things = json_object_get_object_member(cloud_iot(state), "things");
    if (!json_object_has_member(things, thing))
        return -1;
    return (int)json_array_get_length(
        json_object_get_array_member(json_object_get_object_member(things, thing), "principals"));
}

/* --- a unit, and what a job journals of it --- */

typedef struct {
    KlUnit unit;
    KlProfile profile;
    KlCsr *csr;
    EVP_PKEY *key;
    char *job;
    gint64 since;          /* of the open intent; 0: none is open */
    KlCertificate *ledger; /* NULL until issued */
    gboolean enrolled, active;
} Unit;

static inline GBytes *
unit_request(EVP_PKEY *key, const char *common_name)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_ASC,
                               (const guchar *)common_name, -1, -1, 0);
    X509_REQ_set_pubkey(request, key);
    X509_REQ_sign(request, key, EVP_sha256());
    guchar *data = NULL;
    int length = i2d_X509_REQ(request, &data);
    g_assert_cmpint(length, >, 0);
    GBytes *der = g_bytes_new(data, (gsize)length);
    OPENSSL_free(data);
    X509_REQ_free(request);
    return der;
}

/* The request as the unit makes it now: another signature each time. */
static inline void
unit_ask(Unit *unit)
{
    g_autoptr(GBytes) der = unit_request(unit->key, unit->unit.device_id);
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&unit->csr, kl_csr_free);
    unit->csr = kl_csr_check(der, &unit->profile, unit->unit.device_id, &error);
    g_assert_no_error(error);
}

/* A unit of its own with a new key. */
static inline void
unit_open(Unit *unit)
{
    static gint last;
    guint number = (guint)g_atomic_int_add(&last, 1) + 1;
    *unit = (Unit){.profile = oracle_profile(), .unit = oracle_unit()};
    unit->profile.subject = (char *)"CN={device_id}";
    unit->profile.policy = (char *)POLICY;
    unit->unit.device_id = g_strdup_printf("FX30-%06u", number);
    unit->unit.imei = g_strdup_printf("35265309%07u", number);
    unit->key = EVP_EC_gen("P-256");
    unit->job = g_uuid_string_random();
    unit_ask(unit);
}

/* The same unit with a new key, for which nothing was issued yet. */
static inline void
unit_renew(Unit *unit)
{
    EVP_PKEY_free(unit->key);
    unit->key = EVP_EC_gen("P-256");
    unit->since = 0;
    unit->enrolled = unit->active = FALSE;
    g_clear_pointer(&unit->ledger, kl_certificate_free);
    unit_ask(unit);
}

static inline void
unit_clear(Unit *unit)
{
    g_free(unit->unit.device_id);
    g_free(unit->unit.imei);
    g_free(unit->job);
    kl_csr_free(unit->csr);
    kl_certificate_free(unit->ledger);
    EVP_PKEY_free(unit->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Unit, unit_clear)

static inline KlIssueRequest
unit_issue_request(const Unit *unit)
{
    return (KlIssueRequest){unit->csr,  &unit->profile, &unit->unit, unit->job, g_get_real_time() / G_USEC_PER_SEC,
                            unit->since};
}

/* The step "issue": an open intent is looked up first. */
static inline KlCertificate *
unit_get(Unit *unit, KlSigner *signer, KlOp *op, GError **error)
{
    KlIssueRequest request = unit_issue_request(unit);
    KlCertificate *found = NULL;
    if (unit->since != 0 && !signer->klass->lookup(signer, &request, &found, op, error))
        return NULL;
    if (found != NULL)
        return found;
    if (unit->since != 0) {
        g_free(unit->job);
        unit->job = g_uuid_string_random();
    }
    unit->since = request.now;
    request = unit_issue_request(unit);
    return signer->klass->issue(signer, &request, op, error);
}

/* One attempt of a job at all that has to do with the signer; goes on where the one before failed. */
static inline gboolean
unit_attempt(Unit *unit, KlSigner *signer, KlPki *pki, GError **error)
{
    KlOp op = cloud_op();
    if (unit->ledger == NULL) {
        g_autoptr(KlCertificate) certificate = unit_get(unit, signer, &op, error);
        if (certificate == NULL || !pki->klass->verify_issued(pki, certificate, unit->csr->spki_sha256, &unit->profile,
                                                              &unit->unit, g_get_real_time() / G_USEC_PER_SEC, error))
            return FALSE;
        unit->ledger = g_steal_pointer(&certificate);
        unit->since = 0;
    }
    const KlIssueRequest request = unit_issue_request(unit);
    if (signer->klass->enroll != NULL && !signer->klass->enroll(signer, &request, unit->ledger, &op, error))
        return FALSE;
    unit->enrolled = TRUE;
    if (signer->klass->activate != NULL && !signer->klass->activate(signer, unit->ledger, &op, error))
        return FALSE;
    unit->active = TRUE;
    return TRUE;
}

/* Attempts until it is done, five at most. */
static inline void
unit_finish(Unit *unit, KlSigner *signer, KlPki *pki)
{
    for (guint i = 0; i < 5 && !unit->active; i++) {
        g_autoptr(GError) error = NULL;
        unit_ask(unit);
        if (!unit_attempt(unit, signer, pki, &error))
            g_test_message("again: %s", error->message);
    }
    g_assert_true(unit->active);
}

static inline gboolean
unit_try_withdraw(const Unit *unit, KlAws *aws, KlOp *op, GError **error)
{
    g_autoptr(KlCloud) cloud = kl_cloud_new(aws, NULL);
    return kl_cloud_withdraw(cloud, unit->ledger->sha256, op, error);
}

/* Withdraws until it is done. */
static inline void
unit_withdraw(const Unit *unit, KlAws *aws)
{
    g_autoptr(GError) error = NULL;
    KlOp op = cloud_op();
    gboolean done = FALSE;
    for (guint i = 0; i < 100 && !done; i++) {
        g_clear_error(&error);
        done = unit_try_withdraw(unit, aws, &op, &error);
        if (!done)
            g_usleep(10000);
    }
    g_assert_no_error(error);
}

/* --- what calls meet --- */

typedef struct {
    const char *name;
    const char *rule; /* members of the peer's fault rule */
} Fault;

static const Fault cloud_faults[] = {
    {"drop-before", "\"kind\": \"drop-before\""},
    {"drop-after", "\"kind\": \"drop-after\""},
    {"reset", "\"kind\": \"drop-after\", \"reset\": true"},
    {"500", "\"kind\": \"status\", \"status\": 500"},
    {"500-done", "\"kind\": \"status\", \"status\": 500, \"effect\": true"},
    {"503", "\"kind\": \"status\", \"status\": 503, \"bare\": true"},
    {"throttle", "\"kind\": \"throttle\""},
    {"refused", "\"kind\": \"error\", \"name\": \"InvalidRequestException\", \"status\": 400"},
    {"denied", "\"kind\": \"error\", \"name\": \"UnauthorizedException\", \"status\": 401"},
    {"garbage", "\"kind\": \"garbage\", \"size\": 100"},
    {"truncated", "\"kind\": \"truncated\""},
    {"slow", "\"kind\": \"slow\", \"ms\": 300"},
};

/* What is sent takes effect all the same, and the peer lets nobody look before that. */
#define SLOW_ATTEMPT_MS 100

/* From now on each call of the operation meets the fault; with once, only the next. */
static inline void
cloud_plant(const char *operation, const Fault *fault, gboolean once)
{
    g_autofree char *rule =
        g_strdup_printf("{\"operation\": \"%s\", %s%s}", operation, fault->rule, once ? ", \"nth\": 1" : "");
    aws_peer_plant(peer, rule);
}

static inline guint
cloud_attempt_ms(const Fault *fault)
{
    return strcmp(fault->name, "slow") == 0 ? SLOW_ATTEMPT_MS : PATIENT_ATTEMPT_MS;
}
