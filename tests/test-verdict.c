/* How verdicts are shown: every way to fail has a look, words and a remedy; durations read as on a clock. */
#include <glib.h>

#include "gui/verdict.h"

/* The rule of the Line page, told apart from the code: only what is worth trying again says so. */
static void
test_every_code(void)
{
    for (int code = 0; code < KL_ERROR_LAST; code++) {
        g_autoptr(KlRecord) record = kl_record_new();
        record->code = g_strdup(kl_error_name((KlErrorCode)code));
        record->outcome = kl_outcome_of((KlErrorCode)code);
        KlCardState expected = KL_CARD_FAIL;
        if (record->outcome == KL_OUTCOME_ERROR)
            expected = KL_CARD_ERROR;
        else if (kl_error_kind((KlErrorCode)code) == KL_ERROR_KIND_RETRY)
            expected = KL_CARD_RETRY;
        g_assert_cmpint(kl_verdict_state(record), ==, expected);
        g_assert_cmpstr(kl_verdict_words(record), ==, kl_error_words((KlErrorCode)code));
        g_assert_cmpstr(kl_verdict_remedy(record), ==, kl_error_remedy((KlErrorCode)code));
        g_assert_nonnull(kl_verdict_look(kl_verdict_state(record))->icon);
    }
}

static void
test_without_code(void)
{
    g_autoptr(KlRecord) record = kl_record_new();
    record->outcome = KL_OUTCOME_PASS;
    g_assert_cmpint(kl_verdict_state(record), ==, KL_CARD_PASS);
    g_assert_null(kl_verdict_words(record));
    g_assert_null(kl_verdict_remedy(record));

    record->outcome = KL_OUTCOME_RUNNING;
    g_assert_cmpint(kl_verdict_state(record), ==, KL_CARD_RUNNING);

    record->outcome = KL_OUTCOME_FAIL;
    record->code = g_strdup("A_CODE_OF_A_NEWER_PROGRAM");
    g_assert_cmpint(kl_verdict_state(record), ==, KL_CARD_FAIL);
    g_assert_cmpstr(kl_verdict_words(record), !=, "");
}

/* No two states look the same without colour. */
static void
test_looks_differ(void)
{
    for (int a = KL_CARD_EMPTY; a <= KL_CARD_ERROR; a++) {
        for (int b = a + 1; b <= KL_CARD_ERROR; b++) {
            const KlVerdictLook *one = kl_verdict_look((KlCardState)a);
            const KlVerdictLook *other = kl_verdict_look((KlCardState)b);
            g_assert_cmpstr(one->word, !=, other->word);
            g_assert_cmpstr(one->style, !=, other->style);
            g_assert_true(one->icon == NULL || g_strcmp0(one->icon, other->icon) != 0);
        }
    }
}

static void
test_duration(void)
{
    static const struct {
        gint64 us;
        const char *text;
    } cases[] = {
        {-2000000, "0:00"},        {0, "0:00"},        {999999, "0:00"},      {1000000, "0:01"},
        {59999999, "0:59"},        {60000000, "1:00"}, {3599999999, "59:59"}, {3600000000, "1:00:00"},
        {36610000000, "10:10:10"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = kl_verdict_duration(cases[i].us);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/verdict/every-code", test_every_code);
    g_test_add_func("/verdict/without-code", test_without_code);
    g_test_add_func("/verdict/looks-differ", test_looks_differ);
    g_test_add_func("/verdict/duration", test_duration);
    return g_test_run();
}
