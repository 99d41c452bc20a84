/* First boot in the cloud, end to end: keyline-activation as it is installed, a real mosquitto, rows in DynamoDB and
 * software in S3 (the strict peer). What is in the table is what the peer says. */
#include "tests/activation_cloud_rig.h"

#define SIGNATURE "MAYCAQECAQE=" /* of a made-up signature, 8 bytes */

/* --- software --- */

static void
put_object(const char *file, const void *content, gsize length)
{
    g_autofree char *path = g_build_filename(aws_peer_folder(peer), "s3", "soft-ware", file, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, content, (gssize)length, NULL));
}

static void
put_entry(const char *file)
{
    g_autofree char *item =
        g_strdup_printf("{\"device\":{\"S\":\"main\"},\"bucket\":{\"S\":\"soft-ware\"},\"file\":{\"S\":\"%s\"},"
                        "\"version\":{\"N\":\"3\"},\"signature\":{\"S\":\"" SIGNATURE "\"}}",
                        file);
    cloud_table_put(aws, TABLE_FIRMWARE, item);
}

/* As large as software may be, with every byte in it. */
static GBytes *
make_software(void)
{
    guint8 *content = g_malloc(KL_SOFTWARE_MAX);
    for (guint i = 0; i < KL_SOFTWARE_MAX; i++)
        content[i] = (guint8)(i * 7 + i / 256);
    return g_bytes_new_take(content, KL_SOFTWARE_MAX);
}

/* --- one unit --- */

/* All of what a unit got, as the rules have it. */
static void
assert_got(const RigUnit *unit, const char *id, GBytes *content)
{
    gsize length = 0;
    const guint8 *bytes = g_bytes_get_data(content, &length);
    g_autofree char *base64 = g_base64_encode(bytes, length);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, content);
    g_autofree char *expected =
        g_strdup_printf("bs/device/%s/parameters/={\"topic\":\"t\"};bs/device/%s/parameters/topic=t;"
                        "dm/device/%s/update/parameters/={\"version\":3,\"size\":%" G_GSIZE_FORMAT
                        ",\"sha256\":\"%s\",\"signature\":\"" SIGNATURE "\"};dm/device/%s/update/=%s;",
                        id, id, id, length, sha256, id, base64);
    g_assert_cmpstr(unit->got->str, ==, expected);
}

static void
assert_check(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) check = program_run(&(How){NULL}, "--check");
    g_subprocess_wait_check(check, NULL, &error);
    g_assert_no_error(error);
}

/* A row that a line has sent goes false, requested, ok, version, and nothing else of it changes. Each message is one
 * reading and one update. */
static void
test_boot(void)
{
    static const char *const others[] = {"policy",       "firmware",        "parameters",
                                         "keyline_imei", "keyline_station", "keyline_run"};
    cloud_set_up();
    g_autoptr(GBytes) content = make_software();
    put_object("a/main-3.bin", g_bytes_get_data(content, NULL), g_bytes_get_size(content));
    put_entry("a/main-3.bin");
    g_autoptr(JsonObject) before = cloud_item(DEVICE);
    g_auto(Program) service = {NULL};
    assert_check();
    program_start(&service, &(How){NULL});
    g_autoptr(RigUnit) unit = boot_all(DEVICE);
    cloud_forget_calls();
    assert_cloud(DEVICE, "false 0 0");

    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    assert_cloud(DEVICE, "requested 0 0 answered=1");
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    program_await_kept(&service, "activated");
    assert_cloud(DEVICE, "ok 0 0 activated=1 answered=1");
    say(unit, "dm/device/%s/version/request", DEVICE, "{\"id\":\"3\"}");
    rig_hear(unit, 4);
    assert_got(unit, DEVICE, content);
    say(unit, RUNS, DEVICE, "{\"id\":\"4\",\"version\":3}");
    program_await_kept(&service, "version");
    assert_cloud(DEVICE, "ok 3 0 activated=1 answered=1 software=1 version=1");

    g_assert_cmpuint(aws_peer_calls(peer, "UpdateItem"), ==, 4);
    g_assert_cmpuint(aws_peer_calls(peer, "GetItem"), ==, 5); /* one is for where the software is */
    g_assert_cmpuint(aws_peer_calls(peer, "GetObject"), ==, 1);
    g_autoptr(JsonObject) after = cloud_item(DEVICE);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *was = cloud_value(before, others[i]), *is = cloud_value(after, others[i]);
        g_assert_cmpstr(is, ==, was);
        g_assert_cmpstr(is, !=, "");
    }
    program_stop(&service);
}

#define ANSWERS "bs/device/" DEVICE "/parameters/={\"topic\":\"t\"};bs/device/" DEVICE "/parameters/topic=t;"

/* The same message again is answered again and counted as one; a later one of an activated unit is not. */
static void
test_again(void)
{
    static const char *const said[][2] = {{BOOT, "{\"id\":\"1\"}"},
                                          {BOOT, "{\"id\":\"1\"}"},
                                          {OK, "{\"id\":\"2\"}"},
                                          {OK, "{\"id\":\"2\"}"},
                                          {BOOT, "{\"id\":\"1\"}"},
                                          {BOOT, "{\"id\":\"3\"}"},
                                          {RUNS, "{\"id\":\"4\",\"version\":3}"},
                                          {RUNS, "{\"id\":\"5\",\"version\":4}"},
                                          {RUNS, "{\"id\":\"4\",\"version\":3}"},
                                          {ASK, "nonsense"}};
    cloud_set_up();
    g_auto(Program) service = {NULL};
    program_start(&service, &(How){NULL});
    g_autoptr(RigUnit) unit = boot_all(DEVICE);
    for (gsize i = 0; i < G_N_ELEMENTS(said); i++)
        say(unit, said[i][0], DEVICE, said[i][1]);
    program_await_kept(&service, "malformed");
    assert_cloud(DEVICE, "ok 4 1 activated=1 answered=1 counted=1 malformed=1 repeated=4 version=2");
    rig_hear(unit, 4);
    g_assert_cmpstr(unit->got->str, ==, ANSWERS ANSWERS);
    program_stop(&service);
}

/* --- killed --- */

/* Waits for what only asking tells: asks until done. */
#define UNTIL(done, ask) RIG_UNTIL(done, (g_usleep(10000), (ask)))

/* Until the row is so. */
static void
wait_cloud(const char *device, const char *beginning)
{
    g_autofree char *state = cloud_state(device);
    UNTIL(g_str_has_prefix(state, beginning), (g_free(state), state = cloud_state(device)));
}

/* Until the peer was asked that so often. */
static void
wait_calls(const char *operation, guint n)
{
    guint calls = 0;
    UNTIL(calls >= n, calls = aws_peer_calls(peer, operation));
}

/* The service is killed before a row is kept, and after it is, when nothing has been answered yet: the next one does
 * what is left to be done, and no more. */
static void
test_killed(void)
{
    static const struct {
        const char *fault, *payload, *row, *state;
    } rows[] = {
        {"{\"operation\":\"UpdateItem\",\"kind\":\"drop-before\"}", "{\"id\":\"1\"}", "false 0 0",
         "requested 0 0 answered=1"},
        {"[{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1},"
         "{\"operation\":\"UpdateItem\",\"kind\":\"drop-before\"}]",
         "{\"id\":\"1\"}", "requested 0 0 answered=1", "requested 0 0 answered=1 repeated=1"},
        {"[{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"nth\":1},"
         "{\"operation\":\"UpdateItem\",\"kind\":\"drop-before\"}]",
         "{}", "requested 0 0 answered=1", "requested 0 0 answered=1 repeated=1"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        cloud_set_up();
        g_auto(Program) service = {NULL}, next = {NULL};
        program_start(&service, &(How){NULL});
        g_autoptr(RigUnit) unit = boot_all(DEVICE);
        cloud_forget_calls();
        aws_peer_plant(peer, rows[i].fault);
        say(unit, BOOT, DEVICE, rows[i].payload);
        wait_calls("UpdateItem", 1);
        wait_cloud(DEVICE, rows[i].row);
        program_clear(&service);
        aws_peer_clear(peer);
        assert_cloud(DEVICE, rows[i].row);
        g_assert_cmpstr(unit->got->str, ==, "");
        program_start(&next, &(How){NULL});
        rig_hear(unit, 2);
        assert_cloud(DEVICE, rows[i].state);
        program_stop(&next);
    }
}

/* --- several --- */

static void
boot_to_the_end(const char *id)
{
    g_autoptr(RigUnit) unit = boot(id);
    say(unit, BOOT, id, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    say(unit, OK, id, "{\"id\":\"2\"}");
    say(unit, ASK, id, "{\"id\":\"3\"}");
    rig_hear(unit, 3);
    say(unit, RUNS, id, "{\"id\":\"4\",\"version\":3}");
}

/* Two services share the messages: each is handled by one of them, once. */
static void
test_share(void)
{
    cloud_set_up();
    put_object("small.bin", "code", 4);
    put_entry("small.bin");
    g_auto(Program) one = {NULL}, two = {NULL};
    program_start(&one, &(How){.client_id = "service@1", .share = "word"});
    program_start(&two, &(How){.client_id = "service@2", .share = "word"});
    for (guint i = 0; i < UNITS; i++)
        boot_to_the_end(unit_ids[i]);
    for (guint i = 0; i < UNITS; i++) {
        wait_cloud(unit_ids[i], "ok 3 0");
        assert_cloud(unit_ids[i], "ok 3 0 activated=1 answered=1 software=1 version=1");
    }
    /* Both have had some. */
    g_free(program_await(&one, "\"verdict\""));
    g_free(program_await(&two, "\"verdict\""));
    program_stop(&one);
    program_stop(&two);
}

/* Two that don't share get everything, at the same moment: still, each change is made once, also one that leaves the
 * row as it is. */
static void
test_both(void)
{
    cloud_set_up();
    put_object("small.bin", "code", 4);
    put_entry("small.bin");
    g_auto(Program) one = {NULL}, two = {NULL};
    program_start(&one, &(How){.client_id = "service@1"});
    program_start(&two, &(How){.client_id = "service@2"});
    for (guint i = 0; i < UNITS; i++) {
        g_autoptr(RigUnit) unit = boot(unit_ids[i]);
        say(unit, BOOT, unit_ids[i], "{\"id\":\"1\"}");
        rig_hear(unit, 4);
        say(unit, OK, unit_ids[i], "{\"id\":\"2\"}");
        say(unit, ASK, unit_ids[i], "{\"id\":\"3\"}");
        rig_hear(unit, 6);
        assert_cloud(unit_ids[i], "ok 0 0 activated=1 answered=1 repeated=3 software=1");
    }
    program_stop(&one);
    program_stop(&two);
}

/* --- trouble --- */

/* So often as it was planted, each fault has struck. */
static void
assert_struck(void)
{
    g_autoptr(JsonNode) planted = aws_peer_control(peer, "GET", "faults", NULL);
    JsonArray *rules = json_object_get_array_member(json_node_get_object(planted), "planted");
    for (guint i = 0; i < json_array_get_length(rules); i++) {
        JsonObject *rule = json_array_get_object_element(rules, i);
        g_assert_cmpint(json_object_get_int_member(rule, "struck"), ==, json_object_get_int_member(rule, "times"));
    }
}

/* Whatever AWS answers for a moment, nothing is lost and nothing is done twice. */
static void
test_faults(void)
{
    static const char *const faults[UNITS] = {
        "[{\"operation\":\"UpdateItem\",\"kind\":\"throttle\",\"times\":2},"
        "{\"operation\":\"GetItem\",\"kind\":\"throttle\",\"times\":2}]",
        "[{\"operation\":\"UpdateItem\",\"kind\":\"status\",\"status\":500,\"effect\":true,\"times\":1},"
        "{\"operation\":\"UpdateItem\",\"kind\":\"status\",\"status\":503,\"bare\":true,\"times\":2}]",
        "[{\"operation\":\"UpdateItem\",\"kind\":\"drop-after\",\"reset\":true,\"times\":1},"
        "{\"operation\":\"GetItem\",\"kind\":\"status\",\"status\":503,\"times\":2}]",
        "[{\"operation\":\"GetObject\",\"kind\":\"throttle\",\"times\":1},"
        "{\"operation\":\"GetObject\",\"kind\":\"truncated\",\"times\":1}]",
    };
    cloud_set_up();
    put_object("small.bin", "code", 4);
    put_entry("small.bin");
    g_auto(Program) service = {NULL};
    program_start(&service, &(How){NULL});
    for (guint i = 0; i < UNITS; i++) {
        aws_peer_plant(peer, faults[i]);
        boot_to_the_end(unit_ids[i]);
        program_await_kept(&service, "version");
        assert_cloud(unit_ids[i], "ok 3 0 activated=1 answered=1 software=1 version=1");
        assert_struck();
        aws_peer_clear(peer);
    }
    program_stop(&service);
}

/* The table takes nothing for some time: what has come waits, and is handled once it does. */
static void
test_throttled(void)
{
    cloud_set_up();
    RigUnit *units[UNITS];
    g_auto(Program) before = {NULL}, service = {NULL};
    program_start(&before, &(How){NULL});
    program_stop(&before);
    for (guint i = 0; i < UNITS; i++) {
        units[i] = boot(unit_ids[i]);
        say(units[i], BOOT, unit_ids[i], "{\"id\":\"1\"}");
    }
    aws_peer_plant(peer, "{\"service\":\"dynamodb\",\"kind\":\"throttle\",\"times\":10}");
    program_start(&service, &(How){NULL});
    for (guint i = 0; i < UNITS; i++) {
        rig_hear(units[i], 2);
        say(units[i], OK, unit_ids[i], "{\"id\":\"2\"}");
        program_await_kept(&service, "activated");
        assert_cloud(unit_ids[i], "ok 0 0 activated=1 answered=1");
        rig_unit_free(units[i]);
    }
    assert_struck();
    aws_peer_clear(peer);
    program_stop(&service);
}

/* Nobody is there for some time, and longer than the service tries in place: that is told, and all that waits comes
 * again; also what a unit never says again. */
static void
test_down(void)
{
    cloud_set_up();
    g_auto(Program) service = {NULL};
    program_start(&service, &(How){NULL});
    g_autoptr(RigUnit) unit = boot(DEVICE), other = boot(unit_ids[1]);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    aws_peer_plant(peer, "{\"service\":\"dynamodb\",\"kind\":\"drop-before\"}");
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    say(other, BOOT, unit_ids[1], "{\"id\":\"1\"}");
    g_free(program_await(&service, "NET_DOWN: AWS dynamodb GetItem: no answer"));
    aws_peer_clear(peer);
    program_await_kept(&service, "activated");
    rig_hear(other, 2);
    wait_cloud(DEVICE, "ok 0 0 activated=1 answered=1");
    wait_cloud(unit_ids[1], "requested 0 0 answered=1");
    program_stop(&service);
}

/* Nobody has the right keys: that is told, what a unit tells once waits, and what it asks for it gets when it asks
 * again. */
static void
test_credentials(void)
{
    cloud_set_up();
    g_auto(Program) right = {NULL}, wrong = {NULL}, mended = {NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(RigUnit) unit = boot(DEVICE), other = boot(unit_ids[1]);
    program_start(&right, &(How){NULL});
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    program_stop(&right);

    const How stranger = {.secret = "another"};
    g_autoptr(GSubprocess) check = program_run(&stranger, "--check");
    g_autofree char *said = NULL;
    g_assert_true(g_subprocess_communicate_utf8(check, NULL, NULL, NULL, &said, &error));
    g_test_message("%s", said);
    g_assert_cmpint(g_subprocess_get_exit_status(check), ==, 3);
    oracle_assert_has(said, "CLOUD_CREDENTIALS: AWS dynamodb GetItem: 400 InvalidSignatureException");
    oracle_assert_has(said, "renew the station's AWS credentials");

    program_start(&wrong, &stranger);
    say(other, BOOT, unit_ids[1], "{\"id\":\"1\"}");
    g_free(program_await(&wrong, "CLOUD_CREDENTIALS"));
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    g_free(program_await(&wrong, "CLOUD_CREDENTIALS"));
    program_stop(&wrong);
    assert_cloud(DEVICE, "requested 0 0 answered=1");
    g_autofree char *complaint = aws_peer_complaint(peer);
    oracle_assert_has(complaint, "ignature");
    cloud_forget_calls();

    program_start(&mended, &(How){NULL});
    program_await_kept(&mended, "activated");
    assert_cloud(DEVICE, "ok 0 0 activated=1 answered=1");
    say(other, BOOT, unit_ids[1], "{\"id\":\"1\"}");
    rig_hear(other, 2);
    assert_cloud(unit_ids[1], "requested 0 0 answered=1");
    program_stop(&mended);
}

/* Software that is not as it should be is told in words, and holds nobody up. */
static void
test_software(void)
{
    static const struct {
        const char *file;
        gsize size;
        const char *told;
    } rows[] = {
        {"gone.bin", 0, "bucket soft-ware has no gone.bin: NoSuchKey"},
        {"big.bin", KL_SOFTWARE_MAX + 1, "bucket soft-ware: big.bin has more than 98304 bytes"},
        {"../a", 0, "the software's file is no path within its bucket"},
    };
    cloud_set_up();
    g_autofree char *film = g_malloc0(KL_SOFTWARE_MAX + 1);
    g_auto(Program) service = {NULL};
    program_start(&service, &(How){NULL});
    g_autoptr(RigUnit) unit = boot_all(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    rig_hear(unit, 2);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *payload = g_strdup_printf("{\"id\":\"s%u\"}", (guint)i);
        put_entry(rows[i].file);
        if (rows[i].size > 0)
            put_object(rows[i].file, film, rows[i].size);
        say(unit, ASK, DEVICE, payload);
        g_autofree char *line = program_await(&service, "\"verdict\":\"no-software\"");
        oracle_assert_has(line, rows[i].told);
    }
    put_object("gone.bin", "code", 4);
    put_entry("gone.bin");
    say(unit, ASK, DEVICE, "{\"id\":\"9\"}");
    rig_hear(unit, 4);
    g_autoptr(GBytes) content = g_bytes_new_static("code", 4);
    assert_got(unit, DEVICE, content);
    assert_cloud(DEVICE, "ok 0 0 activated=1 answered=1 no-software=3 software=1");
    program_stop(&service);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    aws = kl_aws_new(&(KlAwsOptions){.backoff_ms = 2}, NULL);
    cloud_table_make(aws, TABLE_FIRMWARE, "device", NULL);
    g_test_add_func("/activation-cloud/boot", test_boot);
    g_test_add_func("/activation-cloud/again", test_again);
    g_test_add_func("/activation-cloud/killed", test_killed);
    g_test_add_func("/activation-cloud/share", test_share);
    g_test_add_func("/activation-cloud/both", test_both);
    g_test_add_func("/activation-cloud/faults", test_faults);
    g_test_add_func("/activation-cloud/throttled", test_throttled);
    g_test_add_func("/activation-cloud/down", test_down);
    g_test_add_func("/activation-cloud/credentials", test_credentials);
    g_test_add_func("/activation-cloud/software", test_software);
    int status = g_test_run();
    aws_peer_assert_clean(peer);
    kl_private_broker_free(broker);
    if (dir != NULL)
        oracle_folder_remove(dir);
    g_free(table);
    kl_aws_free(aws);
    aws_peer_free(peer);
    mosquitto_lib_cleanup();
    return status;
}
