/* The service's way to a broker, and who may do what there: with a real mosquitto. */
#include "station/mqtt/link_trouble.h"
#include "tests/broker_rig.h"
#include "tests/mqtt_fake.h"

/* --- access rules --- */

#define TAKEN 16 /* and nobody listens */
#define DENIED 135

static void
test_write(void)
{
    static const struct {
        const char *topic;
        int reason;
    } rows[] = {
        {"bs/device/" UNIT "/register/request", TAKEN},   {"bs/device/" UNIT "/register/ok", TAKEN},
        {"dm/device/" UNIT "/version/request", TAKEN},    {"dm/device/" UNIT "/update/request", TAKEN},
        {"dm/device/" UNIT "/update/ok", TAKEN},          {"$aws/things/" UNIT "/shadow/update", TAKEN},
        {"bs/device/" OTHER "/register/request", DENIED}, {"bs/device/" OTHER "/register/ok", DENIED},
        {"dm/device/" OTHER "/update/ok", DENIED},        {"$aws/things/" OTHER "/shadow/update", DENIED},
        {"bs/device/" UNIT "/parameters/", DENIED},       {"bs/device/" UNIT "/credentials/certificate", DENIED},
        {"dm/device/" UNIT "/update/", DENIED},           {"dm/device/" OTHER "/update/", DENIED},
        {"bs/device/" UNIT "/register/other", DENIED},    {"anything", DENIED},
    };
    place_set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(RigUnit) unit = client(UNIT, FALSE);
        g_test_message("%s", rows[i].topic);
        g_assert_cmpint(rig_say(unit, rows[i].topic, "{}"), ==, rows[i].reason);
    }
}

static KlBrokerOptions
service_options(const char *const *filters)
{
    KlBrokerOptions options = kl_private_broker_options(place.broker);
    options.client_id = "service@test";
    options.filters = filters;
    options.session_s = 0;
    return options;
}

static KlBroker *
service(const char *const *filters)
{
    g_autoptr(GError) error = NULL;
    const KlBrokerOptions options = service_options(filters);
    KlBroker *broker = kl_broker_connect(&options, -1, &error);
    g_assert_no_error(error);
    return broker;
}

static const char *const requests[] = {"bs/device/+/register/request", NULL};

/* Whatever a unit subscribes to, it hears what is for it only; one that is called as the service is no service. */
static void
test_read(void)
{
    static const char *const topics[] = {
        "bs/device/" UNIT "/parameters/",
        "bs/device/" OTHER "/parameters/",
        "dm/device/" OTHER "/update/",
        "dm/device/" UNIT "/update/",
    };
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBroker) broker = service(requests);
    g_autoptr(RigUnit) unit = client(UNIT, FALSE), other = client(OTHER, FALSE), impostor = client("impostor", FALSE);
    rig_subscribe(unit, "#");
    rig_subscribe(other, "#");
    rig_subscribe(impostor, "#");
    rig_say(other, "bs/device/" OTHER "/register/request", "{}");
    g_autoptr(GBytes) payload = g_bytes_new_static("x", 1);
    for (gsize i = 0; i < G_N_ELEMENTS(topics); i++)
        kl_broker_publish(broker, topics[i], payload, &error);
    g_assert_no_error(error);
    g_assert_true(kl_broker_done(broker, &error));
    rig_hear(unit, 2);
    rig_hear(other, 2);
    g_assert_cmpstr(unit->got->str, ==, "bs/device/" UNIT "/parameters/=x;dm/device/" UNIT "/update/=x;");
    g_assert_cmpstr(other->got->str, ==, "bs/device/" OTHER "/parameters/=x;dm/device/" OTHER "/update/=x;");
    /* It would have heard it all by now: what it says itself comes behind. */
    rig_say(impostor, "bs/device/keyline-activation/register/request", "{}");
    g_assert_cmpstr(impostor->got->str, ==, "");
    g_assert_cmpint(rig_say(impostor, "bs/device/" UNIT "/parameters/", "{}"), ==, DENIED);
}

/* No CA of ours ever signs such a name; whoever gets one still speaks for nobody and hears nobody. */
static void
test_hostile_names(void)
{
    static const struct {
        const char *file, *name;
    } rows[] = {
        {"plus", "\\+"},    {"hash", "#"},      {"user", "%u"}, {"client", "%c"}, {"slash", UNIT "\\/register"},
        {"up", UNIT "\\/"}, {"system", "$SYS"}, {"blank", " "},
    };
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) secret = g_bytes_new_static("secret", 6);
    g_autoptr(KlBroker) broker = service(requests);
    guint taken = 0;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        rig_unit(place.dir, "ca", rows[i].file, rows[i].name);
        g_autoptr(RigUnit) hostile =
            rig_unit_new(place.dir, rows[i].file, kl_private_broker_ca_file(place.broker), FALSE, MQTT_PROTOCOL_V5);
        g_test_message("%s", rows[i].name);
        if (!rig_unit_connect(hostile, kl_private_broker_port(place.broker)))
            continue;
        static const char *const filters[] = {"#", "+/device/+/#", "bs/device/" UNIT "/parameters/#"};
        for (guint f = 0; f < G_N_ELEMENTS(filters); f++)
            rig_subscribe(hostile, filters[f]);
        g_assert_true(kl_broker_publish(broker, "bs/device/" UNIT "/parameters/", secret, &error));
        g_assert_true(kl_broker_done(broker, &error));
        /* It would have heard it by now: the answer comes behind. */
        g_assert_cmpint(rig_say(hostile, "bs/device/" UNIT "/register/request", "{}"), ==, DENIED);
        g_assert_cmpstr(hostile->got->str, ==, "");
        taken++;
    }
    g_assert_cmpuint(taken, >, 3);
}

/* --- certificates --- */

static void
test_certificates(void)
{
    static const struct {
        const char *name;
        gboolean service_port, taken;
    } rows[] = {
        {UNIT, FALSE, TRUE},       {"stranger", FALSE, FALSE}, {"revoked", FALSE, FALSE},
        {"impostor", TRUE, FALSE}, {UNIT, TRUE, FALSE},
    };
    place_set_up();
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(RigUnit) unit =
            rig_unit_new(place.dir, rows[i].name, kl_private_broker_ca_file(place.broker), FALSE, MQTT_PROTOCOL_V5);
        guint16 port =
            rows[i].service_port ? kl_private_broker_service_port(place.broker) : kl_private_broker_port(place.broker);
        g_test_message("%s at %u", rows[i].name, port);
        g_assert_cmpint(rig_unit_connect(unit, port), ==, rows[i].taken);
    }
}

/* A client id is the certificate's name, whatever the client calls itself: nobody takes another one's session. */
static void
test_client_id(void)
{
    place_set_up();
    g_autoptr(RigUnit) unit = client(UNIT, FALSE), other = client(OTHER, FALSE);
    mosquitto_disconnect(other->client);
    mosquitto_reinitialise(other->client, UNIT, true, other);
    g_autoptr(RigUnit) thief =
        rig_unit_new(place.dir, OTHER, kl_private_broker_ca_file(place.broker), FALSE, MQTT_PROTOCOL_V5);
    mosquitto_reinitialise(thief->client, UNIT, true, thief);
    g_autofree char *certificate = g_strdup_printf("%s/%s.pem", place.dir, OTHER);
    g_autofree char *key = g_strdup_printf("%s/%s.key", place.dir, OTHER);
    mosquitto_tls_set(thief->client, kl_private_broker_ca_file(place.broker), NULL, certificate, key, NULL);
    mosquitto_connect_v5_callback_set(thief->client, rig_on_connect);
    g_assert_true(rig_unit_connect(thief, kl_private_broker_port(place.broker)));
    g_assert_cmpint(rig_say(unit, "bs/device/" UNIT "/register/request", "{}"), ==, TAKEN);
    g_assert_false(unit->lost);
}

/* --- the service's way there --- */

static void
test_connect(void)
{
    static const struct {
        const char *what;
        KlErrorCode code;
    } rows[] = {
        {"no-file", KL_ERROR_CONFIG_INVALID},   {"no-certificate", KL_ERROR_CONFIG_INVALID},
        {"other-key", KL_ERROR_CONFIG_INVALID}, {"closed-port", KL_ERROR_BROKER_DOWN},
        {"no-host", KL_ERROR_BROKER_DOWN},      {"strangers", KL_ERROR_BROKER_WRONG},
        {"name", KL_ERROR_BROKER_WRONG},        {"unit", KL_ERROR_BROKER_REFUSED},
        {"stopped", KL_ERROR_CANCELLED},        {"filter", KL_ERROR_BROKER_DOWN},
    };
    place_set_up();
    g_autofree char *ca = g_build_filename(place.dir, "strangers.pem", NULL);
    g_autofree char *certificate = g_build_filename(place.dir, UNIT ".pem", NULL);
    g_autofree char *key = g_build_filename(place.dir, UNIT ".key", NULL);
    int ends[2] = {-1, -1};
    g_assert_cmpint(pipe(ends), ==, 0);
    close(ends[1]);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *what = rows[i].what, *const bad[] = {"a/#/b", NULL};
        KlBrokerOptions options = service_options(requests);
        options.ca_file = strcmp(what, "no-file") == 0     ? "/nonexistent"
                          : strcmp(what, "strangers") == 0 ? ca
                                                           : options.ca_file;
        if (strcmp(what, "no-certificate") == 0)
            options.certificate_file = key;
        if (strcmp(what, "other-key") == 0 || strcmp(what, "unit") == 0)
            options.key_file = key;
        if (strcmp(what, "unit") == 0)
            options.certificate_file = certificate;
        if (strcmp(what, "closed-port") == 0)
            options.port = 1;
        if (strcmp(what, "no-host") == 0)
            options.host = "no-such-host.invalid";
        if (strcmp(what, "name") == 0)
            options.host = "localhost";
        if (strcmp(what, "filter") == 0)
            options.filters = bad;
        g_autoptr(GError) error = NULL;
        g_autoptr(KlBroker) broker = kl_broker_connect(&options, strcmp(what, "stopped") == 0 ? ends[0] : -1, &error);
        g_test_message("%s: %s", what, error != NULL ? error->message : "connected");
        g_assert_error(error, KL_ERROR, (int)rows[i].code);
    }
    close(ends[0]);
}

/* Whoever comes with our client id has the session from then on. Mosquitto just breaks off; others say why. */
static void
test_taken_over(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBroker) first = service(requests);
    g_autoptr(KlBroker) second = service(requests);
    g_assert_null(kl_broker_receive(first, -1, 20000, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_BROKER_DOWN);
}

/* What brokers and OpenSSL say, and what it is for us. */
static void
test_trouble(void)
{
    static const struct {
        int reason;
        KlErrorCode code;
    } reasons[] = {
        {0, KL_ERROR_BROKER_DOWN},
        {3, KL_ERROR_BROKER_DOWN},
        {MQTT_RC_SERVER_BUSY, KL_ERROR_BROKER_DOWN},
        {MQTT_RC_SESSION_TAKEN_OVER, KL_ERROR_BROKER_REFUSED},
        {2, KL_ERROR_BROKER_REFUSED},
        {MQTT_RC_NOT_AUTHORIZED, KL_ERROR_BROKER_REFUSED},
    };
    static const struct {
        const char *said;
        int code;
        KlErrorCode expected;
    } said[] = {
        {NULL, MOSQ_ERR_CONN_LOST, KL_ERROR_BROKER_DOWN},
        {NULL, MOSQ_ERR_TLS, KL_ERROR_CONFIG_INVALID},
        {"Error: Unable to load", MOSQ_ERR_TLS, KL_ERROR_CONFIG_INVALID},
        {"OpenSSL Error[0]: error:0A000086:SSL routines::x", MOSQ_ERR_TLS, KL_ERROR_BROKER_WRONG},
        {"OpenSSL Error[0]: error:0A00010B:SSL routines::x", MOSQ_ERR_TLS, KL_ERROR_BROKER_WRONG},
        {"OpenSSL Error[0]: error:0A000414:SSL routines::x", MOSQ_ERR_TLS, KL_ERROR_BROKER_REFUSED},
        {"OpenSSL Error[0]: error:0A000126:SSL routines::x", MOSQ_ERR_CONN_LOST, KL_ERROR_BROKER_DOWN},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_link_refused(&error, "broker", "service", reasons[i].reason));
        g_assert_error(error, KL_ERROR, (int)reasons[i].code);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(said); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_link_broken(&error, "broker", said[i].said, said[i].code));
        g_assert_error(error, KL_ERROR, (int)said[i].expected);
    }
}

/* A publication that the broker does not take is no success. */
static void
test_denied_answer(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBroker) broker = service(requests);
    g_autoptr(GBytes) payload = g_bytes_new_static("x", 1);
    g_assert_true(kl_broker_publish(broker, "bs/device/" UNIT "/register/ok", payload, &error));
    g_assert_false(kl_broker_done(broker, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_BROKER_REFUSED);
}

/* Whoever is thrown out for that, however much later it is noticed, is told why. */
static void
test_denied_and_gone(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBroker) broker = service(requests);
    g_autoptr(GBytes) payload = g_bytes_new_static("x", 1);
    g_assert_true(kl_broker_publish(broker, "bs/device/" UNIT "/register/ok", payload, &error));
    g_assert_false(kl_broker_settle(broker, NULL));
    g_assert_true(kl_private_broker_restart(place.broker, &error));
    g_assert_false(kl_broker_send(broker, -1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_BROKER_REFUSED);
}

/* Many more than fit into libmosquitto's pipe to itself, and into one record of TLS; with and without a good-bye. */
static void
test_many(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(KlBroker) broker = service(requests);
    g_autoptr(RigUnit) unit = client(UNIT, FALSE);
    guint got = 0, said = 0;
    while (said < 1500) {
        g_autofree char *text = g_strdup_printf("%u", said++);
        mosquitto_publish_v5(unit->client, NULL, "bs/device/" UNIT "/register/request", (int)strlen(text), text, 1,
                             false, NULL);
    }
    while (got < said) {
        RIG_UNTIL(unit->acked >= MIN(said, got + 64), rig_turn(unit));
        g_autoptr(GPtrArray) messages = kl_broker_receive(broker, -1, 20000, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(messages->len, >, 0);
        /* Mosquitto sends more than it is told to, and whole records of TLS are read. */
        g_assert_cmpuint(messages->len, <, 2000);
        for (guint i = 0; i < messages->len; i++, got++) {
            const KlBrokerMessage *message = messages->pdata[i];
            gsize length = 0;
            const char *payload = g_bytes_get_data(message->payload, &length);
            g_autofree char *text = g_strndup(payload, length), *expected = g_strdup_printf("%u", got);
            g_assert_cmpstr(text, ==, expected);
            kl_broker_publish(broker, "bs/device/" UNIT "/parameters/", message->payload, &error);
        }
        g_assert_true(kl_broker_done(broker, &error));
    }
    kl_broker_close(g_steal_pointer(&broker));
}

/* --- MQTT 3.1.1, and what comes before what --- */

static KlBroker *
connect_fake(const FakeBroker *fake, const char *share, GError **error)
{
    const KlBrokerOptions options = {.host = "127.0.0.1",
                                     .port = fake->port,
                                     .client_id = "service",
                                     .filters = requests,
                                     .share = share,
                                     .window = 16,
                                     .session_s = 60,
                                     .denied = "anything"};
    return kl_broker_connect(&options, -1, error);
}

/* The broker has the answers before it gets the acknowledgement. */
static void
test_old_broker(gconstpointer shut)
{
    g_autoptr(GError) error = NULL;
    g_auto(FakeBroker) fake = {.shut = shut != NULL, .granted = 1, .flags = 2 | 8 | 1, .topic = "t", .payload = "p"};
    fake_start(&fake);
    g_autoptr(KlBroker) broker = connect_fake(&fake, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(kl_broker_version(broker), ==, 3);
    g_autoptr(GPtrArray) messages = kl_broker_receive(broker, -1, 20000, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(messages->len, ==, 1);
    const KlBrokerMessage *message = messages->pdata[0];
    g_assert_cmpstr(message->topic, ==, "t");
    g_assert_true(message->again && message->retained);
    g_assert_true(kl_broker_publish(broker, "one", message->payload, &error));
    g_assert_true(kl_broker_publish(broker, "two", message->payload, &error));
    g_assert_true(kl_broker_done(broker, &error));
    fake_wait(&fake, "PUBACK");
    g_assert_cmpstr(fake.events->str, ==, "PUBLISH one;PUBLISH two;PUBACK;");
}

static void
test_old_broker_refuses(void)
{
    static const struct {
        guint8 granted;
        const char *share;
    } rows[] = {{0, NULL}, {0x80, NULL}, {1, "share"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(FakeBroker) fake = {.granted = rows[i].granted};
        fake_start(&fake);
        g_assert_null(connect_fake(&fake, rows[i].share, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_BROKER_REFUSED);
    }
}

static void
test_no_rules(void)
{
    g_autoptr(GError) error = NULL;
    place_set_up();
    KlBrokerOptions options = service_options(requests);
    /* One that it may publish on stands for a broker where it may publish on anything. */
    options.denied = "bs/device/" UNIT "/parameters/";
    g_assert_null(kl_broker_connect(&options, -1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_BROKER_WRONG);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/broker/write", test_write);
    g_test_add_func("/broker/read", test_read);
    g_test_add_func("/broker/hostile-names", test_hostile_names);
    g_test_add_func("/broker/certificates", test_certificates);
    g_test_add_func("/broker/client-id", test_client_id);
    g_test_add_func("/broker/connect", test_connect);
    g_test_add_func("/broker/taken-over", test_taken_over);
    g_test_add_func("/broker/trouble", test_trouble);
    g_test_add_func("/broker/denied-answer", test_denied_answer);
    g_test_add_func("/broker/denied-and-gone", test_denied_and_gone);
    g_test_add_func("/broker/many", test_many);
    g_test_add_data_func("/broker/old-broker/says-so", NULL, test_old_broker);
    g_test_add_data_func("/broker/old-broker/shuts", "", test_old_broker);
    g_test_add_func("/broker/old-broker/refuses", test_old_broker_refuses);
    g_test_add_func("/broker/no-rules", test_no_rules);
    int status = g_test_run();
    place_tear_down();
    return status;
}
