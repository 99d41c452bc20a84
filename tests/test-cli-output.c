/* What the command line writes: safe text, tables, times, exit codes. */
#include <stdio.h>
#include <string.h>

#include "station/cli/exit_codes.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/cli/text.h"

static void
test_safe(void)
{
    static const struct {
        const char *text, *safe;
    } rows[] = {
        {NULL, "-"},
        {"", ""},
        {"4L936370140910", "4L936370140910"},
        {"M\303\274ller", "M\303\274ller"},
        {"\033[2J", "\\u{1B}[2J"},
        {"a\nb\tc\r", "a\\u{A}b\\u{9}c\\u{D}"},
        {"\177", "\\u{7F}"},
        {"\302\233"
         "31m",
         "\\u{9B}31m"}, /* CSI as one C1 character */
        {"\233"
         "31m",
         "\\x9B31m"},                          /* the same as a bare byte */
        {"\342\200\256evil", "\\u{202E}evil"}, /* right-to-left override */
        {"\342\200\250", "\\u{2028}"},         /* line separator */
        {"\303", "\\xC3"},                     /* cut short */
        {"\355\240\200", "\\xED\\xA0\\x80"},   /* a surrogate is not UTF-8 */
        {"\300\200", "\\xC0\\x80"},            /* nor is an over-long NUL */
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *safe = kl_text_safe(rows[i].text);
        g_assert_cmpstr(safe, ==, rows[i].safe);
    }
}

/* Whatever the bytes: the result is valid UTF-8 that holds nothing but printable characters. */
static void
test_safe_random(void)
{
    for (guint i = 0; i < 5000; i++) {
        char text[33] = {0};
        for (guint j = 0; j < 32; j++)
            text[j] = (char)g_test_rand_int_range(1, 256);
        g_autofree char *safe = kl_text_safe(text);
        g_assert_true(g_utf8_validate(safe, -1, NULL));
        for (const char *p = safe; *p != '\0'; p = g_utf8_next_char(p))
            g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
    }
}

/* The table as it is printed. */
static char *
printed(const KlTable *table)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    kl_table_print(table, file);
    fclose(file);
    return text;
}

static void
test_table(void)
{
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"SLOT", ">MS", "NAME", NULL});
    kl_table_add(table, (const char *const[]){"01", "7.5", "M\303\274ller"});
    kl_table_add(table, (const char *const[]){"slot-02", "1234.0", NULL});
    kl_table_add(table, (const char *const[]){"3", NULL, "x\033y"});
    g_autofree char *text = printed(table);
    g_assert_cmpstr(text, ==,
                    "SLOT         MS  NAME\n"
                    "01          7.5  M\303\274ller\n"
                    "slot-02  1234.0  -\n"
                    "3             -  x\\u{1B}y\n");

    g_autoptr(KlTable) pairs = kl_table_new((const char *const[]){"", "", NULL});
    kl_table_add_pair(pairs, "IMEI", "1");
    kl_table_add_pair(pairs, "Longer", "2");
    g_autofree char *lines = printed(pairs);
    g_assert_cmpstr(lines, ==, "IMEI    1\nLonger  2\n");
}

static void
test_time(void)
{
    static const struct {
        const char *text;
        gboolean end_of_day;
        const char *iso; /* NULL: refused */
    } rows[] = {
        {"2025-01-31", FALSE, "2025-01-31T00:00:00Z"},
        {"2025-01-31", TRUE, "2025-02-01T00:00:00Z"},
        {"2025-01-31 14:05", FALSE, "2025-01-31T14:05:00Z"},
        {"2025-01-31 14:05", TRUE, "2025-01-31T14:05:00Z"},
        {"2025-01-31T14:05:09+02:00", FALSE, "2025-01-31T12:05:09Z"},
        {"2025-01-31T14:05:09.25Z", FALSE, "2025-01-31T14:05:09.250000Z"},
        {"2025-02-30", FALSE, NULL},
        {"yesterday", FALSE, NULL},
        {"", FALSE, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 time_us = 0;
        g_autoptr(GError) error = NULL;
        gboolean ok = kl_text_parse_time(rows[i].text, rows[i].end_of_day, &time_us, &error);
        if (rows[i].iso == NULL) {
            g_assert_false(ok);
            g_assert_error(error, KL_ERROR, KL_ERROR_USAGE);
            continue;
        }
        g_assert_no_error(error);
        g_autofree char *iso = kl_text_iso_time(time_us);
        g_assert_cmpstr(iso, ==, rows[i].iso);
    }
}

static void
test_json(void)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_string(builder, "bytes", "a\377b\"\n");
    kl_json_string(builder, "none", NULL);
    kl_json_time(builder, "never", 0);
    kl_json_time(builder, "time", 1738332309000000);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(root, FALSE);
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_cmpstr(
        text, ==,
        "{\"bytes\":\"a\357\277\275b\\\"\\n\",\"none\":null,\"never\":null,\"time\":\"2025-01-31T14:05:09Z\"}");
}

/* No failure may look like success, and a unit's fault must not look like the station's. */
static void
test_exit_codes(void)
{
    for (int code = 0; code < KL_ERROR_LAST; code++) {
        KlExitCode exit_code = kl_exit_code((KlErrorCode)code);
        KlErrorKind kind = kl_error_kind((KlErrorCode)code);
        gboolean unit = kind == KL_ERROR_KIND_UNIT || kind == KL_ERROR_KIND_RETRY;
        if (unit)
            g_assert_cmpint(exit_code, ==, KL_EXIT_UNIT);
        else
            g_assert_true(exit_code == KL_EXIT_USAGE || exit_code == KL_EXIT_STATION);
    }
    static const struct {
        KlErrorCode code;
        KlExitCode exit_code;
    } rows[] = {
        {KL_ERROR_USAGE, 2},          {KL_ERROR_CONFIG_INVALID, 2}, {KL_ERROR_STATION_MISSING, 2},
        {KL_ERROR_SLOT_UNKNOWN, 2},   {KL_ERROR_STATION_BUSY, 3},   {KL_ERROR_CA_MISSING, 3},
        {KL_ERROR_STORE_FULL, 3},     {KL_ERROR_INTERNAL, 3},       {KL_ERROR_PASSPHRASE_WRONG, 3},
        {KL_ERROR_LABEL_MISMATCH, 1}, {KL_ERROR_NO_ANSWER, 1},      {KL_ERROR_CANCELLED, 1},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(kl_exit_code(rows[i].code), ==, rows[i].exit_code);
}

static void
test_exit_code_of_record(void)
{
    g_autoptr(KlRecord) record = kl_record_new();
    record->outcome = KL_OUTCOME_PASS;
    g_assert_cmpint(kl_exit_code_of_record(record), ==, KL_EXIT_DONE);
    record->outcome = KL_OUTCOME_ERROR;
    record->code = g_strdup("STORE_FULL");
    g_assert_cmpint(kl_exit_code_of_record(record), ==, KL_EXIT_STATION);
    /* A code of a newer program, or none at all, is no PASS. */
    g_clear_pointer(&record->code, g_free);
    g_assert_cmpint(kl_exit_code_of_record(record), ==, KL_EXIT_STATION);
    record->outcome = KL_OUTCOME_RUNNING;
    record->code = g_strdup("NOT_A_CODE");
    g_assert_cmpint(kl_exit_code_of_record(record), ==, KL_EXIT_STATION);
}

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/output/safe", test_safe);
    g_test_add_func("/cli/output/safe-random", test_safe_random);
    g_test_add_func("/cli/output/table", test_table);
    g_test_add_func("/cli/output/time", test_time);
    g_test_add_func("/cli/output/json", test_json);
    g_test_add_func("/cli/output/exit-codes", test_exit_codes);
    g_test_add_func("/cli/output/exit-code-of-record", test_exit_code_of_record);
    return g_test_run();
}
