/* The driver's part in the first boot: what it makes of every answer and of every refusal. */
#include "drivers/at_wp77/agent/boot_status.h"
#include "drivers/at_wp77/wp77_answers.h"
#include "tests/wp77_bench.h"

#define SHA256 "00000000000000000000000000000000000000000000000000000000000000ff"

static void
assert_code(const GError *error, KlErrorCode code)
{
    g_assert_nonnull(error);
    g_test_message("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    g_assert_cmpstr(kl_error_name(kl_error_code(error)), ==, kl_error_name(code));
}

static gboolean
parse(const char *text, KlBootInfo *info, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) pairs = g_strsplit(text, " ", -1);
    for (guint i = 0; pairs[i] != NULL && *pairs[i] != '\0'; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);
        g_strdelimit(pair[1], "_", ' ');
        g_ptr_array_add(lines, g_strdup_printf("+KLBOOT: \"%s\",\"%s\"", pair[0], pair[1]));
    }
    return kl_wp77_boot_parse(lines, info, error);
}

static void
test_parse(void)
{
    g_auto(KlBootInfo) info = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(parse("state=failed trouble=wrong-name detail=545_no rehearsal=1 version=9007199254740991 "
                        "clock=1800000000 endpoint=b.example:8883 topic=t trust=" SHA256 " colour=blue",
                        &info, &error));
    g_assert_cmpint(info.state, ==, KL_BOOT_FAILED);
    g_assert_cmpint(info.trouble, ==, KL_BOOT_WRONG_NAME);
    g_assert_cmpstr(info.detail, ==, "545 no");
    g_assert_true(info.rehearsal);
    g_assert_cmpint(info.version, ==, G_GINT64_CONSTANT(9007199254740991));
    g_assert_cmpint(info.clock_s, ==, 1800000000);
    g_assert_cmpstr(info.endpoint, ==, "b.example:8883");
    g_assert_cmpstr(info.trust_sha256, ==, SHA256);
    kl_boot_info_clear(&info);
    g_assert_true(parse("trouble=none detail= state=fresh rehearsal=0 endpoint=", &info, &error));
    g_assert_cmpint(info.state, ==, KL_BOOT_FRESH);
    g_assert_null(info.detail);
    g_assert_null(info.endpoint);
    kl_boot_info_clear(&info);
    g_assert_true(parse("state=active trouble=brand-new", &info, &error));
    g_assert_cmpint(info.trouble, ==, KL_BOOT_OTHER);
}

/* The agent's words and the station's values go together one by one. */
static void
test_words(void)
{
#define WORD(name, word) {"state=" word, KL_BOOT_##name},
    static const struct {
        const char *text;
        int value;
    } states[] = {KL_AGENT_BOOT_STATES(WORD)};
#undef WORD
#define WORD(name, word) {"state=fresh trouble=" word, KL_BOOT_##name},
    static const struct {
        const char *text;
        int value;
    } troubles[] = {KL_AGENT_BOOT_TROUBLES(WORD)};
#undef WORD
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        g_auto(KlBootInfo) info = {0};
        g_assert_true(parse(states[i].text, &info, NULL));
        g_assert_cmpint(info.state, ==, states[i].value);
        g_assert_cmpint(info.state, ==, i);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(troubles); i++) {
        g_auto(KlBootInfo) info = {0};
        g_assert_true(parse(troubles[i].text, &info, NULL));
        g_assert_cmpint(info.trouble, ==, troubles[i].value);
        g_assert_cmpint(info.trouble, ==, i);
    }
    g_assert_cmpuint(G_N_ELEMENTS(states), ==, KL_BOOT_FAILED + 1);
    g_assert_cmpuint(G_N_ELEMENTS(troubles), ==, KL_BOOT_OTHER + 1);
}

static void
test_garbled(void)
{
    static const char *const texts[] = {
        "",
        "trouble=none",
        "state=dreaming",
        "state=dreaming state=fresh",
        "state=fresh clock=noon",
        "state=fresh version=1x",
        "state=fresh rehearsal=maybe",
        "state=fresh detail=a detail=b",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_auto(KlBootInfo) info = {0};
        g_autoptr(GError) error = NULL;
        g_assert_false(parse(texts[i], &info, &error));
        assert_code(error, KL_ERROR_ANSWER_GARBLED);
        g_assert_null(info.detail);
    }
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    g_ptr_array_add(lines, (gpointer) "+KLBOOT: state,\"fresh\"");
    g_auto(KlBootInfo) info = {0};
    g_assert_false(kl_wp77_boot_parse(lines, &info, NULL));
}

/* What an agent says no with. */
static void
test_refusals(void)
{
    static const struct {
        const char *instead;
        KlErrorCode code;
    } refusals[] = {
        {"+CME ERROR: 533", KL_ERROR_BOOT_REFUSED}, {"+CME ERROR: 534", KL_ERROR_BOOT_REFUSED},
        {"+CME ERROR: 524", KL_ERROR_BOOT_REFUSED}, {"+CME ERROR: 512", KL_ERROR_AGENT_VERSION},
        {"ERROR", KL_ERROR_AGENT_VERSION},          {"+CME ERROR: 3", KL_ERROR_AGENT_VERSION},
        {"+CME ERROR: 999", KL_ERROR_BOOT_REFUSED},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_auto(Bench) bench;
        g_auto(KlBootInfo) info = {0};
        bench_init(&bench);
        bench.wire[0].at = "AT+KLBOOT";
        bench.wire[0].instead = refusals[i].instead;
        bench.wire[0].strikes = 99;
        open_ok(&bench);
        g_autoptr(GError) rehearse = NULL;
        g_autoptr(GError) status = NULL;
        g_autoptr(GError) reset = NULL;
        g_assert_false(kl_wp77_driver.rehearse(bench.device, "10.0.0.1:1", SHA256, &bench.op, &rehearse));
        g_assert_false(kl_wp77_driver.boot_status(bench.device, &info, &bench.op, &status));
        g_assert_false(kl_wp77_driver.boot_reset(bench.device, &bench.op, &reset));
        assert_code(rehearse, refusals[i].code);
        assert_code(status, refusals[i].code);
        assert_code(reset, refusals[i].code);
    }
}

/* The agent of the bench has no first boot at all. */
static void
test_old_agent(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    open_ok(&bench);
    g_assert_false(kl_wp77_driver.rehearse(bench.device, "10.0.0.1:1", SHA256, &bench.op, &error));
    assert_code(error, KL_ERROR_AGENT_VERSION);
    g_clear_error(&error);
    g_assert_false(kl_wp77_driver.rehearse(bench.device, "\"", SHA256, &bench.op, &error));
    assert_code(error, KL_ERROR_INTERNAL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wp77-boot/parse", test_parse);
    g_test_add_func("/wp77-boot/words", test_words);
    g_test_add_func("/wp77-boot/garbled", test_garbled);
    g_test_add_func("/wp77-boot/refusals", test_refusals);
    g_test_add_func("/wp77-boot/old-agent", test_old_agent);
    return g_test_run();
}
