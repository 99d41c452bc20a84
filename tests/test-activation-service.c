/* First boot over a real mosquitto: each message counts once, whatever is sent again, breaks off, is killed or shared.
 */
#include "station/mqtt/turns.h"
#include "tests/service_rig.h"

/* --- one service --- */

/* A whole first boot, said without waiting for anything: handled in order, answered in order; also when all of it comes
 * at once, having waited for the service, and when one in it can't be handled with others. */
static void
test_order(gconstpointer left)
{
    static const char *const said[][2] = {{BOOT, "{\"id\":\"1\"}"},
                                          {OK, "{\"id\":\"2\"}"},
                                          {ASK, "{\"id\":\"3\"}"},
                                          {RUNS, "{\"id\":\"4\",\"version\":3}"}};
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    Service first = {.trap = {.slow_answers = TRUE}};
    g_auto(Service) service = {.trap = {.slow_answers = TRUE, .leave = left}};
    service_start(&first, table, "service@1", NULL);
    if (left != NULL)
        service_stop(&first);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    for (guint i = 0; i < G_N_ELEMENTS(said); i++)
        say(unit, said[i][0], DEVICE, said[i][1]);
    if (left != NULL)
        service_start(&service, table, "service@1", NULL);
    rig_hear(unit, 3);
    g_assert_cmpstr(unit->got->str, ==,
                    "bs/device/" DEVICE "/parameters/={\"topic\":\"t\"};bs/device/" DEVICE "/parameters/topic=t;"
                    "dm/device/" DEVICE "/update/=Y29kZQ==;");
    assert_seen(left != NULL ? &service : &first, 4, "answered activated software version ");
    assert_state(table, DEVICE, "ok 3 0");
    service_stop(&first);
}

/* Nobody but a watcher knows whose a message is whose topic does not tell. */
static void
test_of_units(void)
{
    KlBrokerMessage own = {.topic = (char[]){CONFIRM}}, watched = {.topic = (char[]){"units/a/up"}};
    g_autoptr(GPtrArray) messages = g_ptr_array_new(), turns = kl_turns_new();
    g_ptr_array_add(messages, &own);
    kl_turns_add(turns, messages);
    g_assert_true(kl_turns_are_of_units(turns));
    g_ptr_array_add(messages, &watched);
    kl_turns_add(turns, messages);
    g_assert_false(kl_turns_are_of_units(turns));
}

/* What is no message to react to is told as what it is, changes nothing, and is done with. */
static void
test_refused(void)
{
    static const struct {
        const char *payload;
        gsize length;
        gboolean retain;
        const char *verdict;
    } rows[] = {
        {"{}", 2, TRUE, "retained "},      {"nonsense", 8, FALSE, "malformed "},
        {"[]", 2, FALSE, "malformed "},    {"{\"a\0b\":1}", 9, FALSE, "malformed "},
        {NULL, 9000, FALSE, "oversized "}, {"\xff\xfe", 2, FALSE, "malformed "},
        {"", 0, FALSE, "answered "},
    };
    place_set_up();
    g_autofree char *big = g_strnfill(9000, ' ');
    g_autofree char *all = g_strdup("");
    g_autoptr(KlActivationTable) table = table_new();
    g_autoptr(RigUnit) unit = boot(DEVICE);
    g_auto(Service) service = {0};
    /* It is there before the service is: so it comes as retained. */
    rig_publish(unit, REQUEST, rows[0].payload, rows[0].length, TRUE);
    service_start(&service, table, "service@1", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (i > 0)
            rig_publish(unit, REQUEST, rows[i].payload != NULL ? rows[i].payload : big, rows[i].length, FALSE);
        g_autofree char *before = g_steal_pointer(&all);
        all = g_strconcat(before, rows[i].verdict, NULL);
        if (i + 1 < G_N_ELEMENTS(rows))
            assert_seen(&service, i + 1, all);
        if (i + 1 < G_N_ELEMENTS(rows))
            assert_state(table, DEVICE, "false 0 0");
    }
    assert_seen(&service, G_N_ELEMENTS(rows), all);
    assert_state(table, DEVICE, "requested 0 0");
}

/* The same message twice is answered twice and counted once; a second one after the confirm is an attack. */
static void
test_duplicate(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {0};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    static const char *const said[][2] = {{BOOT, "1"}, {BOOT, "1"}, {OK, "2"}, {OK, "2"},
                                          {BOOT, "1"}, {BOOT, "3"}, {OK, "4"}};
    for (guint i = 0; i < G_N_ELEMENTS(said); i++) {
        g_autofree char *payload = g_strdup_printf("{\"id\":\"%s\"}", said[i][1]);
        say(unit, said[i][0], DEVICE, payload);
    }
    g_autofree char *seen = service_wait(&service, service.seen, G_N_ELEMENTS(said));
    g_test_message("%s", seen);
    assert_state(table, DEVICE, "ok 0 2");
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "answered"), ==, 1);
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "activated"), ==, 1);
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "counted"), ==, 2);
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "repeated"), ==, 3);
}

/* Without an id, what the broker says of a message counts: DUP; of one that changes nothing of its row. */
static void
test_dup(gconstpointer again)
{
    g_auto(FakeBroker) fake = {.granted = 1, .flags = 2 | (again != NULL ? 8 : 0), .topic = REQUEST, .payload = "{}"};
    const KlBrokerOptions options = {.client_id = "service", .host = "127.0.0.1"};
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {0};
    KlActivationView view = {NULL, FALSE};
    g_assert_true(table->klass->read(table, DEVICE, NULL, &view, NULL, NULL));
    g_autoptr(KlRegistration) row = view.row;
    g_free(row->registered);
    row->registered = g_strdup("requested");
    kl_activation_memory_put(table, row);
    fake_start(&fake);
    KlBrokerOptions there = options;
    there.port = fake.port;
    service_start_at(&service, table, &there);
    fake_wait(&fake, "PUBACK");
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, again != NULL ? "repeated" : "answered"), ==, 1);
    g_assert_cmpstr(fake.events->str, ==,
                    "PUBLISH bs/device/" DEVICE "/parameters/;PUBLISH bs/device/" DEVICE "/parameters/topic;PUBACK;");
}

/* What can be tried again is, in its place, and when that does not help by having it come again; whatever happens, it
 * is handled once. What can't is told, and the unit asks again. */
static void
test_fails(gconstpointer data)
{
    const gboolean many = GPOINTER_TO_INT(data);
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {.trap = {.fail = KL_ERROR_ACTIVATION_BUSY, .fail_times = many ? 7 : 2}};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    if (many)
        assert_seen(&service, 2, "ACTIVATION_BUSY answered ");
    else
        assert_seen(&service, 1, "answered ");
    g_autofree char *broke = service_wait(&service, service.broke, 0);
    g_assert_cmpstr(broke, ==, many ? "ACTIVATION_BUSY " : "");
    assert_state(table, DEVICE, "requested 0 0");
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "answered"), ==, 1);
}

static void
test_fails_for_good(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {.trap = {.fail = KL_ERROR_STORE_FULL, .fail_times = 1}};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    assert_seen(&service, 1, "STORE_FULL ");
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    assert_seen(&service, 2, "STORE_FULL answered ");
}

/* What a unit tells, it tells until the broker has it, and never again: that is not lost, whatever is wrong. */
static void
test_told_once(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {.trap = {.fail = KL_ERROR_STORE_FULL}};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    g_atomic_int_set(&service.trap.fail_times, 1);
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    assert_seen(&service, 3, "answered STORE_FULL activated ");
    g_atomic_int_set(&service.trap.fail_times, 1);
    say(unit, RUNS, DEVICE, "{\"id\":\"3\",\"version\":3}");
    assert_seen(&service, 5, "answered STORE_FULL activated STORE_FULL version ");
    assert_state(table, DEVICE, "ok 3 0");
}

/* One unit's request that can't be handled now holds up nobody: others are answered at once, and after some times all
 * of it is done with; the unit asks again. */
static void
test_one_stuck(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    Service first = {0};
    Service failing = {.trap = {.fail = KL_ERROR_ACTIVATION_BUSY, .fail_times = 1000, .fail_device = unit_ids[0]}};
    g_auto(Service) last = {0};
    service_start(&first, table, "service@1", NULL);
    service_stop(&first);
    g_autoptr(RigUnit) stuck = boot(unit_ids[0]), other = boot(unit_ids[1]);
    say(stuck, BOOT, unit_ids[0], "{\"id\":\"1\"}");
    say(other, BOOT, unit_ids[1], "{\"id\":\"1\"}");
    service_start(&failing, table, "service@1", NULL);
    rig_hear(other, 8); /* three times with the other one's, and once more without waiting for that */
    service_stop(&failing);
    service_start(&last, table, "service@1", NULL);
    say(other, OK, unit_ids[1], "{\"id\":\"2\"}");
    assert_seen(&last, 1, "activated ");
    say(stuck, BOOT, unit_ids[0], "{\"id\":\"1\"}");
    rig_hear(stuck, 2);
    g_assert_cmpuint(kl_activation_memory_count(table, unit_ids[1], "answered"), ==, 1);
    assert_state(table, unit_ids[0], "requested 0 0");
}

/* Nor does one that takes long: the answers to others that came with it do not wait for it. */
static void
test_one_slow(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {.trap = {.leave = "answered", .hold = unit_ids[2]}};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) slow = boot(unit_ids[0]), other = boot(unit_ids[1]), first = boot(unit_ids[2]);
    say(first, BOOT, unit_ids[2], "{\"id\":\"1\"}");
    RIG_UNTIL(g_atomic_int_get(&service.trap.held) > 0, g_usleep(1000));
    /* meanwhile, these two are there, and come together */
    say(other, BOOT, unit_ids[1], "{\"id\":\"1\"}");
    say(slow, BOOT, unit_ids[0], "{\"id\":\"1\"}");
    g_atomic_pointer_set(&service.trap.hold, unit_ids[0]);
    rig_hear(other, 2);
    g_assert_cmpuint(slow->all->len, ==, 0);
    g_atomic_pointer_set(&service.trap.hold, NULL);
    rig_hear(slow, 2);
    assert_seen(&service, 3, "answered answered answered ");
    g_assert_cmpuint(kl_activation_memory_count(table, unit_ids[1], "answered"), ==, 1);
}

/* What the broker never takes is told, and holds up nobody. */
static void
test_too_large(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {0};
    service_start(&service, table, "service@1", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    big_software = 250000;
    say(unit, ASK, DEVICE, "{\"id\":\"3\"}");
    g_free(service_wait(&service, service.seen, 3));
    big_software = 0;
    say(unit, ASK, DEVICE, "{\"id\":\"4\"}");
    rig_hear(unit, 3);
    assert_seen(&service, 4, "answered activated software software ");
    g_autofree char *broke = service_wait(&service, service.broke, 1);
    g_assert_cmpstr(broke, ==, "CONFIG_INVALID ");
}

/* --- coming and going --- */

/* What is said while the service is away waits for it, also when the broker restarts meanwhile. */
static void
test_away(gconstpointer restart)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlActivationTable) table = table_new();
    Service first = {0};
    service_start(&first, table, "service@1", NULL);
    service_stop(&first);
    RigUnit *unit = boot(DEVICE);
    g_assert_cmpint(say(unit, BOOT, DEVICE, "{\"id\":\"1\"}"), ==, 0);
    rig_unit_free(unit);
    if (restart != NULL && !kl_private_broker_restart(broker, &error))
        g_assert_no_error(error);
    g_auto(Service) second = {0};
    service_start(&second, table, "service@1", NULL);
    assert_seen(&second, 1, "answered ");
    assert_state(table, DEVICE, "requested 0 0");
}

/* A broker that restarts is found again. */
static void
test_broker_restart(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) service = {0};
    service_start(&service, table, "service@1", NULL);
    g_assert_true(kl_private_broker_restart(broker, &error));
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 2);
    assert_seen(&service, 1, "answered ");
    g_autofree char *broke = service_wait(&service, service.broke, 1);
    g_assert_true(g_str_has_prefix(broke, "BROKER_DOWN "));
}

/* Two services share the messages: each is handled by one of them, once. */
static void
test_share(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) one = {0}, two = {0};
    service_start(&one, table, "service@1", "word");
    service_start(&two, table, "service@2", "word");
    for (guint i = 0; i < UNITS; i++) {
        g_autoptr(RigUnit) unit = boot(unit_ids[i]);
        say(unit, BOOT, unit_ids[i], "{\"id\":\"1\"}");
        rig_hear(unit, 2);
        say(unit, OK, unit_ids[i], "{\"id\":\"2\"}");
        say(unit, ASK, unit_ids[i], "{\"id\":\"3\"}");
        rig_hear(unit, 3);
        assert_state(table, unit_ids[i], "ok 0 0");
        g_assert_cmpuint(kl_activation_memory_count(table, unit_ids[i], "answered"), ==, 1);
        g_assert_cmpuint(kl_activation_memory_count(table, unit_ids[i], "repeated"), ==, 0);
    }
    g_autofree char *first = service_wait(&one, one.seen, 1), *second = service_wait(&two, two.seen, 1);
    g_assert_cmpuint(strlen(first), >, 0);
    g_assert_cmpuint(strlen(second), >, 0);
}

/* Two that don't share all get everything: still, each change is made once. */
static void
test_both(void)
{
    place_set_up();
    g_autoptr(KlActivationTable) table = table_new();
    g_auto(Service) one = {0}, two = {0};
    service_start(&one, table, "service@1", NULL);
    service_start(&two, table, "service@2", NULL);
    g_autoptr(RigUnit) unit = boot(DEVICE);
    say(unit, BOOT, DEVICE, "{\"id\":\"1\"}");
    rig_hear(unit, 4);
    say(unit, OK, DEVICE, "{\"id\":\"2\"}");
    g_free(service_wait(&one, one.seen, 2));
    g_free(service_wait(&two, two.seen, 2));
    assert_state(table, DEVICE, "ok 0 0");
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "answered"), ==, 1);
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "activated"), ==, 1);
    g_assert_cmpuint(kl_activation_memory_count(table, DEVICE, "repeated"), ==, 2);
}

/* --- killed --- */

static char *program;

/* What the child does: serves until it is killed by itself. argv: database, kill, port, ca, certificate, key */
static int
serve_and_die(char **words)
{
    g_autoptr(KlActivationTable) table = open_table(words[0]);
    const KlBrokerOptions options = {.host = "127.0.0.1",
                                     .port = (guint16)g_ascii_strtoull(words[2], NULL, 10),
                                     .ca_file = words[3],
                                     .certificate_file = words[4],
                                     .key_file = words[5],
                                     .client_id = "service@1",
                                     .session_s = 600};
    Service service = {.trap = {.kill = (Kill)g_ascii_strtoull(words[1], NULL, 10)}};
    service_start_at(&service, table, &options);
    printf("serves\n");
    fflush(stdout);
    pause();
    return 1;
}

static GSubprocess *
start_child(const char *path, Kill kill)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *how = g_strdup_printf("%d", kill);
    g_autofree char *port = g_strdup_printf("%u", kl_private_broker_service_port(broker));
    GSubprocess *child = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, "--serve", path, how, port,
                                          kl_private_broker_ca_file(broker), kl_private_broker_certificate_file(broker),
                                          kl_private_broker_key_file(broker), NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
    g_filter_input_stream_set_close_base_stream(G_FILTER_INPUT_STREAM(out), FALSE);
    g_autofree char *line = g_data_input_stream_read_line(out, NULL, NULL, &error);
    g_assert_cmpstr(line, ==, "serves");
    return child;
}

/* Whenever the service is killed, the next one does what is left to be done, and no more. */
static void
test_killed(void)
{
    static const struct {
        Kill kill;
        const char *payload, *row, *counts;
    } rows[] = {
        {KILL_BEFORE, "{\"id\":\"1\"}", "requested|0|0", "answered 1"},
        {KILL_AFTER, "{\"id\":\"1\"}", "requested|0|0", "answered 1 repeated 1"},
        {KILL_AFTER, "{}", "requested|0|0", "answered 1 repeated 1"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        place_set_up();
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strdup_printf("%s/%u.db", dir, i);
        pass_units(path, 1);
        g_autoptr(GSubprocess) child = start_child(path, rows[i].kill);
        g_autoptr(RigUnit) unit = boot(DEVICE);
        say(unit, BOOT, DEVICE, rows[i].payload);
        g_assert_true(g_subprocess_wait(child, NULL, &error));
        g_assert_true(g_subprocess_get_if_signaled(child));
        g_assert_cmpstr(unit->got->str, ==, "");
        g_autoptr(KlActivationTable) table = open_table(path);
        g_auto(Service) service = {0};
        service_start(&service, table, "service@1", NULL);
        rig_hear(unit, 2);
        assert_row(path, rows[i].row);
        assert_counts(path, DEVICE, rows[i].counts);
    }
}

int
main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "--serve") == 0)
        return serve_and_die(argv + 2);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/activation-service/order/one-by-one", NULL, test_order);
    g_test_add_data_func("/activation-service/order/at-once", "", test_order);
    g_test_add_data_func("/activation-service/order/first-left", "answered", test_order);
    g_test_add_data_func("/activation-service/order/third-left", "software", test_order);
    g_test_add_func("/activation-service/order/of-units", test_of_units);
    g_test_add_func("/activation-service/refused", test_refused);
    g_test_add_func("/activation-service/duplicate", test_duplicate);
    g_test_add_data_func("/activation-service/dup/first", NULL, test_dup);
    g_test_add_data_func("/activation-service/dup/again", "", test_dup);
    g_test_add_data_func("/activation-service/fails/twice", GINT_TO_POINTER(FALSE), test_fails);
    g_test_add_data_func("/activation-service/fails/often", GINT_TO_POINTER(TRUE), test_fails);
    g_test_add_func("/activation-service/fails/for-good", test_fails_for_good);
    g_test_add_func("/activation-service/fails/too-large", test_too_large);
    g_test_add_func("/activation-service/fails/told-once", test_told_once);
    g_test_add_func("/activation-service/fails/one-stuck", test_one_stuck);
    g_test_add_func("/activation-service/fails/one-slow", test_one_slow);
    g_test_add_data_func("/activation-service/away/broker-stays", NULL, test_away);
    g_test_add_data_func("/activation-service/away/broker-restarts", "", test_away);
    g_test_add_func("/activation-service/broker-restart", test_broker_restart);
    g_test_add_func("/activation-service/share", test_share);
    g_test_add_func("/activation-service/both", test_both);
    g_test_add_func("/activation-service/killed", test_killed);
    int status = g_test_run();
    kl_private_broker_free(broker);
    if (dir != NULL)
        oracle_folder_remove(dir);
    mosquitto_lib_cleanup();
    return status;
}
