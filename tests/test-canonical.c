/* Canonical JSON: what is written is what Python's json.dumps writes of the same values, byte for byte; and what must
 * not be written stops the program. */
#include "station/canonical.h"

#include <gio/gio.h>
#include <string.h>

#define MAX_NUMBER G_GINT64_CONSTANT(9007199254740991)

/* Reads each line as JSON and writes it again as AUDIT-FORMAT.md says. */
static const char oracle[] =
    "import sys, json\n"
    "for line in sys.stdin.buffer.read().decode('utf-8').split('\\n'):\n"
    "    if line:\n"
    "        v = json.loads(line)\n"
    "        sys.stdout.buffer.write((json.dumps(v, sort_keys=True, separators=(',', ':'), ensure_ascii=False)"
    " + '\\n').encode('utf-8'))\n";

static char *
python(const char *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) child = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                                    &error, "python3", "-c", oracle, NULL);
    g_assert_no_error(error);
    g_autoptr(GBytes) input = g_bytes_new(lines, strlen(lines));
    g_autoptr(GBytes) output = NULL;
    g_assert_true(g_subprocess_communicate(child, input, NULL, &output, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_successful(child));
    gsize size = 0;
    const char *data = g_bytes_get_data(output, &size);
    return g_strndup(data, size);
}

static char *
random_text(GRand *rand)
{
    static const char *const pieces[] = {"a",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\t",
                                         "\r",
                                         "\b",
                                         "\f",
                                         "/",
                                         "\x01",
                                         "\x1f",
                                         "\x7f",
                                         "\xc3\xa9",
                                         "\xe2\x80\xa8",
                                         "<&>'",
                                         " ",
                                         "\xf0\x9f\x98\x80"};
    GString *text = g_string_new(NULL);
    for (int n = g_rand_int_range(rand, 0, 12); n > 0; n--)
        g_string_append(text, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
    return g_string_free(text, FALSE);
}

static void add_value(KlCanonical *writer, const char *name, GRand *rand, int depth);

static void
add_members(KlCanonical *writer, GRand *rand, int depth)
{
    static const char *const names[] = {"0", "1_", "_", "a", "a0", "a_", "aa", "b", "imei", "z9"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_rand_boolean(rand))
            add_value(writer, names[i], rand, depth);
    }
}

static void
add_value(KlCanonical *writer, const char *name, GRand *rand, int depth)
{
    g_autofree char *text = random_text(rand);
    switch (g_rand_int_range(rand, 0, depth > 0 ? 6 : 4)) {
    case 0:
        kl_canonical_number(writer, name, (gint64)(g_rand_double_range(rand, -1, 1) * (double)MAX_NUMBER));
        return;
    case 1:
        kl_canonical_flag(writer, name, g_rand_boolean(rand));
        return;
    case 2:
        kl_canonical_text(writer, name, NULL); /* left out */
        return;
    case 3:
        kl_canonical_text(writer, name, text);
        return;
    case 4:
        kl_canonical_begin(writer, name);
        add_members(writer, rand, depth - 1);
        kl_canonical_end(writer);
        return;
    default:
        kl_canonical_begin_array(writer, name);
        for (int n = g_rand_int_range(rand, 0, 4); n > 0; n--)
            add_value(writer, NULL, rand, depth - 1);
        kl_canonical_end(writer);
        return;
    }
}

static void
test_like_python(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int_range(0, G_MAXINT32));
    g_autoptr(GString) lines = g_string_new(NULL);
    for (int i = 0; i < 500; i++) {
        KlCanonical *writer = kl_canonical_new();
        kl_canonical_begin(writer, NULL);
        add_members(writer, rand, 4);
        g_autofree char *text = kl_canonical_finish(writer);
        g_string_append_printf(lines, "%s\n", text);
    }
    g_autofree char *expected = python(lines->str);
    g_assert_cmpstr(lines->str, ==, expected);
}

static void
test_exactly(void)
{
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_flag(writer, "a", TRUE);
    kl_canonical_begin_array(writer, "b");
    kl_canonical_number(writer, NULL, -MAX_NUMBER);
    kl_canonical_text(writer, NULL, "\x01\x02\"\\\b\x0b/\x1f\x7f\xc3\xa9");
    kl_canonical_begin(writer, NULL);
    kl_canonical_end(writer);
    kl_canonical_end(writer);
    kl_canonical_value(writer, "c", "{\"x\":1}");
    kl_canonical_value(writer, "d", NULL);
    g_autofree char *text = kl_canonical_finish(writer);
    g_assert_cmpstr(text, ==,
                    "{\"a\":true,\"b\":[-9007199254740991,\"\\u0001\\u0002\\\"\\\\\\b\\u000b/\\u001f\x7f\xc3\xa9\",{}],"
                    "\"c\":{\"x\":1}}");

    g_autofree char *empty = kl_canonical_finish(kl_canonical_new());
    g_assert_cmpstr(empty, ==, "{}");
    writer = kl_canonical_new();
    kl_canonical_text(writer, NULL, "alone");
    g_autofree char *alone = kl_canonical_finish(writer);
    g_assert_cmpstr(alone, ==, "\"alone\"");
    writer = kl_canonical_new();
    kl_canonical_text(writer, "a", "x\xff\xc3y");
    g_autofree char *valid = kl_canonical_finish(writer);
    g_assert_cmpstr(valid, ==, "{\"a\":\"x\xef\xbf\xbd\xef\xbf\xbdy\"}");
}

typedef struct {
    const char *name;
    const char *first, *second; /* names, one behind the other */
    gint64 number;
} Mistake;

static const Mistake mistakes[] = {
    {"/canonical/mistake/order", "b", "a", 0},
    {"/canonical/mistake/twice", "a", "a", 0},
    {"/canonical/mistake/prefix", "ab", "a", 0},
    {"/canonical/mistake/letters", "a", "B", 0},
    {"/canonical/mistake/empty", "", NULL, 0},
    {"/canonical/mistake/large", "a", NULL, MAX_NUMBER + 1},
    {"/canonical/mistake/small", "a", NULL, -MAX_NUMBER - 1},
    {"/canonical/mistake/no-name", "a", NULL, 0},
};

static void
test_mistake(gconstpointer data)
{
    const Mistake *mistake = data;
    if (g_test_subprocess()) {
        KlCanonical *writer = kl_canonical_new();
        kl_canonical_number(writer, mistake->first, mistake->number);
        kl_canonical_number(writer, mistake->second, 1);
        kl_canonical_free(writer);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*assertion failed*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/canonical/like-python", test_like_python);
    g_test_add_func("/canonical/exactly", test_exactly);
    for (guint i = 0; i < G_N_ELEMENTS(mistakes); i++)
        g_test_add_data_func(mistakes[i].name, &mistakes[i], test_mistake);
    return g_test_run();
}
