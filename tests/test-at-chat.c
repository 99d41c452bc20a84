/* The chat against a scripted port: one command at a time. */
#include "tests/at_script.h"

static const Case cases[] = {
    {"plain", -1, "+K: 1|+K: 2", -1, {ASK, {GIVE, "\r\n+K: 1\r\n+K: 2\r\n\r\nOK\r\n"}}},
    {"its last byte comes late", -1, "", -1, {ASK, {GIVE, "\r\nOK\r"}, {GIVE, "\n"}}},
    {"its last byte never comes", -1, "", -1, {ASK, {GIVE, "\r\nOK\r"}, {SILENCE}}},
    {"torn", -1, "+K: 1", -1, {ASK, {GIVE, "\r"}, {GIVE, "\n+K:"}, {GIVE, " 1\r\n\r\nO"}, {GIVE, "K\r\n"}}},
    {"echo, URCs, strangers",
     -1,
     "+K: 1",
     -1,
     {ASK, {GIVE, "AT+K?\r\r\n+WDSI: 4\r\n"}, {GIVE, "hello\r\n+K: 1\r\n+CREG: 1\r\n\r\nOK\r\n\r\n+WDSI: 23,1\r\n"}}},
    {"pending URC", -1, "", -1, {{PENDING, "\r\n+WDSI: 4\r\n"}, ASK, {GIVE, "\r\nOK\r\n"}}},
    {"refused by number", KL_ERROR_COMMAND_REFUSED, "", 519, {ASK, {GIVE, "\r\n+CME ERROR: 519\r\n"}}},
    {"refused by text", KL_ERROR_COMMAND_REFUSED, "", -1, {ASK, {GIVE, "\r\n+CME ERROR: no SIM\r\n"}}},
    {"refused", KL_ERROR_COMMAND_REFUSED, "+K: 1", -1, {ASK, {GIVE, "\r\n+K: 1\r\n\r\nERROR\r\n"}}},
    {"no carrier", KL_ERROR_COMMAND_REFUSED, "", -1, {ASK, {GIVE, "\r\nNO CARRIER\r\n"}}},
    {"data mode", KL_ERROR_ANSWER_UNEXPECTED, "", -1, {ASK, {GIVE, "\r\nCONNECT 9600\r\n"}}},
    {"prompt", KL_ERROR_ANSWER_UNEXPECTED, "", -1, {ASK, {GIVE, "\r\n> "}}},
    {"silence", KL_ERROR_NO_ANSWER, "", -1, {ASK, {SILENCE}, {SILENCE}}},
    {"only the echo", KL_ERROR_NO_ANSWER, "", -1, {ASK, {GIVE, "AT+K?\r"}, {SILENCE}, {SILENCE}}},
    {"only a URC", KL_ERROR_NO_ANSWER, "", -1, {ASK, {GIVE, "\r\n+WDSI: 4\r\n"}, {SILENCE}, {SILENCE}}},
    {"only garbage", KL_ERROR_ANSWER_GARBLED, "", -1, {ASK, {GIVE, "\x81\xfe\r\n\x82\r\n"}, {SILENCE}, {SILENCE}}},
    {"no final result", KL_ERROR_ANSWER_GARBLED, "+K: 1", -1, {ASK, {GIVE, "\r\n+K: 1\r\n"}, {SILENCE}, {SILENCE}}},
    {"damaged line", KL_ERROR_ANSWER_GARBLED, "+K: 1", -1, {ASK, {GIVE, "\r\n+K: 1\r\n+K\x81 2\r\n\r\nOK\r\n"}}},
    {"noise before the answer", -1, "+K: 1", -1, {ASK, {GIVE, "\x81\xfe\r\n+K: 1\r\n\r\nOK\r\n"}}},
    {"late", KL_ERROR_ANSWER_LATE, "", -1, {ASK, {SILENCE}, {GIVE, "\r\nOK\r\n"}}},
    {"late error", KL_ERROR_ANSWER_LATE, "", -1, {ASK, {SILENCE}, {GIVE, "\r\n+CME ERROR: 519\r\n"}}},
    {"late, in two pieces",
     KL_ERROR_ANSWER_LATE,
     "+K: 1",
     -1,
     {ASK, {GIVE, "\r\n+K: 1\r\n"}, {SILENCE}, {GIVE, "\r\nO"}, {GIVE, "K\r\n"}}},
    {"unplugged", KL_ERROR_PORT_GONE, "", -1, {ASK, {GONE}}},
    {"unplugged in mid-reply", KL_ERROR_PORT_GONE, "+K: 1", -1, {ASK, {GIVE, "\r\n+K: 1\r\n+K"}, {GONE}}},
    {"cancelled", KL_ERROR_CANCELLED, "", -1, {ASK, {CANCEL}}},
    {"stale reply of an earlier program",
     -1,
     "+K: 1",
     -1,
     {{PENDING, "\r\nOK\r\n"},
      {SILENCE},
      {EXPECT, "AT\r"},
      {GIVE, "\r\nOK\r\n"},
      {SILENCE},
      ASK,
      {GIVE, "\r\n+K: 1\r\n\r\nOK\r\n"}}},
    {"half a pending line",
     -1,
     "",
     -1,
     {{PENDING, "\r\n+WDSI"}, {GIVE, ": 4\r\n"}, {SILENCE}, ASK, {GIVE, "\r\nOK\r\n"}}},
};

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_auto(Fixture) f;
    g_auto(KlAtResult) result = {0};
    fixture_init(&f, c->turns);
    run(&f, "AT+K?", "+K:", &result, c->code);
    g_ptr_array_add(result.lines, NULL);
    g_autofree char *lines = g_strjoinv("|", (char **)result.lines->pdata);
    g_assert_cmpstr(lines, ==, c->lines);
    if (c->code == -1 || c->code == KL_ERROR_COMMAND_REFUSED)
        g_assert_cmpint(result.final.number, ==, c->number);
}

static void
test_dead_port(void)
{
    static const Turn turns[] = {{DEAF}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    for (guint i = 0; i < KL_AT_SILENT_MAX; i++) {
        guint writes = f.script.writes;
        run(&f, "AT+K?", NULL, NULL, KL_ERROR_NO_ANSWER);
        g_assert_cmpuint(f.script.writes, >, writes);
    }
    guint writes = f.script.writes;
    run(&f, "AT+K?", NULL, NULL, KL_ERROR_NO_ANSWER);
    g_assert_cmpuint(f.script.writes, ==, writes);
}

static void
test_gone_stays_gone(void)
{
    static const Turn turns[] = {ASK, {GONE}, {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, "AT+K?", NULL, NULL, KL_ERROR_PORT_GONE);
    run(&f, "AT+K?", NULL, NULL, KL_ERROR_PORT_GONE);
}

static void
test_deadline(void)
{
    static const Turn turns[] = {{END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    f.op.deadline_us = g_get_monotonic_time();
    run(&f, "AT+K?", NULL, NULL, KL_ERROR_STEP_TIMEOUT);
}

static void
test_command_length(void)
{
    g_autofree char *fill = g_strnfill(KL_AT_COMMAND_MAX - 2, 'x');
    g_autofree char *longest = g_strconcat("AT", fill, NULL);
    g_autofree char *too_long = g_strconcat(longest, "x", NULL);
    g_autofree char *wire = g_strconcat(longest, "\r", NULL);
    const Turn turns[] = {{EXPECT, wire}, {GIVE, "\r\nOK\r\n"}, {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, longest, NULL, NULL, -1);
    run(&f, too_long, NULL, NULL, KL_ERROR_INTERNAL);
    run(&f, "AT+K=\"a\rATZ\"", NULL, NULL, KL_ERROR_INTERNAL);
    run(&f, "AT+K=\"a\xc3\xa4\"", NULL, NULL, KL_ERROR_INTERNAL);
}

static void
test_flood(void)
{
    g_autofree char *line = g_strnfill(500, 'y');
    g_autofree Turn *turns = g_new0(Turn, 200);
    turns[0] = (Turn)ASK;
    for (guint i = 1; i <= KL_AT_REPLY_MAX / 500 + 1; i++)
        turns[i] = (Turn){GIVE, line};
    g_auto(Fixture) f;
    g_auto(KlAtResult) result = {0};
    fixture_init(&f, turns);
    run(&f, "AT+K?", NULL, &result, KL_ERROR_ANSWER_GARBLED);
    g_assert_cmpuint(result.lines->len, ==, 0);
}

static void
test_wake(void)
{
    static const Turn turns[] = {{EXPECT, "AT\r"},         {GIVE, "\xff\xfe"}, {SILENCE}, {SILENCE},
                                 {EXPECT, "AT\r"},         {SILENCE},          {SILENCE}, {EXPECT, "AT\r"},
                                 {GIVE, "AT\r\r\nOK\r\n"}, {SILENCE},          {END}};
    static const Turn busy[] = {{EXPECT, "AT\r"},
                                {SILENCE}, /* still running */
                                {SILENCE},
                                {EXPECT, "AT\r"},
                                {GIVE, "\r\nERROR\r\n"},
                                {GIVE, "\r\nOK\r\n"},
                                {SILENCE}, /* so it says */
                                {SILENCE},
                                {EXPECT, "AT\r"},
                                {GIVE, "\r\nOK\r\n"},
                                {SILENCE},
                                {END}};
    static const Turn busy_for_ever[] = {{EXPECT, "AT\r"},        {SILENCE}, {SILENCE}, {EXPECT, "AT\r"},
                                         {GIVE, "\r\nERROR\r\n"}, {DEAF}};
    static const Turn garbage[] = {{EXPECT, "AT\r"}, {GIVE, "xx\r\nyy\x81\r\n"}, {DEAF}};
    static const Turn late[] = {{EXPECT, "AT\r"}, {SILENCE}, {GIVE, "\r\nOK\r\n"}, {DEAF}};
    static const Turn nothing[] = {{DEAF}};
    static Turn refused[4 * KL_AT_PROBES] = {{END}};
    for (gsize i = 0; i < KL_AT_PROBES; i++) { /* no drain follows the last */
        const Turn one[] = {{EXPECT, "AT\r"}, {GIVE, "\r\nERROR\r\n"}, {SILENCE}, {SILENCE}};
        memcpy(&refused[4 * i], one, (i + 1 < KL_AT_PROBES ? 4 : 3) * sizeof one[0]);
    }
    static const struct {
        const Turn *turns;
        int code;
    } wakes[] = {{turns, -1},
                 {refused, KL_ERROR_COMMAND_REFUSED},
                 {busy, -1},
                 {busy_for_ever, KL_ERROR_ANSWER_LATE},
                 {garbage, KL_ERROR_ANSWER_GARBLED},
                 {late, KL_ERROR_ANSWER_LATE},
                 {nothing, KL_ERROR_NO_ANSWER}};
    for (gsize i = 0; i < G_N_ELEMENTS(wakes); i++) {
        g_auto(Fixture) f;
        g_autoptr(GError) error = NULL;
        fixture_init(&f, wakes[i].turns);
        g_assert_cmpint(kl_at_chat_wake(f.chat, &f.op, &error), ==, wakes[i].code == -1);
        g_assert_cmpint(error == NULL ? -1 : (int)kl_error_code(error), ==, wakes[i].code);
    }
}

static void
test_transcript(void)
{
    static const Turn turns[] = {ASK, {GIVE, "AT+K?\r"}, {GIVE, "\r\nOK\r\n"}, {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, "AT+K?", NULL, NULL, -1);
    g_autofree char *text = kl_transcript_text(f.op.transcript);
    g_autoptr(GRegex) form =
        g_regex_new("^ *\\d+\\.\\d{6} agent > AT\\+K\\?\\\\r\n *\\d+\\.\\d{6} agent < AT\\+K\\?\\\\r\n"
                    " *\\d+\\.\\d{6} agent < \\\\r\\\\nOK\\\\r\\\\n\n$",
                    0, 0, NULL);
    g_test_message("%s", text);
    g_assert_true(g_regex_match(form, text, 0, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/at-chat/case/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/at-chat/dead-port", test_dead_port);
    g_test_add_func("/at-chat/gone-stays-gone", test_gone_stays_gone);
    g_test_add_func("/at-chat/deadline", test_deadline);
    g_test_add_func("/at-chat/command-length", test_command_length);
    g_test_add_func("/at-chat/flood", test_flood);
    g_test_add_func("/at-chat/wake", test_wake);
    g_test_add_func("/at-chat/transcript", test_transcript);
    return g_test_run();
}
