/* AT+KLBOOT and the item "trust", over a first boot that only keeps what it was told. */
#include "agent_fake.h"

#define HASH64 "00000000000000000000000000000000000000000000000000000000000000ff"

typedef struct {
    GString *told;
    KlAgentBootStatus status;
    int error;
} Boot;

static int
told(Boot *boot, const char *what)
{
    g_string_append_printf(boot->told, "%s ", what);
    return boot->error;
}

static int
start(void *data)
{
    return told(data, "start");
}

static int
rehearse(void *data, const char *address, const guint8 sha256[KL_AGENT_HASH_SIZE])
{
    g_assert_cmpint(sha256[31], ==, 0xff);
    return told(data, address);
}

static int
reset(void *data)
{
    return told(data, "reset");
}

static void
status(void *data, KlAgentBootStatus *out)
{
    *out = ((const Boot *)data)->status;
}

static const KlAgentBootControl control = {start, rehearse, reset, status};

static const struct {
    const char *line;
    int error; /* 0: OK */
    const char *told;
} rows[] = {
    {"AT+KLBOOT=?", 0, ""},
    {"AT+KLBOOT=\"start\"", 0, "start "},
    {"at+klboot=\"reset\"", 0, "reset "},
    {"AT+KLBOOT=\"rehearse\",\"10.0.0.1:8883\",\"" HASH64 "\"", 0, "10.0.0.1:8883 "},
    {"AT+KLBOOT=\"rehearse\",\"station-1.line:1\",\"" HASH64 "\"", 0, "station-1.line:1 "},
    {"AT+KLBOOT", KL_AGENT_E_SYNTAX, ""},
    {"AT+KLBOOT=start", KL_AGENT_E_SYNTAX, ""},
    {"AT+KLBOOT=\"start\",\"now\"", KL_AGENT_E_SYNTAX, ""},
    {"AT+KLBOOT=\"Start\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"start\",\"10.0.0.1:8883\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\"10.0.0.1\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\"10.0.0.1:0\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\"10.0.0.1:65536\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\"a b:1\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\":1\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER, ""},
    {"AT+KLBOOT=\"rehearse\",\"10.0.0.1:8883\",\"ff\"", KL_AGENT_E_PARAMETER, ""},
};

static Boot
boot_new(void)
{
    Boot boot = {.told = g_string_new(NULL)};
    return boot;
}

static void
test_grammar(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Unit) unit = unit_new();
        Boot boot = boot_new();
        kl_agent_set_boot(unit->agent, &control, &boot);
        g_test_message("%s", rows[i].line);
        if (rows[i].error == 0)
            expect_ok(unit, rows[i].line);
        else
            expect_error(unit, rows[i].line, rows[i].error);
        g_assert_cmpstr(boot.told->str, ==, rows[i].told);
        boot.error = KL_AGENT_E_BOOT_BEGUN;
        if (rows[i].told[0] != '\0')
            expect_error(unit, rows[i].line, KL_AGENT_E_BOOT_BEGUN);
        g_string_free(boot.told, TRUE);
    }
}

static void
assert_line(const Unit *unit, guint n, const char *line)
{
    g_assert_cmpstr(unit->lines->pdata[n], ==, line);
}

/* Every state and trouble has its word; what came from a broker can't break a line. */
static void
test_status(void)
{
    g_autoptr(Unit) unit = unit_new();
    Boot boot = boot_new();
    kl_agent_set_boot(unit->agent, &control, &boot);
    boot.status = (KlAgentBootStatus){.state = KL_AGENT_BOOT_UPDATING,
                                      .trouble = KL_AGENT_TROUBLE_BAD_SOFTWARE,
                                      .detail = "541 \"evil\"\r\nOK",
                                      .rehearsal = true,
                                      .version = G_GINT64_CONSTANT(9007199254740991),
                                      .clock_s = -5,
                                      .endpoint = "broker.example:8883",
                                      .topic = "t",
                                      .trust_sha256 = HASH64};
    expect_ok(unit, "AT+KLBOOT?");
    g_assert_cmpuint(unit->lines->len, ==, 10);
    assert_line(unit, 0, "+KLBOOT: \"state\",\"updating\"");
    assert_line(unit, 1, "+KLBOOT: \"trouble\",\"bad-software\"");
    assert_line(unit, 2, "+KLBOOT: \"detail\",\"541 ?evil???OK\"");
    assert_line(unit, 3, "+KLBOOT: \"rehearsal\",\"1\"");
    assert_line(unit, 4, "+KLBOOT: \"version\",\"9007199254740991\"");
    assert_line(unit, 5, "+KLBOOT: \"clock\",\"-5\"");
    assert_line(unit, 6, "+KLBOOT: \"endpoint\",\"broker.example:8883\"");
    assert_line(unit, 7, "+KLBOOT: \"topic\",\"t\"");
    assert_line(unit, 8, "+KLBOOT: \"trust\",\"" HASH64 "\"");
    memset(boot.status.topic, 'x', KL_BOOT_TOPIC_MAX);
    memset(boot.status.detail, 'x', KL_BOOT_DETAIL_MAX);
    expect_ok(unit, "AT+KLBOOT?");
    g_string_free(boot.told, TRUE);
}

/* An agent without a first boot answers as an older one; one with it says so in KLINFO. */
static void
test_capability(void)
{
    g_autoptr(Unit) unit = unit_new();
    Boot boot = boot_new();
    expect_error(unit, "AT+KLBOOT?", KL_AGENT_E_SYNTAX);
    expect_error(unit, "AT+KLBOOT=\"start\"", KL_AGENT_E_SYNTAX);
    expect_error(unit, "AT+KLBOOT=\"rehearse\",\"10.0.0.1:8883\",\"" HASH64 "\"", KL_AGENT_E_SYNTAX);
    expect_ok(unit, "AT+KLINFO?");
    guint before = unit->lines->len;
    kl_agent_set_boot(unit->agent, &control, &boot);
    expect_ok(unit, "AT+KLINFO?");
    g_assert_cmpuint(unit->lines->len, ==, before + 1);
    assert_line(unit, before - 1, "+KLINFO: \"first-boot\",\"1\"");
    g_string_free(boot.told, TRUE);
}

/* Removing a unit's key ends its first boot, before anything is removed; of a locked unit, nothing. */
static void
test_delete(void)
{
    g_autoptr(Unit) unit = unit_new();
    Boot boot = boot_new();
    kl_agent_set_boot(unit->agent, &control, &boot);
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    boot.error = KL_AGENT_E_STORE;
    expect_error(unit, "AT+KLDEL=\"k\"", KL_AGENT_E_STORE);
    g_assert_true(g_hash_table_contains(unit->device.keys, "k"));
    boot.error = 0;
    expect_ok(unit, "AT+KLDEL=\"k\"");
    g_assert_cmpstr(boot.told->str, ==, "reset reset ");
    expect_ok(unit, "AT+KLKEY=\"k\",\"ec-p256\"");
    expect_ok(unit, "AT+KLLOCK=\"k\"");
    expect_error(unit, "AT+KLDEL=\"k\"", KL_AGENT_E_LOCKED);
    g_assert_cmpstr(boot.told->str, ==, "reset reset ");
    g_string_free(boot.told, TRUE);
}

/* "trust" is an item as others are, and counts towards what all of them may take. */
static void
test_trust(void)
{
    g_autoptr(Unit) unit = unit_new();
    guint8 bytes[KL_AGENT_ITEM_MAX + 1];
    memset(bytes, 't', sizeof bytes);
    g_assert_cmpstr(put(unit, "trust", 0, bytes, 1), ==, "OK");
    g_autofree char *hash = hash_hex(bytes, 1);
    g_autofree char *commit = g_strdup_printf("AT+KLCOMMIT=\"trust\",\"1\",\"%s\"", hash);
    expect_ok(unit, commit);
    expect_ok(unit, "AT+KLITEM?");
    g_autofree char *line = g_strdup_printf("+KLITEM: \"trust\",\"1\",\"%s\"", hash);
    assert_line(unit, 0, line);
    g_assert_cmpuint(unit->lines->len, ==, 2);
    for (gsize at = 0; at < KL_AGENT_ITEM_MAX; at += KL_AGENT_PIECE_MAX)
        g_assert_cmpstr(put(unit, "trust", at, bytes, MIN(KL_AGENT_PIECE_MAX, KL_AGENT_ITEM_MAX - at)), ==, "OK");
    g_assert_cmpstr(put(unit, "trust", KL_AGENT_ITEM_MAX, bytes, 1), ==, "+CME ERROR: 520");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-klboot/grammar", test_grammar);
    g_test_add_func("/agent-klboot/status", test_status);
    g_test_add_func("/agent-klboot/capability", test_capability);
    g_test_add_func("/agent-klboot/delete", test_delete);
    g_test_add_func("/agent-klboot/trust", test_trust);
    return g_test_run();
}
