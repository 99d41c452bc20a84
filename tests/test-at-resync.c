/* The chat gets into step again: no reply is ever taken for that of another command. */
#include "tests/at_script.h"

/* After each of these, "AT+NEXT" gets its own reply and none that belongs to "AT+K?". */
static const Case resyncs[] = {
    {"nothing comes",
     KL_ERROR_NO_ANSWER,
     NULL,
     0,
     {{SILENCE}, {SILENCE}, {SILENCE}, {EXPECT, "AT\r"}, {GIVE, "\r\nOK\r\n"}, {SILENCE}}},
    {"it comes while draining",
     KL_ERROR_NO_ANSWER,
     NULL,
     0,
     {{SILENCE},
      {SILENCE},
      {GIVE, "\r\n+K: 1\r\n\r\nOK\r\n"},
      {SILENCE},
      {EXPECT, "AT\r"},
      {GIVE, "\r\nOK\r\n"},
      {SILENCE}}},
    {"it was late",
     KL_ERROR_ANSWER_LATE,
     NULL,
     0,
     {{SILENCE}, {GIVE, "\r\nOK\r\n"}, {SILENCE}, {EXPECT, "AT\r"}, {GIVE, "\r\nOK\r\n"}, {SILENCE}}},
};

static void
test_resync(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GArray) turns = g_array_new(TRUE, TRUE, sizeof(Turn));
    const Turn ask = ASK;
    const Turn next[] = {{EXPECT, "AT+NEXT\r"}, {GIVE, "\r\n+NEXT: 1\r\n\r\nOK\r\n"}};
    g_array_append_val(turns, ask);
    for (const Turn *turn = c->turns; turn->act != END; turn++)
        g_array_append_val(turns, *turn);
    g_array_append_vals(turns, next, G_N_ELEMENTS(next));
    g_auto(Fixture) f;
    g_auto(KlAtResult) result = {0};
    fixture_init(&f, (const Turn *)(gpointer)turns->data);
    run(&f, "AT+K?", "+K:", NULL, c->code);
    run(&f, "AT+NEXT", "+NEXT:", &result, -1);
    g_assert_cmpuint(result.lines->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(result.lines, 0), ==, "+NEXT: 1");
}

/* The late reply meets the "AT": its own final result must not pass for that of AT, nor AT's for the next command's. */
static void
test_late_reply_meets_resync(void)
{
    static const Turn with_line[] = {ASK,
                                     {SILENCE},
                                     {SILENCE}, /* given up */
                                     {SILENCE},
                                     {EXPECT, "AT\r"},
                                     {GIVE, "\r\n+K: 1\r\n\r\nOK\r\n"}, /* not AT's */
                                     {GIVE, "\r\nOK\r\n"},
                                     {SILENCE}, /* AT's */
                                     {EXPECT, "AT\r"},
                                     {GIVE, "\r\nOK\r\n"},
                                     {SILENCE}, /* in step */
                                     {EXPECT, "AT+NEXT\r"},
                                     {GIVE, "\r\n+CME ERROR: 517\r\n"},
                                     {END}};
    static const Turn without[] = {ASK,
                                   {SILENCE},
                                   {SILENCE},
                                   {SILENCE},
                                   {EXPECT, "AT\r"},
                                   {GIVE, "\r\nOK\r\n"},
                                   {GIVE, "\r\nOK\r\n"},
                                   {SILENCE},
                                   {SILENCE},
                                   {EXPECT, "AT\r"},
                                   {GIVE, "\r\nOK\r\n"},
                                   {SILENCE},
                                   {EXPECT, "AT+NEXT\r"},
                                   {GIVE, "\r\n+CME ERROR: 517\r\n"},
                                   {END}};
    static const Turn same_read[] = {ASK,
                                     {SILENCE},
                                     {SILENCE},
                                     {SILENCE},
                                     {EXPECT, "AT\r"},
                                     {GIVE, "\r\nOK\r\n\r\nOK\r\n"},
                                     {SILENCE},
                                     {EXPECT, "AT\r"},
                                     {GIVE, "\r\nOK\r\n"},
                                     {SILENCE},
                                     {EXPECT, "AT+NEXT\r"},
                                     {GIVE, "\r\n+CME ERROR: 517\r\n"},
                                     {END}};
    static const Turn busy[] = {ASK,
                                {SILENCE},
                                {SILENCE},
                                {SILENCE},
                                {EXPECT, "AT\r"},
                                {GIVE, "\r\nERROR\r\n"},
                                {GIVE, "\r\nOK\r\n"}, /* the late one */
                                {SILENCE},
                                {SILENCE},
                                {EXPECT, "AT\r"},
                                {GIVE, "\r\nOK\r\n"},
                                {SILENCE},
                                {EXPECT, "AT+NEXT\r"},
                                {GIVE, "\r\n+CME ERROR: 517\r\n"},
                                {END}};
    static const Turn *const scripts[] = {with_line, without, same_read, busy};
    for (gsize i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_auto(Fixture) f;
        g_auto(KlAtResult) result = {0};
        fixture_init(&f, scripts[i]);
        run(&f, "AT+K?", "+K:", NULL, KL_ERROR_NO_ANSWER);
        run(&f, "AT+NEXT", NULL, &result, KL_ERROR_COMMAND_REFUSED);
        g_assert_cmpint(result.final.number, ==, 517);
    }
}

static void
test_late_reply_is_noted(void)
{
    static const Turn turns[] = {ASK,
                                 {SILENCE},
                                 {SILENCE},
                                 {GIVE, "\r\nOK\r\n"},
                                 {SILENCE},
                                 {EXPECT, "AT\r"},
                                 {GIVE, "\r\nOK\r\n"},
                                 {SILENCE},
                                 ASK,
                                 {GIVE, "\r\nOK\r\n"},
                                 {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, "AT+K?", NULL, NULL, KL_ERROR_NO_ANSWER);
    run(&f, "AT+K?", NULL, NULL, -1);
    g_autofree char *text = kl_transcript_text(f.op.transcript);
    g_assert_nonnull(strstr(text, "late reply"));
}

/* Two finals for one command: the second may belong to anything, so the next command gets into step first. */
static void
test_extra_final(void)
{
    static const Turn turns[] = {
        ASK, {GIVE, "\r\nOK\r\n\r\nOK\r\n"}, {SILENCE}, {EXPECT, "AT\r"}, {GIVE, "\r\nOK\r\n"}, {SILENCE},
        ASK, {GIVE, "\r\nOK\r\n"},           {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, "AT+K?", "+K:", NULL, -1);
    run(&f, "AT+K?", "+K:", NULL, -1);
}

static void
test_cancel_then_resync(void)
{
    static const Turn turns[] = {ASK,
                                 {CANCEL},
                                 {GIVE, "\r\nOK\r\n"},
                                 {SILENCE},
                                 {EXPECT, "AT\r"},
                                 {GIVE, "\r\nOK\r\n"},
                                 {SILENCE},
                                 ASK,
                                 {GIVE, "\r\n+K: 1\r\n\r\nOK\r\n"},
                                 {END}};
    g_auto(Fixture) f;
    fixture_init(&f, turns);
    run(&f, "AT+K?", "+K:", NULL, KL_ERROR_CANCELLED);
    run(&f, "AT+K?", "+K:", NULL, KL_ERROR_CANCELLED); /* still stopped: writes nothing */
    g_cancellable_reset(f.script.cancel);
    run(&f, "AT+K?", "+K:", NULL, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(resyncs); i++) {
        g_autofree char *path = g_strdup_printf("/at-resync/case/%s", resyncs[i].name);
        g_test_add_data_func(path, &resyncs[i], test_resync);
    }
    g_test_add_func("/at-resync/late-reply-meets-resync", test_late_reply_meets_resync);
    g_test_add_func("/at-resync/late-reply-is-noted", test_late_reply_is_noted);
    g_test_add_func("/at-resync/extra-final", test_extra_final);
    g_test_add_func("/at-resync/cancel-then-resync", test_cancel_then_resync);
    return g_test_run();
}
