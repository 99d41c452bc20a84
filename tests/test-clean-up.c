/* Certificates that have ended leave AWS wherever they are known there, whatever the station is configured for by then;
 * and as long as they have not, nobody says that they have. The whole station, the real program, the strict peer. */
#include "station/station_orphans.h"
#include "tests/cli_rig.h"
#include "tests/rig/cloud_rig.h"

static AwsPeer *peer;
static guint64 seed = 12000;
static char *pca_arn;

static void
assert_has(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL)
        g_error("'%s' is not in:\n%s", part, whole);
}

/* Changes station.conf of a closed station: signer, and whether there is an [aws] group. */
static void
configure(const KlLineRig *rig, const char *signer, gboolean aws)
{
    g_autofree char *path = g_build_filename(rig->station_dir, "station.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL));
    g_key_file_set_value(file, "ca", "signer", signer);
    g_key_file_remove_group(file, "aws", NULL);
    if (aws)
        g_key_file_set_value(file, "aws", "rows-per-second", "1000");
    g_assert_true(g_key_file_save_to_file(file, path, NULL));
}

static char *
provision(KlLineRig *rig, const char *reason)
{
    const KlJobRequest request = {.reprovision_reason = (char *)reason};
    g_autoptr(KlRecord) record = kl_line_rig_provision(rig, 1, reason != NULL ? &request : NULL);
    if (record->outcome != KL_OUTCOME_PASS)
        g_error("%s: %s", record->code, record->detail);
    return g_strdup(record->certificate_sha256);
}

/* What AWS IoT Core says of a certificate, or the reason for which the private CA has revoked it; NULL: neither. */
static char *
in_aws(const char *id)
{
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    JsonArray *all = json_object_get_array_member(json_object_get_object_member(state, "iot"), "certificates");
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        if (g_str_equal(json_object_get_string_member(one, "certificateId"), id))
            return g_strdup(json_object_get_string_member(one, "status"));
    }
    JsonObject *issued = json_object_get_object_member(json_object_get_object_member(state, "acm-pca"), "issued");
    g_autoptr(GList) members = json_object_get_values(issued);
    for (GList *at = members; at != NULL; at = at->next) {
        JsonObject *one = json_node_get_object(at->data);
        if (g_str_equal(json_object_get_string_member(one, "certificateId"), id))
            return g_strdup(json_object_get_string_member_with_default(one, "revoked", NULL));
    }
    return NULL;
}

static void
assert_in_aws(const char *id, const char *expected)
{
    g_autofree char *status = in_aws(id);
    g_assert_cmpstr(status, ==, expected);
}

static void
assert_row(const KlLineRig *rig, const char *id, const char *expected)
{
    g_autofree char *sql = g_strdup_printf("SELECT state FROM outbox WHERE kind = 'cleanup' AND key = '%s'", id);
    g_autofree char *state = kl_line_rig_sql(rig, sql);
    g_assert_cmpstr(state, ==, expected);
}

/* keyline ca revoke. */
static void
assert_revokes(const KlLineRig *rig, const char *id, const char *part)
{
    Rig cli = {.station = rig->station_dir};
    g_autofree char *words = g_strdup_printf("ca revoke %s --reason stolen", id);
    g_auto(Run) run = keyline(&cli, words);
    g_assert_cmpint(run.code, ==, 0);
    assert_has(run.out, "Revoked ");
    assert_has(run.out, part);
}

/* One that has the private CA sign, and AWS IoT Core know nothing of that. */
static KlLineRig *
pca_station(const char *name)
{
    g_autofree char *arn = g_strconcat("aws.pca-arn=", pca_arn, NULL);
    const char *const station[] = {arn, "aws.register=no", NULL};
    return kl_cloud_rig_station(name, "pca", 1, seed++, station, NULL);
}

/* The private CA is the only one who knows: it is told, of the one that was replaced and of the one that is revoked. */
static void
test_private_ca(void)
{
    KlLineRig *rig = pca_station("pca");
    g_autofree char *first = provision(rig, NULL);
    assert_in_aws(first, NULL);
    g_autofree char *second = provision(rig, "new key");
    kl_cloud_rig_drain(rig);
    assert_in_aws(first, "SUPERSEDED");
    assert_row(rig, first, "sent");
    assert_in_aws(second, NULL);
    kl_line_rig_close(rig);
    assert_revokes(rig, second, "AWS has taken it out.");
    assert_in_aws(second, "UNSPECIFIED");
    assert_row(rig, second, "sent");
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

/* The account does not let the station revoke: nobody waits for that, it is listed, and taken out by who may. */
static void
test_private_ca_denied(void)
{
    KlLineRig *rig = pca_station("denied");
    g_autofree char *id = provision(rig, NULL);
    kl_line_rig_close(rig);
    aws_peer_plant(peer, "{\"operation\": \"RevokeCertificate\", \"kind\": \"error\", \"name\": "
                         "\"AccessDeniedException\", \"status\": 400}");
    assert_revokes(rig, id, "AWS was NOT told yet (CLOUD_DENIED: ");
    assert_row(rig, id, "queued");
    Rig cli = {.station = rig->station_dir};
    g_auto(Run) pushed = keyline(&cli, "registry push");
    g_assert_cmpint(pushed.code, ==, 1);
    assert_row(rig, id, "parked");
    aws_peer_clear(peer);
    g_auto(Run) orphans = keyline(&cli, "doctor --orphans");
    g_assert_cmpint(orphans.code, ==, 3);
    assert_has(orphans.out, "was revoked here, and AWS was never told");
    g_auto(Run) cleaned = keyline(&cli, "doctor --orphans --clean --yes");
    assert_has(cleaned.out, "Taken out: certificate ");
    g_assert_null(strstr(cleaned.out, "\nparked ")); /* one certificate, told once */
    assert_in_aws(id, "UNSPECIFIED");
    assert_row(rig, id, "sent");
    kl_line_rig_free(rig);
}

/* The signer is not the one that made it: it is taken out where it is. */
static void
test_other_signer_now(void)
{
    KlLineRig *rig = pca_station("changed");
    g_autofree char *of_pca = provision(rig, NULL);
    kl_line_rig_close(rig);
    configure(rig, "iot", TRUE);
    kl_line_rig_reopen(rig);
    g_autofree char *of_iot = provision(rig, "AWS IoT signs now");
    kl_cloud_rig_drain(rig);
    assert_in_aws(of_pca, "SUPERSEDED");
    assert_in_aws(of_iot, "ACTIVE");
    kl_line_rig_close(rig);
    configure(rig, "local", TRUE);
    kl_line_rig_reopen(rig);
    g_autofree char *own = provision(rig, "the station signs now");
    kl_cloud_rig_drain(rig);
    assert_in_aws(of_iot, NULL);
    assert_row(rig, of_iot, "sent");
    kl_line_rig_close(rig);
    assert_revokes(rig, own, "AWS has taken it out."); /* it never was there */
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

/* No AWS any more: what is left there is queued, listed with what to do about it, and nobody says that it is gone. */
static void
test_cloud_is_gone(void)
{
    KlLineRig *rig = kl_cloud_rig_station("gone", "iot", 2, seed++, NULL, NULL);
    g_autofree char *replaced = provision(rig, NULL);
    g_autoptr(KlRecord) other = kl_line_rig_provision(rig, 2, NULL);
    kl_cloud_rig_drain(rig);
    kl_line_rig_close(rig);
    configure(rig, "local", FALSE);
    kl_line_rig_reopen(rig);
    g_autofree char *own = provision(rig, "no cloud any more");
    kl_line_rig_close(rig);
    assert_in_aws(replaced, "ACTIVE");
    assert_row(rig, replaced, "queued");
    assert_row(rig, own, "");
    assert_revokes(rig, own, "Tell others");
    assert_row(rig, own, "");
    assert_revokes(rig, other->certificate_sha256, "AWS was NOT told yet (station.conf has no [aws] group any more)");

    Rig cli = {.station = rig->station_dir};
    g_auto(Run) listed = keyline(&cli, "doctor --orphans");
    g_assert_cmpint(listed.code, ==, 3);
    assert_has(listed.out, "was superseded here, and AWS was never told");
    assert_has(listed.out, "was revoked here, and AWS was never told");
    assert_has(listed.out, "-> Put the [aws] group back into station.conf");
    g_auto(Run) nothing = keyline(&cli, "doctor --orphans --clean --yes");
    g_assert_cmpint(nothing.code, ==, 3);
    assert_in_aws(replaced, "ACTIVE");

    configure(rig, "local", TRUE);
    g_auto(Run) cleaned = keyline(&cli, "doctor --orphans --clean --yes");
    g_assert_null(strstr(cleaned.out, "never told")); /* AWS was asked, and has them */
    assert_in_aws(replaced, NULL);
    assert_in_aws(other->certificate_sha256, NULL);
    assert_row(rig, replaced, "sent");
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

/* A job that was broken off before there was AWS, and is ended with it: its certificate becomes known there later than
 * it was issued, and is taken out like any other. */
static void
test_known_later(void)
{
    static const char *const ack[] = {"aws.require-ack=true", NULL};
    KlLineRig *rig = kl_cloud_rig_station("later", "local", 1, seed++, ack, NULL);
    aws_peer_plant(peer, "{\"operation\": \"PutItem\", \"kind\": \"error\", \"name\": \"ValidationException\"}");
    g_autoptr(KlRecord) broken_off = kl_line_rig_provision(rig, 1, NULL);
    aws_peer_clear(peer);
    g_assert_cmpstr(broken_off->code, ==, "ROW_REFUSED");
    g_autofree char *before = kl_line_rig_sql(rig, "SELECT '<' || places || '>' FROM certificates");
    g_assert_cmpstr(before, ==, "<>");
    kl_line_rig_close(rig);
    configure(rig, "register", TRUE);
    Rig cli = {.station = rig->station_dir};
    g_auto(Run) known = keyline(&cli, "ca register-aws");
    g_assert_cmpint(known.code, ==, 0);
    g_auto(Run) retried = keyline(&cli, "registry retry --all");
    g_assert_cmpint(retried.code, ==, 0);
    kl_line_rig_reopen(rig);
    g_autofree char *id = provision(rig, NULL);
    g_assert_cmpstr(id, ==, broken_off->certificate_sha256);
    assert_in_aws(id, "ACTIVE");
    g_autofree char *after = kl_line_rig_sql(rig, "SELECT places FROM certificates");
    g_assert_cmpstr(after, ==, "iot");
    kl_cloud_rig_drain(rig);
    kl_line_rig_close(rig);
    configure(rig, "local", FALSE);
    assert_revokes(rig, id, "AWS was NOT told yet (station.conf has no [aws] group any more)");
    assert_row(rig, id, "queued");
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

/* The network is down: revoked here, and said to be queued; the next push takes it out. */
static void
test_queued(void)
{
    KlLineRig *rig = kl_cloud_rig_station("queued", "iot", 1, seed++, NULL, NULL);
    g_autofree char *id = provision(rig, NULL);
    kl_cloud_rig_drain(rig);
    kl_line_rig_close(rig);
    aws_peer_plant(peer, "{\"service\": \"iot\", \"kind\": \"drop-before\"}");
    assert_revokes(rig, id, "AWS was NOT told yet (NET_DOWN: ");
    aws_peer_clear(peer);
    assert_in_aws(id, "ACTIVE");
    assert_row(rig, id, "queued");
    Rig cli = {.station = rig->station_dir};
    g_auto(Run) pushed = keyline(&cli, "registry push");
    g_assert_cmpint(pushed.code, ==, 0);
    assert_in_aws(id, NULL);
    assert_row(rig, id, "sent");
    kl_line_rig_free(rig);
    aws_peer_assert_clean(peer);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_autoptr(JsonObject) state = kl_cloud_rig_state(peer);
    pca_arn = g_strdup(json_object_get_string_member(json_object_get_object_member(state, "acm-pca"), "arn"));
    g_test_add_func("/clean-up/private-ca", test_private_ca);
    g_test_add_func("/clean-up/private-ca-denied", test_private_ca_denied);
    g_test_add_func("/clean-up/other-signer-now", test_other_signer_now);
    g_test_add_func("/clean-up/cloud-is-gone", test_cloud_is_gone);
    g_test_add_func("/clean-up/known-later", test_known_later);
    g_test_add_func("/clean-up/queued", test_queued);
    int status = g_test_run();
    g_free(pca_arn);
    aws_peer_free(peer);
    return status;
}
