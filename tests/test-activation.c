/* First boot and the device manager as rules: every transition, and what holds for any sequence of messages. */
#include <string.h>

#include "station/activation/activation.h"

#define ID "FX30-000001"
#define BS "bs/device/" ID
#define DM "dm/device/" ID
#define PARAMETERS "{\"topic\":\"$aws/things/" ID "/shadow/update\",\"rate\":5}"
#define DATA_TOPIC "$aws/things/" ID "/shadow/update"
#define CSR "{\"csr\":\"AQID\",\"id\":\"1\"}"
#define LONG_ID "0123456789012345678901234567890123456789012345678901234567890123"

/* What a case changes of the usual row and rules. */
typedef struct {
    KlCredentials credentials;
    const char *parameters;
    const char *sender;
    gboolean retained;
    gboolean again;
    gsize padding; /* blanks behind the payload */
} Given;

typedef struct {
    const char *topic;
    const char *payload;
    const char *registered; /* NULL: no row */
    const char *verdict;
    const char *after;  /* registered; NULL: the row stays as it is */
    gint64 connections; /* after; before: 7 */
    const char *published;
    Given given;
} Transition;

#define REQUEST BS "/register/request"
#define CONFIRM BS "/register/ok"
#define SOFTWARE_1 DM "/version/request"
#define SOFTWARE_2 DM "/update/request"
#define VERSION DM "/update/ok"
#define ANSWER BS "/parameters/ " BS "/parameters/topic "
#define SAME NULL, 7, ""

#define WITH_CSR                                                                                                       \
    {                                                                                                                  \
        .credentials = KL_CREDENTIALS_CSR                                                                              \
    }
#define CREATE                                                                                                         \
    {                                                                                                                  \
        .credentials = KL_CREDENTIALS_CREATE_KEYS                                                                      \
    }

static const Transition transitions[] = {
    /* every message in every state; each is tried again as a redelivery by test_redelivered() */
    {REQUEST, "", "false", "answered", "requested", 7, ANSWER},
    {REQUEST, "", "requested", "answered", NULL, 7, ANSWER},
    {REQUEST, "", "ok", "counted", "ok", 8, ""},
    {CONFIRM, "", "false", "early-confirm", "false", 8, ""},
    {CONFIRM, "", "requested", "activated", "ok", 7, ""},
    {CONFIRM, "", "ok", "counted", "ok", 8, ""},
    {SOFTWARE_1, "", "false", "not-active", SAME},
    {SOFTWARE_1, "", "requested", "not-active", SAME},
    {SOFTWARE_1, "", "ok", "software", SAME},
    {SOFTWARE_2, "", "false", "not-active", SAME},
    {SOFTWARE_2, "", "requested", "not-active", SAME},
    {SOFTWARE_2, "", "ok", "software", SAME},
    {VERSION, "{\"version\":4}", "false", "not-active", SAME},
    {VERSION, "{\"version\":4}", "requested", "not-active", SAME},
    {VERSION, "{\"version\":4}", "ok", "version", "ok", 7, ""},
    {VERSION, "{\"version\":3}", "ok", "version", SAME},
    /* payloads that need not be empty */
    {REQUEST, "{}", "false", "answered", "requested", 7, ANSWER},
    {REQUEST, " {\"id\":\"1\",\"more\":[null]} ", "false", "answered", "requested", 7, ANSWER},
    /* credentials by a request; nothing is wanted of a unit that is not answered */
    {REQUEST, CSR, "false", "answered", "requested", 7, ANSWER, WITH_CSR},
    {REQUEST, CSR, "requested", "answered", NULL, 7, ANSWER, WITH_CSR},
    {REQUEST, CSR, "ok", "counted", "ok", 8, "", WITH_CSR},
    {REQUEST, "", "ok", "counted", "ok", 8, "", WITH_CSR},
    {REQUEST, "", "false", "malformed", SAME, WITH_CSR},
    {REQUEST, "{\"csr\":\"\"}", "false", "malformed", SAME, WITH_CSR},
    {REQUEST, "{\"csr\":\"!!!!\"}", "false", "malformed", SAME, WITH_CSR},
    {REQUEST, "{\"csr\":5}", "requested", "malformed", SAME, WITH_CSR},
    /* credentials made here */
    {REQUEST, "", "false", "answered", "requested", 7, ANSWER, CREATE},
    {REQUEST, "", "ok", "counted", "ok", 8, "", CREATE},
    /* no such device */
    {REQUEST, "", NULL, "unknown-device", SAME},
    {CONFIRM, "", NULL, "unknown-device", SAME},
    {SOFTWARE_1, "", NULL, "unknown-device", SAME},
    {SOFTWARE_2, "", NULL, "unknown-device", SAME},
    {VERSION, "{\"version\":1}", NULL, "unknown-device", SAME},
    /* rows that this system does not write */
    {REQUEST, "", "true", "bad-row", SAME},
    {CONFIRM, "", "", "bad-row", SAME},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = "{"}},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = ""}},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = "{}"}},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = "{\"topic\":5}"}},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = "{\"topic\":\"\"}"}},
    {REQUEST, "", "false", "bad-row", SAME, {.parameters = "{\"topic\":\"a/#\"}"}},
    {REQUEST, CSR, "requested", "bad-row", SAME, {.parameters = "[]", .credentials = KL_CREDENTIALS_CSR}},
    /* senders */
    {REQUEST, "", "false", "answered", "requested", 7, ANSWER, {.sender = ID}},
    {REQUEST, "", "false", "foreign", SAME, {.sender = "FX30-000002"}},
    {CONFIRM, "", "requested", "foreign", SAME, {.sender = ""}},
    /* retained */
    {REQUEST, "", "false", "retained", SAME, {.retained = TRUE}},
    {CONFIRM, "", "requested", "retained", SAME, {.retained = TRUE}},
    /* sizes */
    {REQUEST, "{}", "false", "answered", "requested", 7, ANSWER, {.padding = KL_ACTIVATION_PAYLOAD_MAX - 2}},
    {REQUEST, "{}", "false", "oversized", SAME, {.padding = KL_ACTIVATION_PAYLOAD_MAX - 1}},
    /* payloads that are nothing */
    {REQUEST, "hello", "false", "malformed", SAME},
    {REQUEST, "[]", "false", "malformed", SAME},
    {REQUEST, "5", "false", "malformed", SAME},
    {REQUEST, "{}{}", "false", "malformed", SAME},
    {REQUEST, "{\"a\":\"\xff\"}", "false", "malformed", SAME},
    {VERSION, "", "ok", "malformed", SAME},
    {VERSION, "{\"version\":\"4\"}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":4.5}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":-1}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":null}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":9007199254740992}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":99999999999999999999}", "ok", "malformed", SAME},
    {VERSION, "{\"version\":9007199254740991}", "ok", "version", "ok", 7, ""},
    /* our own publications, and topics of nobody */
    {BS "/credentials/certificate", "", "ok", "own", SAME},
    {BS "/credentials/key", "", "ok", "own", SAME},
    {BS "/parameters/", "", "ok", "own", SAME},
    {BS "/parameters/topic", "", "ok", "own", SAME},
    {DM "/update/", "", "ok", "own", SAME},
    {DM "/update/parameters/", "", "ok", "own", SAME},
    {DM "/update/request/", "", "ok", "malformed", SAME},
    {DM "/register/request", "", "false", "malformed", SAME},
    {BS "/update/request", "", "ok", "malformed", SAME},
    {"/" REQUEST, "", "false", "malformed", SAME},
    {"bs/device//register/request", "", "false", "malformed", SAME},
    {"bs/device/+/register/request", "", "false", "malformed", SAME},
    {"bs/device/a b/register/request", "", "false", "malformed", SAME},
    {"bs/device/a/b/register/request", "", "false", "malformed", SAME},
    {"xbs/device/" ID "/register/request", "", "false", "malformed", SAME},
    {"b/device/" ID "/register/request", "", "false", "malformed", SAME},
    {"bs/device/" ID, "", "false", "malformed", SAME},
    {"", "", "false", "malformed", SAME},
    {"bs/device/" LONG_ID LONG_ID "/register/ok", "", "requested", "activated", "ok", 7, ""},
    {"bs/device/" LONG_ID LONG_ID "x/register/ok", "", "requested", "malformed", SAME},
};

static KlRegistration *
make_row(const Transition *t)
{
    KlTopic topic = kl_topic_parse(t->topic);
    KlRegistration *row = g_new0(KlRegistration, 1);
    row->device = g_strdup(topic.device);
    row->registered = g_strdup(t->registered);
    row->policy = g_strdup("policy");
    row->firmware = g_strdup("main");
    row->parameters = g_strdup(t->given.parameters != NULL ? t->given.parameters : PARAMETERS);
    row->version = 3;
    row->connections = 7;
    return row;
}

static KlActivation *
judge(const Transition *t, const Given *given)
{
    const KlActivationRules rules = {t->given.credentials, 7};
    g_autoptr(KlRegistration) row = t->registered != NULL ? make_row(t) : NULL;
    g_autoptr(GString) payload = g_string_new(t->payload);
    for (gsize i = 0; i < given->padding; i++)
        g_string_append_c(payload, ' ');
    g_autofree char *exact = g_memdup2(payload->str, payload->len); /* without a NUL behind it */
    const KlActivationMessage message = {.topic = t->topic,
                                         .payload = exact,
                                         .length = payload->len,
                                         .retained = given->retained,
                                         .again = given->again,
                                         .sender = given->sender};
    g_autofree char *shown = g_strescape(t->payload, NULL);
    g_test_message("%s \"%s\" %s: %s%s", t->topic, shown, t->registered, t->verdict, given->again ? ", again" : "");
    return kl_activation_judge(&rules, &message, row);
}

static char *
topics_of(GPtrArray *publications)
{
    g_autoptr(GString) topics = g_string_new(NULL);
    for (guint i = 0; i < publications->len; i++)
        g_string_append_printf(topics, "%s ", ((KlPublication *)publications->pdata[i])->topic);
    return g_string_free(g_steal_pointer(&topics), FALSE);
}

/* Whatever else the row has is never changed. */
static void
assert_rest_kept(const KlRegistration *row, const Transition *t)
{
    g_autoptr(KlRegistration) before = make_row(t);
    g_assert_cmpstr(row->device, ==, before->device);
    g_assert_cmpstr(row->policy, ==, before->policy);
    g_assert_cmpstr(row->firmware, ==, before->firmware);
    g_assert_cmpstr(row->parameters, ==, before->parameters);
}

static void
check(const KlActivation *a, const Transition *t)
{
    g_autofree char *published = topics_of(a->publications);
    g_assert_cmpstr(kl_activation_verdict_name(a->verdict), ==, t->verdict);
    g_assert_cmpstr(published, ==, t->published);
    g_assert_true((a->row != NULL) == (t->after != NULL));
    g_assert_true(a->alarm == (t->connections > 7));
    gboolean answered = g_str_equal(t->verdict, "answered");
    g_assert_true((a->csr != NULL) == (answered && t->given.credentials == KL_CREDENTIALS_CSR));
    g_assert_true(a->make_key == (answered && t->given.credentials == KL_CREDENTIALS_CREATE_KEYS));
    if (a->row == NULL)
        return;
    g_assert_cmpstr(a->row->registered, ==, t->after);
    g_assert_cmpint(a->row->connections, ==, t->connections);
    g_assert_true((a->row->version != 3) == g_str_equal(t->verdict, "version"));
    assert_rest_kept(a->row, t);
}

static void
test_transitions(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transitions); i++) {
        g_autoptr(KlActivation) a = judge(&transitions[i], &transitions[i].given);
        check(a, &transitions[i]);
    }
}

/* The same as redeliveries: what counted before counts no more, all else is as it was. */
static void
test_redelivered(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transitions); i++) {
        Transition t = transitions[i];
        t.given.again = TRUE;
        if (t.connections > 7) {
            t.verdict = "repeated";
            t.after = NULL;
            t.connections = 7;
        }
        g_autoptr(KlActivation) a = judge(&t, &t.given);
        check(a, &t);
    }
}

/* What is published, to the byte. */
static void
test_answer(void)
{
    const Transition t = {REQUEST, CSR, "false", .given = WITH_CSR};
    g_autoptr(KlActivation) a = judge(&t, &t.given);
    const char *const expected[] = {PARAMETERS, DATA_TOPIC};
    g_assert_cmpuint(a->publications->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < a->publications->len; i++) {
        GBytes *payload = ((KlPublication *)a->publications->pdata[i])->payload;
        g_assert_cmpmem(g_bytes_get_data(payload, NULL), g_bytes_get_size(payload), expected[i], strlen(expected[i]));
    }
    g_assert_cmpmem(g_bytes_get_data(a->csr, NULL), g_bytes_get_size(a->csr), "\1\2\3", 3);
    g_assert_cmpstr(a->device, ==, ID);
}

/* The parser of json-glib recurses: a deep payload has to be refused before it. */
static void
test_deep(void)
{
    g_autofree char *deep = g_strnfill(KL_ACTIVATION_PAYLOAD_MAX, '[');
    memcpy(deep, "{\"a\":", 5);
    const Transition t = {REQUEST, deep, "false"};
    g_autoptr(KlActivation) a = judge(&t, &t.given);
    g_assert_cmpint(a->verdict, ==, KL_ACTIVATION_MALFORMED);

    const char nul[] = "{\"a\":\"\0\"}";
    const KlActivationMessage message = {.topic = REQUEST, .payload = nul, .length = sizeof nul - 1};
    g_autoptr(KlActivation) b = kl_activation_judge(&(KlActivationRules){0}, &message, NULL);
    g_assert_cmpint(b->verdict, ==, KL_ACTIVATION_MALFORMED);
}

static void
test_alarm(void)
{
    const gint64 thresholds[] = {0, 7, 8, G_MAXINT64};
    for (gsize i = 0; i < G_N_ELEMENTS(thresholds); i++) {
        const KlActivationRules rules = {.connections_alarm = thresholds[i]};
        const Transition t = {REQUEST, "", "ok"};
        g_autoptr(KlRegistration) row = make_row(&t);
        g_autoptr(KlActivation) a = kl_activation_judge(&rules, &(KlActivationMessage){.topic = REQUEST}, row);
        g_assert_true(a->alarm == (8 > thresholds[i]));
        row->connections = G_MAXINT64;
        g_autoptr(KlActivation) full = kl_activation_judge(&rules, &(KlActivationMessage){.topic = REQUEST}, row);
        g_assert_cmpint(full->row->connections, ==, G_MAXINT64);
    }
}

static void
test_ids(void)
{
    static const struct {
        const char *payload;
        const char *id;
    } table[] = {
        {"", NULL},
        {"{}", NULL},
        {"{\"id\":5}", NULL},
        {"{\"id\":\"\"}", NULL},
        {"{\"id\":\"a b\"}", NULL},
        {"{\"id\":\"a\\n\"}", NULL},
        {"{\"id\":\"\xc3\xa9\"}", NULL},
        {"{\"id\":\"" LONG_ID "\"}", LONG_ID},
        {"{\"id\":\"" LONG_ID "x\"}", NULL},
        {"{\"id\":\"7\",\"version\":1}", "7"},
        {"{\"id\":\"7\"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        const KlActivationMessage message = {.payload = table[i].payload, .length = strlen(table[i].payload)};
        g_autofree char *id = kl_activation_message_id(&message);
        g_assert_cmpstr(id, ==, table[i].id);

        /* its carrier's id serves where it has none of its own, if it is one */
        KlActivationMessage carried = message;
        carried.id = "trace:1";
        g_autofree char *either = kl_activation_message_id(&carried);
        g_assert_cmpstr(either, ==, table[i].id != NULL ? table[i].id : "trace:1");
        carried.id = "no id";
        g_autofree char *neither = kl_activation_message_id(&carried);
        g_assert_cmpstr(neither, ==, table[i].id);
    }
}

/* Names of verdicts are what is stored and counted: each one's own. */
static void
test_verdict_names(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 0; i < KL_ACTIVATION_N_VERDICTS; i++)
        g_assert_true(g_hash_table_add(names, (char *)kl_activation_verdict_name((KlActivationVerdict)i)));
}

/* What devices publish is subscribed to, and nothing else that has a meaning: not our own publications. */
static gboolean
is_matched(const char *filter, const char *topic)
{
    g_auto(GStrv) f = g_strsplit(filter, "/", -1), t = g_strsplit(topic, "/", -1);
    guint i = 0;
    while (f[i] != NULL && t[i] != NULL && (g_str_equal(f[i], "+") || g_str_equal(f[i], t[i])))
        i++;
    return f[i] == NULL && t[i] == NULL;
}

static void
test_filters(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transitions); i++) {
        guint matches = 0;
        for (guint f = 0; kl_topic_filters[f] != NULL; f++)
            matches += is_matched(kl_topic_filters[f], transitions[i].topic);
        KlTopicKind kind = kl_topic_parse(transitions[i].topic).kind;
        if (kind != KL_TOPIC_NONE)
            g_assert_cmpuint(matches, ==, kind == KL_TOPIC_OWN ? 0 : 1);
    }
}

static void
test_software(void)
{
    g_autoptr(GBytes) content = g_bytes_new("abc", 3);
    const KlSoftware software = {12, content, (char *)"c2ln"};
#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    static const char *const expected[][2] = {
        {DM "/update/parameters/", "{\"version\":12,\"size\":3,\"sha256\":\"" SHA256_ABC "\",\"signature\":\"c2ln\"}"},
        {DM "/update/", "YWJj"},
    };
    g_autoptr(GPtrArray) publications = kl_software_publications(ID, &software);
    g_assert_cmpuint(publications->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < publications->len; i++) {
        KlPublication *p = publications->pdata[i];
        g_assert_cmpstr(p->topic, ==, expected[i][0]);
        g_assert_cmpmem(g_bytes_get_data(p->payload, NULL), g_bytes_get_size(p->payload), expected[i][1],
                        strlen(expected[i][1]));
    }
    g_autofree char *text = kl_software_signed_text(12, content);
    g_assert_cmpstr(text, ==, "keyline-software\nversion=12\nsize=3\nsha256=" SHA256_ABC "\n");
}

/* --- any sequence of messages --- */

static const char *const random_topics[] = {REQUEST, CONFIRM, SOFTWARE_1, SOFTWARE_2, VERSION};
static const char *const random_payloads[] = {"", "{}", CSR, "{\"version\":9}", "nonsense"};

/* Whatever we publish comes back to us, as by a rule with a wildcard at its end: nothing may come of it. */
static void
feed_back(const KlActivationRules *rules, GPtrArray *publications, const KlRegistration *row)
{
    for (guint i = 0; i < publications->len; i++) {
        KlPublication *p = publications->pdata[i];
        KlActivationMessage message = {.topic = p->topic};
        message.payload = g_bytes_get_data(p->payload, &message.length);
        g_autoptr(KlActivation) a = kl_activation_judge(rules, &message, row);
        g_assert_cmpint(a->verdict, ==, KL_ACTIVATION_OWN);
        g_assert_true(a->row == NULL && a->publications->len == 0 && a->csr == NULL && !a->make_key && !a->alarm);
    }
}

static void
check_step(const KlActivation *a, const KlActivationMessage *message, const KlRegistration *row)
{
    const char *from = row != NULL ? row->registered : NULL, *to = a->row != NULL ? a->row->registered : from;
    KlTopicKind kind = kl_topic_parse(message->topic).kind;
    if (row == NULL)
        g_assert_true(a->row == NULL && a->publications->len == 0 && a->csr == NULL && !a->make_key);
    if (g_strcmp0(from, to) != 0)
        g_assert_true((g_str_equal(from, "false") && g_str_equal(to, "requested") && kind == KL_TOPIC_REQUEST) ||
                      (g_str_equal(from, "requested") && g_str_equal(to, "ok") && kind == KL_TOPIC_CONFIRM));
    if (a->publications->len > 0)
        g_assert_cmpstr(to, ==, "requested");
    if (a->row != NULL)
        g_assert_cmpint(a->row->connections - row->connections, <=, message->again ? 0 : 1);
    if (message->retained || g_strcmp0(message->sender, "other") == 0)
        g_assert_true(a->row == NULL && a->publications->len == 0);
}

static void
test_random(void)
{
    for (guint round = 0; round < 2000; round++) {
        const Transition start = {REQUEST, "", g_test_rand_int_range(0, 8) > 0 ? "false" : NULL};
        const KlActivationRules rules = {(KlCredentials)g_test_rand_int_range(0, 3), g_test_rand_int_range(0, 20)};
        g_autoptr(KlRegistration) row = start.registered != NULL ? make_row(&start) : NULL;
        for (guint step = 0; step < 12; step++) {
            const char *payload = random_payloads[g_test_rand_int_range(0, G_N_ELEMENTS(random_payloads))];
            const KlActivationMessage message = {
                .topic = random_topics[g_test_rand_int_range(0, G_N_ELEMENTS(random_topics))],
                .payload = payload,
                .length = strlen(payload),
                .retained = g_test_rand_int_range(0, 10) == 0,
                .again = g_test_rand_int_range(0, 4) == 0,
                .sender = g_test_rand_int_range(0, 10) == 0 ? "other" : NULL,
            };
            g_autoptr(KlActivation) a = kl_activation_judge(&rules, &message, row);
            check_step(a, &message, row);
            feed_back(&rules, a->publications, row);
            if (a->row != NULL) {
                g_clear_pointer(&row, kl_registration_free);
                row = g_steal_pointer(&a->row);
            }
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/activation/transitions", test_transitions);
    g_test_add_func("/activation/redelivered", test_redelivered);
    g_test_add_func("/activation/answer", test_answer);
    g_test_add_func("/activation/deep", test_deep);
    g_test_add_func("/activation/alarm", test_alarm);
    g_test_add_func("/activation/ids", test_ids);
    g_test_add_func("/activation/verdict-names", test_verdict_names);
    g_test_add_func("/activation/filters", test_filters);
    g_test_add_func("/activation/software", test_software);
    g_test_add_func("/activation/random", test_random);
    return g_test_run();
}
