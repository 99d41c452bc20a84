/* The transcript: every byte in, every byte readable again, bounded whatever a port sends. */
#include "station/transcript.h"

static void
add(KlTranscript *transcript, const char *port, KlDirection direction, const char *text)
{
    kl_transcript_add(transcript, port, direction, (const guint8 *)text, strlen(text));
}

/* Lines of the text without the newline at the end and without the times, whose form is checked. */
static char **
lines_of(const KlTranscript *transcript)
{
    g_autofree char *text = kl_transcript_text(transcript);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    if (*text != '\0') {
        g_assert_true(g_str_has_suffix(text, "\n"));
        text[strlen(text) - 1] = '\0';
    }
    char **lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_assert_true(g_regex_match_simple("^ *[0-9]+\\.[0-9]{6} ", lines[i], 0, 0));
        g_assert_cmpint(lines[i][11], ==, ' ');
        memmove(lines[i], lines[i] + 12, strlen(lines[i] + 12) + 1);
    }
    return lines;
}

static void
test_form(void)
{
    g_autoptr(KlTranscript) transcript = kl_transcript_new(1000);
    add(transcript, "agent", KL_TO_UNIT, "AT+KLINFO?\r");
    add(transcript, "agent", KL_FROM_UNIT, "\r\n+KLINFO: \"imei\",\"3\"\t\\\r\n");
    kl_transcript_note(transcript, "step %s, attempt %d\n", "install", 2);
    kl_transcript_add(transcript, "modem", KL_FROM_UNIT, (const guint8 *)"\0001\x7f\xc3\xa4\x1b", 6);
    kl_transcript_add(transcript, "modem", KL_FROM_UNIT, (const guint8 *)"", 0);

    g_auto(GStrv) lines = lines_of(transcript);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_cmpstr(lines[0], ==, "agent > AT+KLINFO?\\r");
    g_assert_cmpstr(lines[1], ==, "agent < \\r\\n+KLINFO: \"imei\",\"3\"\\t\\\\\\r\\n");
    g_assert_cmpstr(lines[2], ==, "# step install, attempt 2\\n");
    g_assert_cmpstr(lines[3], ==, "modem < \\0001\\177\\303\\244\\033");
}

/* GLib's own reader of C escapes as the oracle: all 255 bytes that it can give back come back. */
static void
test_every_byte_comes_back(void)
{
    char all[256];
    for (guint i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    g_autoptr(KlTranscript) transcript = kl_transcript_new(1000);
    add(transcript, "agent", KL_FROM_UNIT, all);
    g_auto(GStrv) lines = lines_of(transcript);
    for (const char *at = lines[0]; *at != '\0'; at++)
        g_assert_true(*at >= 0x20 && *at <= 0x7e);
    g_autofree char *back = g_strcompress(lines[0] + strlen("agent < "));
    g_assert_cmpmem(back, strlen(back), all, 255);
}

static void
test_bounded(void)
{
    g_autoptr(KlTranscript) transcript = kl_transcript_new(10);
    add(transcript, "agent", KL_TO_UNIT, "1234567");
    add(transcript, "agent", KL_FROM_UNIT, "abcdef");
    add(transcript, "agent", KL_FROM_UNIT, "ghi");
    kl_transcript_note(transcript, "still here");
    g_auto(GStrv) lines = lines_of(transcript);
    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_cmpstr(lines[0], ==, "agent > 1234567");
    g_assert_cmpstr(lines[1], ==, "agent < abc");
    g_assert_cmpstr(lines[2], ==, "# still here");
    g_assert_cmpstr(lines[3], ==, "# 6 bytes not kept");
}

/* Byte by byte noise, and remarks without end: both stop growing. */
static void
test_bounded_entries(void)
{
    g_autoptr(KlTranscript) transcript = kl_transcript_new(G_MAXSIZE);
    for (guint i = 0; i < 70000; i++)
        add(transcript, "agent", KL_FROM_UNIT, "x");
    g_autofree char *text = kl_transcript_text(transcript);
    g_assert_nonnull(strstr(text, "# 4464 bytes not kept\n")); /* 70000 - 65536 */
    g_autofree char *longest = g_strnfill(100000, 'n');
    for (guint i = 0; i < 300; i++)
        kl_transcript_note(transcript, "%s", longest);
    g_autofree char *after = kl_transcript_text(transcript);
    g_assert_cmpuint(strlen(after) - strlen(text), <, 300 * 1100);
}

static void
test_none(void)
{
    kl_transcript_add(NULL, "agent", KL_TO_UNIT, (const guint8 *)"AT", 2);
    kl_transcript_note(NULL, "%d", 1);
    kl_transcript_free(NULL);
    g_autoptr(KlTranscript) empty = kl_transcript_new(10);
    g_autofree char *text = kl_transcript_text(empty);
    g_assert_cmpstr(text, ==, "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transcript/form", test_form);
    g_test_add_func("/transcript/every-byte-comes-back", test_every_byte_comes_back);
    g_test_add_func("/transcript/bounded", test_bounded);
    g_test_add_func("/transcript/bounded-entries", test_bounded_entries);
    g_test_add_func("/transcript/none", test_none);
    return g_test_run();
}
