/* keyline registry pending, retry, park and push, and what a PASS says while its row is on its way: the real program,
 * with the AWS peer behind it. */
#include "tests/cli_rig.h"
#include "tests/rig/cloud_rig.h"

#define TABLE_DOWN "{\"operation\": \"PutItem\", \"kind\": \"drop-before\"}"
#define TABLE_DENIED "{\"operation\": \"PutItem\", \"kind\": \"error\", \"name\": \"AccessDeniedException\"}"

static AwsPeer *peer;
static guint64 seed = 9000;

/* Changes a file of the station's folder. */
static void
configure(const Rig *cli, const char *name, const char *group, const char *key, const char *value)
{
    g_autofree char *path = g_build_filename(cli->station, name, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL));
    g_key_file_set_value(file, group, key, value);
    g_assert_true(g_key_file_save_to_file(file, path, NULL));
}

/* A station for the program, with the passphrase where it finds it. */
static KlLineRig *
set_up(Rig *cli)
{
    KlLineRig *rig = kl_cloud_rig_station("cli", "local", 2, seed++, NULL, NULL);
    kl_line_rig_close(rig);
    cli->station = rig->station_dir;
    cli->passphrase_file = g_build_filename(rig->station_dir, "passphrase", NULL);
    write_file(cli->passphrase_file, PASSPHRASE "\n", 0600);
    configure(cli, "station.conf", "aws", "ack-wait-ms", "100");
    configure(cli, "station.conf", "ca", "passphrase-file", "passphrase");
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

/* What the line needs in the cloud is asked before its first unit: definitely not there, it does not start. */
static void
test_firmware(void)
{
    static const char *const starts[] = {"provision --slot 01", "batch --count 1 --idle 1"};
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    g_free(kl_line_rig_shell(rig, "sed -i 's/^\\[aws\\]/&\\nfirmware-table=Devicemanager_update/' $S/station.conf"));
    for (guint i = 0; i < G_N_ELEMENTS(starts); i++)
        assert_run(&cli, starts[i], 3, "The firmware that the product names is not in the cloud.");
    assert_run(&cli, "registry push", 0, "0 sent, 0 left, 0 parked"); /* sends what there is all the same */
    aws_peer_plant(peer, "{\"operation\": \"GetItem\", \"kind\": \"drop-before\"}");
    assert_run(&cli, "provision --slot 01", 0, "PASS");
    aws_peer_clear(peer);
    tear_down(&cli, rig);
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
    assert_run(&cli, "registry push --patience 1", 1, "5 rows are still queued: 2 registration");
    aws_peer_clear(peer);
    aws_peer_plant(peer, TABLE_DENIED);
    assert_run(&cli, "registry push", 3, "CLOUD_DENIED"); /* at once */
    aws_peer_clear(peer);
    assert_run(&cli, "registry pending", 0, "CLOUD_DENIED  The cloud account does not let the station do this.");

    assert_run(&cli, "registry park 2", 0, "Row 2: parked.");
    assert_run(&cli, "registry push", 1, "4 sent, 0 left, 1 parked: see keyline registry pending");
    assert_run(&cli, "registry pending", 0, "parked");
    assert_run(&cli, "registry retry --all", 0, "All rows: queued.");
    g_assert_cmpint(number(&cli, "registry push --output json", "sent"), ==, 1);
    assert_run(&cli, "registry pending", 0, "0 queued, 0 parked, 5 sent");
    assert_run(&cli, "provision --slot 01", 0, "PASS, was provisioned before, checked again\n");
    aws_peer_assert_clean(peer);
    tear_down(&cli, rig);
}

/* A table that is not there holds up its own rows, and says which. */
static void
test_one_table(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    configure(&cli, "station.conf", "aws", "records-table", "Nowhere");
    assert_run(&cli, "provision --slot 01", 0, "PASS");
    assert_run(&cli, "provision --slot 02", 0, "PASS");
    assert_run(&cli, "registry push", 3, "2 rows are still queued: 2 record (CLOUD_MISSING)");
    g_autofree char *rows = kl_line_rig_sql(rig, "SELECT kind, state, count(*) FROM outbox GROUP BY 1, 2");
    g_assert_cmpstr(rows, ==, "record|queued|2\nregistration|sent|2");
    configure(&cli, "station.conf", "aws", "records-table", "Keyline_records");
    assert_run(&cli, "registry push", 0, "2 sent, 0 left, 0 parked\n");
    tear_down(&cli, rig);
}

/* Numbers that can't be leased are no trouble of the rows. */
static void
test_no_ids(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    aws_peer_plant(peer, TABLE_DOWN);
    assert_run(&cli, "provision --slot 01", 0, "PASS, row queued");
    aws_peer_clear(peer);
    configure(&cli, "products/fx30s.conf", "id", "rule", "sequence");
    configure(&cli, "products/fx30s.conf", "id", "pattern", "FX30-%06u");
    configure(&cli, "station.conf", "aws", "counters-table", "Nowhere");
    configure(&cli, "station.conf", "aws", "rows-per-second", "1"); /* so that the trouble is seen while rows wait */
    assert_run(&cli, "registry push", 0,
               "2 sent, 0 left, 0 parked\n"
               "No row waits for it, but no new device ids could be leased: CLOUD_MISSING  ");
    tear_down(&cli, rig);
}

/* Beside whoever runs the station rows can be parked and retried; sending is that one's business. */
static void
test_beside(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    aws_peer_plant(peer, TABLE_DOWN);
    assert_run(&cli, "provision --slot 01", 0, "PASS, row queued");
    kl_line_rig_reopen(rig);
    assert_run(&cli, "registry park 1", 0, "Row 1: parked.");
    assert_run(&cli, "registry push", 3, "to send from here, close the station first");
    g_autofree char *parked = kl_line_rig_sql(rig, "SELECT state FROM outbox ORDER BY number");
    g_assert_cmpstr(parked, ==, "parked\nqueued");
    assert_run(&cli, "registry retry 1", 0, "Row 1: queued. A running station sends by itself");
    aws_peer_clear(peer);
    kl_cloud_rig_drain(rig);
    /* Nothing of a running station was taken for a dead program's. */
    g_autoptr(KlRecord) second = kl_line_rig_provision(rig, 2, NULL);
    g_assert_cmpint(second->outcome, ==, KL_OUTCOME_PASS);
    kl_cloud_rig_drain(rig);
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

static void
stop_serving(GSubprocess *server)
{
    g_subprocess_send_signal(server, SIGTERM);
    g_assert_true(g_subprocess_wait(server, NULL, NULL));
    g_assert_true(g_subprocess_get_if_exited(server));
    g_assert_cmpint(g_subprocess_get_exit_status(server), ==, 0);
}

/* The server holds the station's lock: its mark stands in there. It is not opened: the server would give way. */
static void
wait_until_served(const Rig *cli)
{
    g_autofree char *path = g_build_filename(cli->station, "station.lock", NULL);
    for (;;) {
        GStatBuf info;
        if (g_stat(path, &info) == 0 && info.st_size == strlen("gives way\n"))
            return;
        g_usleep(20000);
    }
}

/* A server, whose table is down, with the rows of a unit that has passed. */
static GSubprocess *
start_serving(const Rig *cli)
{
    g_autofree char *path = keyline_path();
    g_autoptr(GError) error = NULL;
    aws_peer_plant(peer, TABLE_DOWN);
    assert_run(cli, "provision --slot 01", 0, "PASS, row queued for the cloud");
    GSubprocess *server = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, path, "--station", cli->station,
                                           "registry", "serve", NULL);
    g_assert_no_error(error);
    wait_until_served(cli);
    return server;
}

static void
wait_until_sent(const Rig *cli, gint64 count)
{
    while (number(cli, "registry pending --output json", "queued") != 0)
        g_usleep(100000);
    g_assert_cmpint(number(cli, "registry pending --output json", "sent"), ==, count);
}

/* Rows leave while nobody works; who wants to work gets the station although rows wait; and they leave after that. */
static void
test_serve(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    g_autoptr(GSubprocess) server = start_serving(&cli);
    assert_run(&cli, "provision --slot 02", 0, "PASS, row queued for the cloud");
    wait_until_served(&cli);
    aws_peer_clear(peer);
    wait_until_sent(&cli, 4);
    stop_serving(server);
    aws_peer_assert_clean(peer);
    tear_down(&cli, rig);
}

/* What is changed in station.conf holds for a server that is busy, too. */
static void
test_serve_changed(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    g_autoptr(GSubprocess) server = start_serving(&cli);
    g_autofree char *path = g_build_filename(cli.station, "station.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_KEEP_COMMENTS, NULL));
    g_assert_true(g_key_file_remove_group(file, "aws", NULL));
    g_assert_true(g_key_file_save_to_file(file, path, NULL));
    g_autofree char *said = NULL;
    g_assert_true(g_subprocess_communicate_utf8(server, NULL, NULL, &said, NULL, NULL));
    g_assert_cmpint(g_subprocess_get_exit_status(server), ==, 0);
    assert_has(said, "no [aws] group");
    aws_peer_clear(peer);
    aws_peer_assert_clean(peer);
    tear_down(&cli, rig);
}

/* A server that was killed has left its mark, and no lock. */
static void
test_serve_killed(void)
{
    Rig cli = {0};
    KlLineRig *rig = set_up(&cli);
    g_autoptr(GSubprocess) server = start_serving(&cli);
    g_subprocess_force_exit(server);
    g_assert_true(g_subprocess_wait(server, NULL, NULL));
    aws_peer_clear(peer);
    assert_run(&cli, "registry push", 0, "2 sent, 0 left, 0 parked");
    aws_peer_assert_clean(peer);
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
    g_test_add_func("/cli-registry/firmware", test_firmware);
    g_test_add_func("/cli-registry/outage", test_outage);
    g_test_add_func("/cli-registry/one-table", test_one_table);
    g_test_add_func("/cli-registry/no-ids", test_no_ids);
    g_test_add_func("/cli-registry/beside", test_beside);
    g_test_add_func("/cli-registry/json", test_json);
    g_test_add_func("/cli-registry/serve", test_serve);
    g_test_add_func("/cli-registry/serve-changed", test_serve_changed);
    g_test_add_func("/cli-registry/serve-killed", test_serve_killed);
    int status = g_test_run();
    aws_peer_free(peer);
    return status;
}
