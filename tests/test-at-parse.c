/* The pure parser: what each line of a module's output is, however it was split into reads. */
#include <string.h>

#include "drivers/at_wp77/at_fields.h"
#include "drivers/at_wp77/at_parse.h"

static const char *const event_names[] = {
    [KL_AT_NONE] = "none",     [KL_AT_ANSWER] = "answer",   [KL_AT_FINAL] = "final",
    [KL_AT_URC] = "urc",       [KL_AT_ECHO] = "echo",       [KL_AT_OTHER] = "other",
    [KL_AT_PROMPT] = "prompt", [KL_AT_GARBLED] = "garbled", [KL_AT_NOISE] = "noise",
};

static void
feed(KlAtParser *parser, const guint8 *bytes, gsize length, GString *events)
{
    KlAtEvent event;
    while ((event = kl_at_parser_next(parser, &bytes, &length)) != KL_AT_NONE) {
        g_assert_cmpuint(strlen(parser->line), ==, parser->length);
        g_string_append_printf(events, "%s:%s|", event_names[event], parser->line);
    }
    g_assert_cmpuint(length, ==, 0);
}

typedef struct {
    const char *name;
    const char *command; /* or NULL */
    const char *prefix;  /* or NULL */
    const char *bytes;
    gsize length; /* 0: strlen(bytes) */
    const char *events;
} Case;

#define BYTES(text) text, sizeof(text) - 1

/* The first is a WP7702's real output. */
static const Case cases[] = {
    {"ATI", "ATI", NULL,
     BYTES(
         "ATI\r\r\nManufacturer: Sierra Wireless, Incorporated\r\nModel: WP7702\r\n"
         "Revision: SWI9X06Y_02.32.02.00 c2e98c jenkins 2019/08/30 07:28:21\r\nIMEI: 352653090215245\r\nIMEI SV:  4\r\n"
         "FSN: 4L936370140910\r\n+GCAP: +CGSM,+DS\r\n\r\nOK\r\n"),
     "echo:ATI|other:Manufacturer: Sierra Wireless, Incorporated|other:Model: WP7702|"
     "other:Revision: SWI9X06Y_02.32.02.00 c2e98c jenkins 2019/08/30 07:28:21|other:IMEI: 352653090215245|"
     "other:IMEI SV:  4|other:FSN: 4L936370140910|other:+GCAP: +CGSM,+DS|final:OK|"},
    {"CGSN", "AT+CGSN", NULL, BYTES("\r\n352653090215245\r\n\r\nOK\r\n"), "other:352653090215245|final:OK|"},
    {"answer lines", "AT+KLINFO?", "+KLINFO:", BYTES("\r\n+KLINFO: \"a\",\"1\"\r\n+KLINFO: \"b\",\"2\"\r\n\r\nOK\r\n"),
     "answer:+KLINFO: \"a\",\"1\"|answer:+KLINFO: \"b\",\"2\"|final:OK|"},
    {"URCs between lines", "AT+KLINFO?", "+KLINFO:",
     BYTES("\r\n+WDSI: 4\r\n\r\n+KLINFO: \"a\",\"1\"\r\n\r\n+WDSI: 23,1\r\n\r\n+CREG: 1\r\n\r\n+CEREG: "
           "5\r\n\r\nRING\r\n\r\n+CMTI: "
           "\"SM\",1\r\n\r\n+CGREG: 0\r\n\r\nOK\r\n"),
     "urc:+WDSI: 4|answer:+KLINFO: \"a\",\"1\"|urc:+WDSI: 23,1|urc:+CREG: 1|urc:+CEREG: 5|urc:RING|urc:+CMTI: "
     "\"SM\",1|urc:+CGREG: 0|final:OK|"},
    {"a URC's name that is asked for is an answer", "AT+CREG?", "+CREG:", BYTES("\r\n+CREG: 0,1\r\n\r\nOK\r\n"),
     "answer:+CREG: 0,1|final:OK|"},
    {"a URC's name inside a line", "ATI", NULL, BYTES("\r\nsee +CREG: 1\r\nRINGS\r\n"),
     "other:see +CREG: 1|other:RINGS|"},
    {"OK inside a payload", "AT+KLCSR=\"k\",\"c\"", "+KLCSR:",
     BYTES("\r\n+KLCSR: 0,9,\"OKOKOKOK\"\r\nOK?\r\nNOT OK\r\nOKAY\r\n ERROR\r\nERRORS\r\nBUSY: no\r\n\r\nOK\r\n"),
     "answer:+KLCSR: 0,9,\"OKOKOKOK\"|other:OK?|other:NOT OK|other:OKAY|other: ERROR|other:ERRORS|other:BUSY: "
     "no|final:OK|"},
    {"unknown lines do not end it", "AT+KLKEY?", "+KLKEY:", BYTES("\r\nhello\r\n+OTHER: 1\r\n\r\nOK\r\n"),
     "other:hello|other:+OTHER: 1|final:OK|"},
    {"full echo, twice", "AT+KLINFO?", "+KLINFO:", BYTES("AT+KLINFO?\rAT+KLINFO?\r\r\n\r\nOK\r\n"),
     "echo:AT+KLINFO?|echo:AT+KLINFO?|final:OK|"},
    {"echo without its head", "AT+KLINFO?", "+KLINFO:", BYTES("LINFO?\r\r\nOK\r\n"), "echo:LINFO?|final:OK|"},
    {"echo without its tail", "AT+KLINFO?", "+KLINFO:", BYTES("AT+KLI\r\n\r\nOK\r\n"), "echo:AT+KLI|final:OK|"},
    {"garbage joined to the echo", "AT+KLINFO?", "+KLINFO:", BYTES("zzATAT+KLINFO?\r\r\nOK\r\n"),
     "echo:zzATAT+KLINFO?|final:OK|"},
    {"what looks like a torn echo after an answer is a line", "ATI", NULL, BYTES("\r\nModel: X\r\nTI\r\n\r\nOK\r\n"),
     "other:Model: X|other:TI|final:OK|"},
    {"garbage before the first line end", "AT", NULL, BYTES("~x\x81\xfe\r\n\r\nOK\r\n"), "noise:~x\?\?|final:OK|"},
    {"readable garbage before the first line end", "AT", NULL, BYTES("hello\r\nworld\r\nOK\r\n"),
     "noise:hello|other:world|final:OK|"},
    {"no CRLF before the answer", "AT", NULL, BYTES("OK\r\n"), "final:OK|"},
    {"no CRLF before an answer line", "AT+KLKEY?", "+KLKEY:", BYTES("+KLKEY: \"a\"\r\nOK\r\n"),
     "answer:+KLKEY: \"a\"|final:OK|"},
    {"leading NULs", "AT", NULL, BYTES("\0\0\0\r\n\0\0OK\r\n"), "final:OK|"},
    {"NUL inside a line", "AT+KLKEY?", "+KLKEY:", BYTES("\r\n+KLKEY: \"a\0b\"\r\nO\0K\r\n\r\nOK\r\n"),
     "garbled:+KLKEY: \"a?b\"|garbled:O?K|final:OK|"},
    {"high and control bytes", "ATI", NULL, BYTES("\r\na\x80\r\nb\x1b\r\nc\td\r\n\x7f\r\n"),
     "garbled:a?|garbled:b?|other:c\td|garbled:?|"},
    {"blanks at the end", "AT", NULL, BYTES("\r\n  \t\r\nOK \t\r\n"), "final:OK|"},
    {"LF only, CR only", "ATI", NULL, BYTES("\nfoo\nbar\rOK\r"), "other:foo|other:bar|final:OK|"},
    {"prompt", "AT+X", NULL, BYTES("\r\n> "), "prompt:> |"},
    {"prompt, then a final result", "AT+X", NULL, BYTES("\r\n> \r\nERROR\r\n"), "prompt:> |final:ERROR|"},
    {"> inside a line", "ATI", NULL, BYTES("\r\na > b\r\n>x\r\n"), "other:a > b|other:>x|"},
    {"no command in flight", NULL, NULL, BYTES("\r\n+WDSI: 4\r\n\r\nOK\r\nfoo\r\n"),
     "urc:+WDSI: 4|final:OK|other:foo|"},
    {"nothing but line ends", "AT", NULL, BYTES("\r\n\r\n\n\n\r\r"), ""},
    {"unfinished", "AT", NULL, BYTES("\r\nOK"), ""},
};

static void
begin(KlAtParser *parser, const Case *c)
{
    kl_at_parser_reset(parser);
    kl_at_parser_begin(parser, c->command, c->prefix);
}

/* Whole, in two at every point, byte by byte, and in random pieces. */
static void
test_case(gconstpointer data)
{
    const Case *c = data;
    const guint8 *bytes = (const guint8 *)c->bytes;
    KlAtParser parser;
    for (gsize split = 0; split <= c->length; split++) {
        g_autoptr(GString) events = g_string_new(NULL);
        begin(&parser, c);
        feed(&parser, bytes, split, events);
        feed(&parser, bytes + split, c->length - split, events);
        g_assert_cmpstr(events->str, ==, c->events);
    }
    for (int round = 0; round < 200; round++) {
        g_autoptr(GString) events = g_string_new(NULL);
        gint32 max = round == 0 ? 1 : g_test_rand_int_range(1, 20);
        begin(&parser, c);
        for (gsize at = 0; at < c->length;) {
            gsize n = (gsize)g_test_rand_int_range(1, max + 1);
            n = MIN(n, c->length - at);
            feed(&parser, bytes + at, n, events);
            at += n;
        }
        g_assert_cmpstr(events->str, ==, c->events);
    }
}

/* Any bytes at all: no crash, lines in bounds, and the same events in pieces as in one. */
static void
test_random_bytes(void)
{
    static const char alphabet[] = "\r\n\r\n\r\nOKERROR+CME: 5\"> AT+KLI\0\x80\xff";
    for (int round = 0; round < 3000; round++) {
        guint8 bytes[96];
        gsize length = (gsize)g_test_rand_int_range(1, sizeof bytes);
        for (gsize i = 0; i < length; i++)
            bytes[i] = (guint8)alphabet[g_test_rand_int_range(0, sizeof alphabet - 1)];
        gsize split = (gsize)g_test_rand_int_range(0, (gint32)length + 1);
        g_autoptr(GString) whole = g_string_new(NULL);
        g_autoptr(GString) pieces = g_string_new(NULL);
        KlAtParser parser;
        const Case c = {.command = "AT+KLI", .prefix = "+KLI:"};
        begin(&parser, &c);
        feed(&parser, bytes, length, whole);
        begin(&parser, &c);
        feed(&parser, bytes, split, pieces);
        feed(&parser, bytes + split, length - split, pieces);
        g_assert_cmpstr(whole->str, ==, pieces->str);
    }
}

static void
test_long_lines(void)
{
    static const gsize lengths[] = {KL_AT_LINE_MAX, KL_AT_LINE_MAX + 1, 100000};
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        KlAtParser parser;
        g_autofree char *fill = g_strnfill(lengths[i], 'x');
        g_autofree char *text = g_strdup_printf("\r\n%s\r\nOK\r\n", fill);
        const guint8 *bytes = (const guint8 *)text;
        gsize length = strlen(text);
        kl_at_parser_reset(&parser);
        kl_at_parser_begin(&parser, "ATI", NULL);
        KlAtEvent event = kl_at_parser_next(&parser, &bytes, &length);
        g_assert_cmpint(event, ==, lengths[i] > KL_AT_LINE_MAX ? KL_AT_GARBLED : KL_AT_OTHER);
        g_assert_cmpuint(parser.length, ==, KL_AT_LINE_MAX);
        g_assert_cmpint(kl_at_parser_next(&parser, &bytes, &length), ==, KL_AT_FINAL);
    }
}

static void
test_line_torn_by_begin(void)
{
    KlAtParser parser;
    g_autoptr(GString) events = g_string_new(NULL);
    kl_at_parser_reset(&parser);
    g_assert_false(kl_at_parser_in_line(&parser));
    feed(&parser, (const guint8 *)BYTES("\r\n+WDSI: 2"), events);
    g_assert_true(kl_at_parser_in_line(&parser));
    kl_at_parser_begin(&parser, "AT", NULL);
    feed(&parser, (const guint8 *)BYTES("3,1\r\n\r\nOK\r\n"), events);
    g_assert_cmpstr(events->str, ==, "urc:+WDSI: 23,1|final:OK|");
    g_assert_false(kl_at_parser_in_line(&parser));
}

static void
test_finals(void)
{
    static const struct {
        const char *line;
        int type; /* -1: not a final result */
        int number;
    } finals[] = {
        {"OK", KL_AT_OK, -1},
        {"CONNECT", KL_AT_CONNECT, -1},
        {"CONNECT 115200", KL_AT_CONNECT, -1},
        {"ERROR", KL_AT_ERROR, -1},
        {"NO CARRIER", KL_AT_NO_CARRIER, -1},
        {"BUSY", KL_AT_BUSY, -1},
        {"NO ANSWER", KL_AT_NO_ANSWER, -1},
        {"NO DIALTONE", KL_AT_NO_DIALTONE, -1},
        {"COMMAND NOT SUPPORT", KL_AT_NOT_SUPPORTED, -1},
        {"+CME ERROR: 519", KL_AT_CME_ERROR, 519},
        {"+CME ERROR:519", KL_AT_CME_ERROR, 519},
        {"+CME ERROR: 0", KL_AT_CME_ERROR, 0},
        {"+CME ERROR: SIM not inserted", KL_AT_CME_ERROR, -1},
        {"+CME ERROR: 12 monkeys", KL_AT_CME_ERROR, -1},
        {"+CME ERROR: -5", KL_AT_CME_ERROR, -1},
        {"+CME ERROR: 99999999999999999999", KL_AT_CME_ERROR, -1},
        {"+CME ERROR:", KL_AT_CME_ERROR, -1},
        {"+CME ERROR", KL_AT_CME_ERROR, -1},
        {"+CMS ERROR: 305", KL_AT_CMS_ERROR, 305},
        {"ok", -1, 0},
        {"OKAY", -1, 0},
        {"OK OK", -1, 0},
        {"CONNECTED", -1, 0},
        {"+CME ERRORS", -1, 0},
        {"+CMEERROR: 3", -1, 0},
        {"X+CME ERROR: 3", -1, 0},
        {"", -1, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(finals); i++) {
        KlAtFinal final = {0};
        gboolean is_final = kl_at_final_parse(finals[i].line, &final);
        g_test_message("%s", finals[i].line);
        g_assert_cmpint(is_final ? (int) final.type : -1, ==, finals[i].type);
        if (is_final)
            g_assert_cmpint(final.number, ==, finals[i].number);
    }
}

static void
test_fields(void)
{
    static const struct {
        const char *line;
        const char *fields; /* quoted ones in <>, or NULL: refused */
    } lines[] = {
        {"+K: \"key\",\"value\"", "<key><value>"},
        {"+K:\"key\",\"\"", "<key><>"},
        {"+K: 0,214,\"MIHT+/==\"", "(0)(214)<MIHT+/==>"},
        {"+K: \"a,b\"", "<a,b>"},
        {"+K:", ""},
        {"+K: ", ""},
        {"+K: \"a\",\"b\",\"c\"", "<a><b><c>"},
        {"+K: \"a\",\"b\",\"c\",\"d\"", NULL},
        {"+K: \"a", NULL},
        {"+K: \"a\"b", NULL},
        {"+K: a\"b\"", NULL},
        {"+K: \"a\",", NULL},
        {"+K: ,\"a\"", NULL},
        {"+K: \"a\",,\"b\"", NULL},
        {"+K: \"", NULL},
        {"+L: \"a\"", NULL},
        {"+K", NULL},
        {"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        KlAtField fields[3];
        g_autoptr(GString) text = g_string_new(NULL);
        int n = kl_at_fields(lines[i].line, "+K:", fields, G_N_ELEMENTS(fields));
        for (int k = 0; k < n; k++)
            g_string_append_printf(text, fields[k].quoted ? "<%.*s>" : "(%.*s)", (int)fields[k].length, fields[k].text);
        g_test_message("%s", lines[i].line);
        g_assert_cmpint(n < 0, ==, lines[i].fields == NULL);
        g_assert_cmpstr(n < 0 ? NULL : text->str, ==, lines[i].fields);
    }
}

static KlAtField
field(const char *text)
{
    return (KlAtField){.text = text, .length = strlen(text), .quoted = TRUE};
}

static void
test_field_values(void)
{
    static const char *const bad_numbers[] = {"", "-1", "+1", " 1", "1 ", "0x1", "4097", "99999999999999999999"};
    static const char *const bad_base64[] = {
        "", "AA", "AA=", "AB==", "AAA", "A===", "AAAA\n", "AA A", "AA==AA==", "!AAA", "AAAAAA=="};
    KlAtField f = field("4096");
    guint number = 7;
    g_assert_true(kl_at_field_number(&f, 4096, &number));
    g_assert_cmpuint(number, ==, 4096);
    for (gsize i = 0; i < G_N_ELEMENTS(bad_numbers); i++) {
        f = field(bad_numbers[i]);
        g_assert_false(kl_at_field_number(&f, 4096, &number));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad_base64); i++) {
        f = field(bad_base64[i]);
        g_test_message("%s", bad_base64[i]);
        g_assert_null(kl_at_field_base64(&f, 3));
    }
    f = field("AQID");
    g_autoptr(GBytes) bytes = kl_at_field_base64(&f, 3);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "\1\2\3", 3);
    f = field("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    g_assert_true(kl_at_field_is_sha256(&f));
    f = field("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeF");
    g_assert_false(kl_at_field_is_sha256(&f));
    f = field("0123456789abcdef");
    g_assert_false(kl_at_field_is_sha256(&f));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/at-parse/case/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/at-parse/random-bytes", test_random_bytes);
    g_test_add_func("/at-parse/long-lines", test_long_lines);
    g_test_add_func("/at-parse/line-torn-by-begin", test_line_torn_by_begin);
    g_test_add_func("/at-parse/finals", test_finals);
    g_test_add_func("/at-parse/fields", test_fields);
    g_test_add_func("/at-parse/field-values", test_field_values);
    return g_test_run();
}
