/* error.def: every code can be shown to an operator, stored and found again; and what it means for a unit's outcome. */
#include "station/error.h"
#include "station/outcome.h"

#include <gio/gio.h>

static void
assert_sentence(const char *text, KlErrorCode code, const char *what)
{
    gsize length = strlen(text);
    if (length < 10 || text[length - 1] != '.' || !g_ascii_isupper(text[0]) || length > 120)
        g_error("%s: the %s is not one short sentence: '%s'", kl_error_name(code), what, text);
}

static void
test_every_code(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (int code = 0; code < KL_ERROR_LAST; code++) {
        assert_sentence(kl_error_words(code), code, "words");
        assert_sentence(kl_error_remedy(code), code, "remedy");
        g_assert_true(g_hash_table_add(names, (gpointer)kl_error_name(code)));
        g_assert_cmpint(kl_error_from_name(kl_error_name(code)), ==, code);
        g_assert_cmpint(kl_error_kind(code), <=, KL_ERROR_KIND_BUG);
    }
    g_assert_cmpint(g_hash_table_size(names), ==, KL_ERROR_LAST);
}

static void
test_unknown(void)
{
    g_assert_cmpint(kl_error_from_name("NO_SUCH_CODE"), ==, -1);
    g_assert_cmpint(kl_error_from_name("port_busy"), ==, -1);
    g_assert_cmpint(kl_error_from_name(""), ==, -1);
    g_assert_cmpint(kl_error_from_name(NULL), ==, -1);
    g_assert_cmpstr(kl_error_name(KL_ERROR_LAST), ==, "INTERNAL");
    g_assert_cmpstr(kl_error_name((KlErrorCode)-1), ==, "INTERNAL");
}

static void
test_code_of_any_error(void)
{
    g_autoptr(GError) own = NULL;
    g_assert_false(kl_fail(&own, KL_ERROR_PORT_BUSY, "%s %d", "ttyUSB", 2));
    g_assert_error(own, KL_ERROR, KL_ERROR_PORT_BUSY);
    g_assert_cmpstr(own->message, ==, "ttyUSB 2");
    g_assert_cmpint(kl_error_code(own), ==, KL_ERROR_PORT_BUSY);

    g_autoptr(GError) cancelled = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_CANCELLED, "stop");
    g_assert_cmpint(kl_error_code(cancelled), ==, KL_ERROR_CANCELLED);
    g_autoptr(GError) foreign = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full");
    g_assert_cmpint(kl_error_code(foreign), ==, KL_ERROR_INTERNAL);
    g_assert_false(kl_fail(NULL, KL_ERROR_PORT_BUSY, "nobody asked"));
}

/* Worth another try, and nobody's fault at the station; but least of all the unit's. The way to a broker is one, too.
 */
static gboolean
is_way_to_cloud(KlErrorCode code)
{
    const char *name = kl_error_name(code);
    return kl_error_kind(code) == KL_ERROR_KIND_RETRY &&
           (g_str_has_prefix(name, "CLOUD_") || g_str_equal(name, "NET_DOWN") || g_str_equal(name, "BROKER_DOWN"));
}

static void
test_outcome_of_every_code(void)
{
    static const struct {
        KlErrorCode code;
        KlOutcome outcome;
    } special[] = {
        {KL_ERROR_NO_ANSWER, KL_OUTCOME_TIMEOUT},    {KL_ERROR_ANSWER_LATE, KL_OUTCOME_TIMEOUT},
        {KL_ERROR_STEP_TIMEOUT, KL_OUTCOME_TIMEOUT}, {KL_ERROR_CANCELLED, KL_OUTCOME_ABORTED},
        {KL_ERROR_INTERRUPTED, KL_OUTCOME_ABORTED},  {KL_ERROR_PORT_GONE, KL_OUTCOME_FAIL},
        {KL_ERROR_STORE_FULL, KL_OUTCOME_ERROR},     {KL_ERROR_INTERNAL, KL_OUTCOME_ERROR},
        {KL_ERROR_DUPLICATE_KEY, KL_OUTCOME_FAIL},   {KL_ERROR_ANSWER_GARBLED, KL_OUTCOME_FAIL},
        {KL_ERROR_CLOUD_CONFLICT, KL_OUTCOME_FAIL},  {KL_ERROR_PASSED_ELSEWHERE, KL_OUTCOME_FAIL},
        {KL_ERROR_CLOUD_DENIED, KL_OUTCOME_ERROR},   {KL_ERROR_REHEARSAL_SILENT, KL_OUTCOME_TIMEOUT},
        {KL_ERROR_BROKER_DOWN, KL_OUTCOME_ERROR},    {KL_ERROR_REHEARSAL_CLOCK, KL_OUTCOME_FAIL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(special); i++)
        g_assert_cmpint(kl_outcome_of(special[i].code), ==, special[i].outcome);

    for (int code = 0; code < KL_ERROR_LAST; code++) {
        KlOutcome outcome = kl_outcome_of(code);
        gboolean station = kl_error_kind(code) == KL_ERROR_KIND_STATION || kl_error_kind(code) == KL_ERROR_KIND_BUG;
        g_assert_cmpint(outcome, !=, KL_OUTCOME_PASS);
        g_assert_cmpint(outcome, !=, KL_OUTCOME_RUNNING);
        g_assert_true((station || is_way_to_cloud(code)) == (outcome == KL_OUTCOME_ERROR));
    }
}

/* What one slot's port does is nobody else's trouble; what every unit would meet stops them all. */
static void
test_stops_the_line(void)
{
    static const struct {
        KlErrorCode code;
        gboolean stops;
    } cases[] = {
        {KL_ERROR_PORT_DENIED, FALSE}, {KL_ERROR_PORT_MODEM_MANAGER, FALSE}, {KL_ERROR_NO_ANSWER, FALSE},
        {KL_ERROR_UNIT_LOCKED, FALSE}, {KL_ERROR_CA_EXPIRED, TRUE},          {KL_ERROR_STORE_FULL, TRUE},
        {KL_ERROR_INTERNAL, TRUE},     {KL_ERROR_POWER_STUCK, FALSE},        {KL_ERROR_NET_DOWN, FALSE},
        {KL_ERROR_CLOUD_DENIED, TRUE},
    };
    /* What is worth another try does not stop the line, whoever's fault it is. */
    for (int code = 0; code < KL_ERROR_LAST; code++) {
        if (kl_error_kind((KlErrorCode)code) == KL_ERROR_KIND_RETRY)
            g_assert_false(kl_error_stops_line((KlErrorCode)code));
    }
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(kl_error_stops_line(cases[i].code), ==, cases[i].stops);
}

static void
test_outcome_names(void)
{
    for (int outcome = KL_OUTCOME_RUNNING; outcome <= KL_OUTCOME_ABORTED; outcome++)
        g_assert_cmpint(kl_outcome_from_name(kl_outcome_name(outcome)), ==, outcome);
    g_assert_cmpstr(kl_outcome_name(KL_OUTCOME_PASS), ==, "PASS");
    g_assert_cmpint(kl_outcome_from_name("pass"), ==, -1);
    g_assert_cmpint(kl_outcome_from_name(NULL), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/every-code", test_every_code);
    g_test_add_func("/error/unknown", test_unknown);
    g_test_add_func("/error/code-of-any-error", test_code_of_any_error);
    g_test_add_func("/error/stops-the-line", test_stops_the_line);
    g_test_add_func("/outcome/of-every-code", test_outcome_of_every_code);
    g_test_add_func("/outcome/names", test_outcome_names);
    return g_test_run();
}
