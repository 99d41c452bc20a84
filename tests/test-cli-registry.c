/* keyline registry pending, retry, park and push, and what a PASS says while its row is on its way: the real program,
 * with the AWS peer behind it. */
#include "tests/cli_rig.h"
#include "tests/rig/cloud_rig.h"

#define TABLE_DOWN "{\"operation\": \"PutItem\", \"kind\": \"drop-before\"}"
#define TABLE_DENIED "{\"operation\": \"PutItem\", \"kind\": \"error\", \"name\": \"AccessDeniedException\"}"

static AwsPeer *peer;
static guint64 seed = 9000;

/* A station for the program, with the passphrase where it finds it. */
static KlLineRig *
set_up(Rig *cli)
{
    static const char *const station[] = {"aws.ack-wait-ms=100", "ca.passphrase-file=passphrase", NULL};
    KlLineRig *rig = kl_cloud_rig_station("cli", "local", 2, seed++, NULL, NULL);
    g_autofree char *conf = g_build_filename(rig->station_dir, "station.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    kl_line_rig_close(rig);
    cli->station = rig->station_dir;
    cli->passphrase_file = g_build_filename(rig->station_dir, "passphrase", NULL);
    write_file(cli->passphrase_file, PASSPHRASE "\n", 0600);
    g_assert_true(g_key_file_load_from_file(file, conf, G_KEY_FILE_KEEP_COMMENTS, NULL));
    for (guint i = 0; station[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit_set(station[i], ".=", 3);
        g_key_file_set_value(file, parts[0], parts[1], parts[2]);
    }
    g_assert_true(g_key_file_save_to_file(file, conf, NULL));
    return rig;
}

static void
tear_down(Rig *cli, KlLineRig *rig)
{
    g_free(cli->passphrase_file);
    kl_line_rig_free(rig);
}

static void
assert_has(const char *whole, const char *part)
{
    if (strstr(whole, part) == NULL)
        g_error("'%s' is not in:\n%s", part, whole);
}

static void
assert_run(const Rig *cli, const char *words, int code, const char *part)
{
    g_auto(Run) run = keyline(cli, words);
    g_autofree char *all = g_strconcat(run.out, run.err, NULL);
    if (run.code != code)
        g_error("%s: %d, not %d\n%s", words, run.code, code, all);
    assert_has(all, part);
}

static gint64
number(const Rig *cli, const char *words, const char *member)
{
    g_auto(Run) run = keyline(cli, words);
    g_autoptr(JsonNode) json = document(&run);
    return json_object_get_int_member(json_node_get_object(json), member);
}

static void
test_nothing(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    assert_run(&cli, "registry pending", 0, "0 queued, 0 parked, 0 sent");
    assert_run(&cli, "registry push", 0, "0 sent, 0 left, 0 parked");
    assert_run(&cli, "registry retry 5", 2, "RECORD_UNKNOWN");
    assert_run(&cli, "registry park 5", 2, "RECORD_UNKNOWN");
    assert_run(&cli, "registry park x", 2, "is no row");
    assert_run(&cli, "registry retry", 2, "NUMBER or --all");
    assert_run(&cli, "registry retry 1 --all", 2, "NUMBER or --all");
    tear_down(&cli, rig);
}

static void
test_outage(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    aws_peer_plant(peer, TABLE_DOWN);
    assert_run(&cli, "provision --slot 01", 0, "PASS, row queued for the cloud");
    assert_run(&cli, "records list", 0, "PASS");
    g_auto(Run) batch = keyline(&cli, "batch --count 2 --idle 1");
    g_assert_cmpint(batch.code, ==, 0);
    assert_has(batch.out, "PASS, row queued");
    /* 01: a row and two records; 02: one of each. */
    g_assert_cmpint(number(&cli, "registry pending --output json", "queued"), ==, 5);
    assert_run(&cli, "registry pending", 0, "5 queued, the oldest for ");
    assert_run(&cli, "registry pending --limit 1", 0, "registration");
    assert_run(&cli, "registry push --patience 1", 1, "5 rows are still queued");
    aws_peer_clear(peer);
    aws_peer_plant(peer, TABLE_DENIED);
    assert_run(&cli, "registry push", 3, "CLOUD_DENIED"); /* at once */
    aws_peer_clear(peer);
    assert_run(&cli, "registry pending", 0, "CLOUD_DENIED  The cloud account does not let the station do this.");

    assert_run(&cli, "registry park 2", 0, "Row 2: parked.");
    assert_run(&cli, "registry push", 1, "4 sent, 0 left, 1 parked: see keyline registry pending");
    assert_run(&cli, "registry pending", 0, "parked");
    assert_run(&cli, "registry retry --all", 0, "All rows are to be sent again");
    g_assert_cmpint(number(&cli, "registry push --output json", "sent"), ==, 1);
    assert_run(&cli, "registry pending", 0, "0 queued, 0 parked, 5 sent");
    assert_run(&cli, "provision --slot 01", 0, "PASS, was provisioned before, checked again\n");
    aws_peer_assert_clean(peer);
    tear_down(&cli, rig);
}

static void
test_json(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    aws_peer_plant(peer, TABLE_DENIED);
    g_auto(Run) run = keyline(&cli, "provision --slot 01 --output json");
    g_autoptr(JsonNode) json = document(&run);
    g_assert_true(json_object_get_boolean_member(json_node_get_object(json), "row_queued"));
    g_auto(Run) pending = keyline(&cli, "registry pending --output json");
    g_autoptr(JsonNode) list = document(&pending);
    JsonObject *row = json_array_get_object_element(member_array(list, "rows"), 0);
    g_assert_cmpstr(text(row, "kind"), ==, "registration");
    g_assert_cmpstr(text(row, "state"), ==, "queued");
    g_assert_cmpstr(text(row, "code"), ==, "CLOUD_DENIED");
    g_assert_cmpstr(text(row, "words"), ==, "The cloud account does not let the station do this.");
    g_assert_cmpstr(text(row, "record_id"), ==, text(json_node_get_object(json), "record_id"));
    aws_peer_clear(peer);
    tear_down(&cli, rig);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    peer = kl_cloud_rig_start();
    g_test_add_func("/cli-registry/nothing", test_nothing);
    g_test_add_func("/cli-registry/outage", test_outage);
    g_test_add_func("/cli-registry/json", test_json);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
