/* The agent's commands over a device in memory: grammar, limits, every error, items, locks, power cuts between
 * operations. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "agent_fake.h"
#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/agent/pkcs10.h"

#define HASH64 "00000000000000000000000000000000000000000000000000000000000000ff"

/* One key "used" and one locked key "shut" exist. 0 is OK, -1 is "not the agent's". */
static const struct {
    const char *line;
    int expected;
} grammar[] = {
    {"AT", -1},
    {"ATI", -1},
    {"AT+", -1},
    {"AT+CGSN", -1},
    {"AT+KLINF?", -1},
    {"AT+KLINFOO?", -1},
    {"AT+KLINFOKLINFOKLINFO?", -1},
    {"BT+KLINFO?", -1},
    {"AT+KLINFO?", 0},
    {"at+klinfo?", 0},
    {"AT+KLINFO", KL_AGENT_E_SYNTAX},
    {"AT+KLINFO??", KL_AGENT_E_SYNTAX},
    {"AT+KLINFO ?", KL_AGENT_E_SYNTAX},
    {"AT+KLINFO?;+KLKEY?", KL_AGENT_E_SYNTAX},
    {"AT+KLINFO=\"a\"", KL_AGENT_E_SYNTAX},
    {"AT+KLINFO=?", 0},
    {"AT+KLKEY=?", 0},
    {"AT+KLCSR=?", 0},
    {"AT+KLPUT=?", 0},
    {"AT+KLCOMMIT=?", 0},
    {"AT+KLITEM=?", 0},
    {"AT+KLPROVE=?", 0},
    {"AT+KLDEL=?", 0},
    {"AT+KLLOCK=?", 0},
    {"AT+KLPUT?", KL_AGENT_E_SYNTAX},
    {"AT+KLDEL?", KL_AGENT_E_SYNTAX},
    {"AT+KLITEM", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=new,ec-p256", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\",ec-p256", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\"\"ec-p256\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\",\"ec-p256", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\",\"ec-p256\",", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\",\"ec-p256\",\"x\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\",\"ec-p256\",\"x\",\"y\",\"z\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"new\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"n\tw\",\"ec-p256\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"n\x7fw\",\"ec-p256\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"n\xc3\xa9w\",\"ec-p256\"", KL_AGENT_E_SYNTAX},
    {"AT+KLKEY=\"\",\"ec-p256\"", KL_AGENT_E_SLOT},
    {"AT+KLKEY=\"a b\",\"ec-p256\"", KL_AGENT_E_SLOT},
    {"AT+KLKEY=\"../used\",\"ec-p256\"", KL_AGENT_E_SLOT},
    {"AT+KLKEY=\"a.b\",\"ec-p256\"", KL_AGENT_E_SLOT},
    {"AT+KLKEY=\"abcdefghijklmnopqrstuvwxyz0123456\",\"ec-p256\"", KL_AGENT_E_SLOT},
    {"AT+KLKEY=\"abcdefghijklmnopqrstuvwxyz_-2345\",\"ec-p256\"", 0},
    {"AT+KLKEY=\"new\",\"EC-P256\"", KL_AGENT_E_KEY_TYPE},
    {"AT+KLKEY=\"used\",\"rsa-512\"", KL_AGENT_E_KEY_TYPE},
    {"AT+KLKEY=\"used\",\"ec-p256\"", KL_AGENT_E_SLOT_USED},
    {"AT+KLKEY=\"shut\",\"ec-p256\"", KL_AGENT_E_SLOT_USED},
    {"AT+KLCSR=\"none\",\"cn\"", KL_AGENT_E_NO_KEY},
    {"AT+KLCSR=\"used\",\"\"", KL_AGENT_E_PARAMETER},
    {"AT+KLCSR=\"used\",\"a b\"", KL_AGENT_E_PARAMETER},
    {"AT+KLCSR=\"used\",\"a/CN=b\"", KL_AGENT_E_PARAMETER},
    {"AT+KLCSR=\"used\",\"" HASH64 "\"", 0},
    {"AT+KLCSR=\"used\",\"" HASH64 "0\"", KL_AGENT_E_PARAMETER},
    {"AT+KLCSR=\"shut\",\"FX30S:a-b_c.d\"", 0},
    {"AT+KLPUT=\"nothing\",\"0\",\"AAAA\"", KL_AGENT_E_ITEM},
    {"AT+KLPUT=\"Chain\",\"0\",\"AAAA\"", KL_AGENT_E_ITEM},
    {"AT+KLPUT=\"chain\",\"\",\"AAAA\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"-1\",\"AAAA\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"00\",\"AAAA\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"999999\",\"AAAA\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"0\",\"\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"0\",\"AAA\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"0\",\"AAA-\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"0\",\"AAB=\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPUT=\"chain\",\"3\",\"AAAA\"", KL_AGENT_E_ORDER},
    {"AT+KLPUT=\"chain\",\"99999\",\"AAAA\"", KL_AGENT_E_ORDER},
    {"AT+KLCOMMIT=\"chain\",\"0\",\"" HASH64 "\"", KL_AGENT_E_NOT_STAGED},
    {"AT+KLCOMMIT=\"nothing\",\"0\",\"" HASH64 "\"", KL_AGENT_E_ITEM},
    {"AT+KLCOMMIT=\"chain\",\"x\",\"" HASH64 "\"", KL_AGENT_E_PARAMETER},
    {"AT+KLCOMMIT=\"chain\",\"1\",\"" HASH64 "0\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPROVE=\"none\",\"" HASH64 "\"", KL_AGENT_E_NO_KEY},
    {"AT+KLPROVE=\"used\",\"" HASH64 "0\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPROVE=\"used\",\"\"", KL_AGENT_E_PARAMETER},
    {"AT+KLPROVE=\"used\",\"" HASH64 "\"", 0},
    {"AT+KLDEL=\"none\"", KL_AGENT_E_NO_KEY},
    {"AT+KLDEL=\"shut\"", KL_AGENT_E_LOCKED},
    {"AT+KLDEL=\"a*\"", KL_AGENT_E_SLOT},
    {"AT+KLLOCK=\"none\"", KL_AGENT_E_NO_KEY},
    {"AT+KLLOCK=\"shut\"", 0},
    {"AT+KLLOCK=\"\"", KL_AGENT_E_SLOT},
};

static void
test_grammar(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(grammar); i++) {
        g_autoptr(Unit) unit = unit_with_keys();
        g_test_message("%s", grammar[i].line);
        if (grammar[i].expected < 0)
            g_assert_null(run(unit, grammar[i].line));
        else if (grammar[i].expected == 0)
            expect_ok(unit, grammar[i].line);
        else
            expect_error(unit, grammar[i].line, grammar[i].expected);
    }
}

static void
test_nul_in_line(void)
{
    g_autoptr(Unit) unit = unit_new();
    static const char line[] = "AT+KLKEY=\"a\0b\",\"ec-p256\"";
    g_assert_cmpstr(run_bytes(unit, line, sizeof line - 1), ==, "+CME ERROR: 512");
    g_assert_null(run_bytes(unit, "AT+\0KLINFO?", 11));
    g_assert_null(run_bytes(unit, "", 0));
}

static void
test_limits(void)
{
    g_autoptr(Unit) unit = unit_with_keys();
    g_autofree char *p120 = g_strnfill(120, 'a');
    g_autofree char *p121 = g_strnfill(121, 'a');
    g_autofree char *at_most = g_strdup_printf("AT+KLCSR=\"used\",\"%s\"", p120);
    g_autofree char *over = g_strdup_printf("AT+KLCSR=\"used\",\"%s\"", p121);
    expect_error(unit, at_most, KL_AGENT_E_PARAMETER);
    expect_error(unit, over, KL_AGENT_E_TOO_LONG);
    const char *split[] = {"used", p121};
    g_assert_cmpint(kl_agent_execute(unit->agent, "KLCSR", KL_AGENT_PARAMETERS, split, 2, collect, unit), ==,
                    KL_AGENT_E_TOO_LONG);
    /* 480 bytes: four full parameters and a little; one too many parameters is found first in the first line only. */
    for (gsize len = 480; len <= 481; len++) {
        g_autoptr(GString) line = g_string_new("AT+KLDEL=");
        while (line->len < len)
            g_string_append_c(line, 'x');
        expect_error(unit, line->str, len == 480 ? KL_AGENT_E_SYNTAX : KL_AGENT_E_TOO_LONG);
    }
}

/* What makes each number, other than what the grammar table has. */
static void
test_every_error(void)
{
    static const struct {
        const char *fail_op;
        int fail_with;
        const char *line;
        int expected;
    } table[] = {
        {"key_create", KL_AGENT_E_KEYSTORE, "AT+KLKEY=\"new\",\"ec-p256\"", KL_AGENT_E_KEYSTORE},
        {"key_create", KL_AGENT_E_CRYPTO, "AT+KLKEY=\"new\",\"ec-p256\"", KL_AGENT_E_CRYPTO},
        {"key_list", KL_AGENT_E_STORE, "AT+KLKEY?", KL_AGENT_E_STORE},
        {"key_public", KL_AGENT_E_KEYSTORE, "AT+KLKEY=\"used\",\"ec-p256\"", KL_AGENT_E_KEYSTORE},
        {"key_public", KL_AGENT_E_KEYSTORE, "AT+KLCSR=\"used\",\"cn\"", KL_AGENT_E_KEYSTORE},
        {"key_public", KL_AGENT_E_KEYSTORE, "AT+KLLOCK=\"used\"", KL_AGENT_E_KEYSTORE},
        {"key_sign", KL_AGENT_E_KEYSTORE, "AT+KLCSR=\"used\",\"cn\"", KL_AGENT_E_KEYSTORE},
        {"key_sign", KL_AGENT_E_KEYSTORE, "AT+KLPROVE=\"used\",\"" HASH64 "\"", KL_AGENT_E_KEYSTORE},
        {"sha256", KL_AGENT_E_CRYPTO, "AT+KLCSR=\"used\",\"cn\"", KL_AGENT_E_CRYPTO},
        {"sha256", KL_AGENT_E_CRYPTO, "AT+KLITEM?", KL_AGENT_E_CRYPTO},
        {"item_read", KL_AGENT_E_STORE, "AT+KLITEM?", KL_AGENT_E_STORE},
        {"identity", KL_AGENT_E_IDENTITY, "AT+KLINFO?", KL_AGENT_E_IDENTITY},
        {"identity", KL_AGENT_E_IDENTITY, "AT+KLPROVE=\"used\",\"" HASH64 "\"", KL_AGENT_E_IDENTITY},
        {"boot_id", KL_AGENT_E_CRYPTO, "AT+KLINFO?", KL_AGENT_E_CRYPTO},
        {"key_lock", KL_AGENT_E_STORE, "AT+KLLOCK=\"used\"", KL_AGENT_E_STORE},
        {"key_locked", KL_AGENT_E_STORE, "AT+KLLOCK=\"used\"", KL_AGENT_E_STORE},
        {"key_locked", KL_AGENT_E_STORE, "AT+KLDEL=\"used\"", KL_AGENT_E_STORE},
        {"key_delete", KL_AGENT_E_STORE, "AT+KLDEL=\"used\"", KL_AGENT_E_STORE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(Unit) unit = unit_with_keys();
        install(unit, "endpoint", "old");
        unit->device.fail_op = table[i].fail_op;
        unit->device.fail_with = table[i].fail_with;
        g_test_message("%s fails, %s", table[i].fail_op, table[i].line);
        expect_error(unit, table[i].line, table[i].expected);
        g_assert_true(g_hash_table_contains(unit->device.keys, "used"));
        assert_stored(unit, "endpoint", "old");
    }
}

static void
test_wrong_imei_is_not_signed(void)
{
    static const char *const wrong[] = {"", "35265309000001", "35265309000001x", "352653 90000019"};
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(Unit) unit = unit_with_keys();
        g_strlcpy(unit->device.identity.imei, wrong[i], sizeof unit->device.identity.imei);
        expect_error(unit, "AT+KLPROVE=\"used\",\"" HASH64 "\"", KL_AGENT_E_IDENTITY);
    }
}

static void
test_info(void)
{
    g_autoptr(Unit) unit = unit_new();
    g_strlcpy(unit->device.identity.model, "A\"B\r\n\x80", sizeof unit->device.identity.model);
    expect_ok(unit, "AT+KLINFO?");
    static const char *const expected[] = {
        "+KLINFO: \"protocol\",\"1\"",
        "+KLINFO: \"agent\",\"" KL_AGENT_VERSION "\"",
        "+KLINFO: \"keystore\",\"iks\"",
        "+KLINFO: \"imei\",\"352653090000019\"",
        "+KLINFO: \"fsn\",\"4L900000000001\"",
        "+KLINFO: \"model\",\"A?B???\"",
        "+KLINFO: \"firmware\",\"SWI9X06Y_02.32.02.00\"",
        "+KLINFO: \"boot\",\"0123456789abcdef\"",
        "OK",
    };
    g_assert_cmpuint(unit->lines->len, ==, G_N_ELEMENTS(expected));
    for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
        g_assert_cmpstr(unit->lines->pdata[i], ==, expected[i]);
}

static void
test_key_list(void)
{
    g_autoptr(Unit) unit = unit_with_keys();
    guint8 point[65];
    guint8 spki[KL_P256_SPKI_SIZE];
    fake_key_public(&unit->device, "shut", point);
    g_assert_true(kl_p256_spki(point, spki));
    g_autofree char *hash = hash_hex(spki, sizeof spki);
    g_autofree char *expected = g_strdup_printf("+KLKEY: \"shut\",\"%s\",\"iks\",\"locked\"", hash);
    expect_ok(unit, "AT+KLKEY?");
    g_assert_cmpuint(unit->lines->len, ==, 3);
    g_assert_cmpstr(unit->lines->pdata[0], ==, expected);
    g_assert_true(g_str_has_suffix(unit->lines->pdata[1], "\"iks\",\"open\""));
}

static void
test_slots_full(void)
{
    g_autoptr(Unit) unit = unit_new();
    for (int i = 0; i < KL_AGENT_SLOTS_MAX; i++) {
        g_autofree char *line = g_strdup_printf("AT+KLKEY=\"s%d\",\"ec-p256\"", i);
        expect_ok(unit, line);
    }
    expect_error(unit, "AT+KLKEY=\"more\",\"ec-p256\"", KL_AGENT_E_SLOTS_FULL);
    expect_error(unit, "AT+KLKEY=\"s0\",\"ec-p256\"", KL_AGENT_E_SLOT_USED);
}

static void
test_csr_lines(void)
{
    g_autoptr(Unit) unit = unit_with_keys();
    expect_ok(unit, "AT+KLCSR=\"used\",\"" HASH64 "\"");
    g_autoptr(GByteArray) der = g_byte_array_new();
    guint total = 0;
    for (guint i = 0; i + 2 < unit->lines->len; i++) {
        guint offset = 0;
        char text[481];
        g_assert_cmpint(sscanf(unit->lines->pdata[i], "+KLCSR: %u,%u,\"%480[^\"]\"", &offset, &total, text), ==, 3);
        g_assert_cmpuint(offset, ==, der->len);
        gsize n = 0;
        g_autofree guint8 *piece = g_base64_decode(text, &n);
        g_byte_array_append(der, piece, (guint)n);
    }
    g_assert_cmpuint(unit->lines->len, ==, 4);
    g_assert_cmpuint(der->len, ==, total);
    g_autofree char *hash = hash_hex(der->data, der->len);
    g_autofree char *expected = g_strdup_printf("+KLCSR: \"%s\"", hash);
    g_assert_cmpstr(unit->lines->pdata[unit->lines->len - 2], ==, expected);
}

static void
test_signature_der(void)
{
    guint8 raw[64] = {0};
    guint8 der[KL_ECDSA_DER_MAX];
    gsize len = 0;
    g_assert_false(kl_ecdsa_der(raw, der, &len)); /* r = s = 0 */
    raw[31] = 1;
    g_assert_false(kl_ecdsa_der(raw, der, &len)); /* s = 0 */
    raw[63] = 0x80;
    static const guint8 small[] = {0x30, 7, 2, 1, 1, 2, 2, 0, 0x80};
    g_assert_true(kl_ecdsa_der(raw, der, &len));
    g_assert_cmpmem(der, len, small, sizeof small);
    memset(raw, 0xff, sizeof raw);
    g_assert_true(kl_ecdsa_der(raw, der, &len));
    g_assert_cmpuint(len, ==, KL_ECDSA_DER_MAX);
    guint8 compressed[65] = {0x02};
    guint8 spki[KL_P256_SPKI_SIZE];
    g_assert_false(kl_p256_spki(compressed, spki));
}

static void
test_codec_property(void)
{
    for (int round = 0; round < 2000; round++) {
        guint8 bytes[96];
        guint8 back[96];
        char text[KL_BASE64_CHARS(96) + 1];
        char hex[193];
        gsize len = (gsize)g_test_rand_int_range(0, 97);
        gsize back_len = 0;
        for (gsize i = 0; i < len; i++)
            bytes[i] = (guint8)g_test_rand_int_range(0, 256);
        g_autofree char *expected = g_base64_encode(bytes, len);
        kl_base64_encode(bytes, len, text);
        g_assert_cmpstr(text, ==, expected);
        g_assert_true(kl_base64_decode(text, back, sizeof back, &back_len));
        g_assert_cmpmem(back, back_len, bytes, len);
        g_assert_true(len == 0 || !kl_base64_decode(text, back, len - 1, &back_len));
        kl_hex_encode(bytes, len, hex);
        g_assert_true(kl_hex_decode(hex, back, len));
        g_assert_cmpmem(back, len, bytes, len);
    }
    static const char *const bad[] = {
        "=", "====", "A===", "AA=A", "AA==AAAA", "AAA\n", "AB==", "A A=", "\xff\xff\xff\xff"};
    guint8 out[96];
    gsize n = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(kl_base64_decode(bad[i], out, sizeof out, &n));
}

/* Damaged commands: one final line or not ours, never anything else; collect() checks each line. */
static void
test_garbage_property(void)
{
    g_autoptr(Unit) unit = unit_with_keys();
    for (int round = 0; round < 20000; round++) {
        g_autofree char *line = g_strdup(grammar[g_test_rand_int_range(0, G_N_ELEMENTS(grammar))].line);
        gsize len = strlen(line);
        for (int i = g_test_rand_int_range(0, 4); i > 0; i--)
            line[g_test_rand_int_range(0, (gint32)len)] = (char)g_test_rand_int_range(0, 256);
        run_bytes(unit, line, (gsize)g_test_rand_int_range(0, (gint32)len + 1));
    }
}

static void
test_command_names(void)
{
    g_autoptr(Unit) unit = unit_new();
    gsize n = 0;
    const char *const *names = kl_agent_command_names(&n);
    g_assert_cmpuint(n, ==, 10);
    for (gsize i = 0; i < n; i++) {
        g_autofree char *line = g_strdup_printf("AT+%s=?", names[i]);
        expect_ok(unit, line);
    }
    g_assert_cmpint(kl_agent_execute(unit->agent, "KLNOT", KL_AGENT_TEST, NULL, 0, collect, unit), ==,
                    KL_AGENT_E_SYNTAX);
}

/* PROTOCOL.md has every number with its name. */
static void
test_protocol_page(void)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "drivers", "at_wp77", "PROTOCOL.md", NULL);
    g_autofree char *page = NULL;
    g_assert_true(g_file_get_contents(path, &page, NULL, NULL));
#define ROW(name, number, text) "| " #number " | `" #name "` |",
    static const char *const rows[] = {KL_AGENT_ERRORS(ROW)};
#undef ROW
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_nonnull(strstr(page, rows[i]));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent/grammar", test_grammar);
    g_test_add_func("/agent/nul-in-line", test_nul_in_line);
    g_test_add_func("/agent/limits", test_limits);
    g_test_add_func("/agent/every-error", test_every_error);
    g_test_add_func("/agent/wrong-imei", test_wrong_imei_is_not_signed);
    g_test_add_func("/agent/info", test_info);
    g_test_add_func("/agent/key-list", test_key_list);
    g_test_add_func("/agent/slots-full", test_slots_full);
    g_test_add_func("/agent/csr-lines", test_csr_lines);
    g_test_add_func("/agent/signature-der", test_signature_der);
    g_test_add_func("/agent/codec", test_codec_property);
    g_test_add_func("/agent/garbage", test_garbage_property);
    g_test_add_func("/agent/names", test_command_names);
    g_test_add_func("/agent/protocol-page", test_protocol_page);
    return g_test_run();
}
