/* Runs one fuzz program over its seeds and regressions as a TAP test. With --decode OUTDIR: writes the seeds there as
 * the bytes that they stand for, for libFuzzer to start from. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static GBytes *
unescape(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *joined = g_strjoinv("", lines);
    g_autofree char *bytes = g_strcompress(joined);
    return g_bytes_new(bytes, strlen(bytes));
}

static GBytes *
read_input(const char *path)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    if (g_str_has_suffix(path, ".esc"))
        return unescape(text);
    if (g_str_has_suffix(path, ".b64")) {
        guchar *bytes = g_base64_decode(text, &length);
        return g_bytes_new_take(bytes, length);
    }
    g_assert_true(g_str_has_suffix(path, ".txt"));
    return g_bytes_new(text, length);
}

/* The input lies alone in a block of exactly its size, so that AddressSanitizer sees a read beyond it. */
static void
test_input(gconstpointer data)
{
    const char *path = data;
    g_autoptr(GBytes) input = read_input(path);
    g_autofree char *name = g_path_get_basename(path);
    gsize size = g_bytes_get_size(input);
    g_autofree guint8 *bytes = g_memdup2(g_bytes_get_data(input, NULL), size);
    guint before = fuzz_accepted;
    g_assert_cmpint(LLVMFuzzerTestOneInput(bytes, size), ==, 0);
    if (g_str_has_prefix(name, "good-"))
        g_assert_cmpuint(fuzz_accepted, >, before);
    if (g_str_has_prefix(name, "bad-"))
        g_assert_cmpuint(fuzz_accepted, ==, before);
}

static void
test_nothing(void)
{
    guint8 nothing = 0;
    g_assert_cmpint(LLVMFuzzerTestOneInput(&nothing, 0), ==, 0);
}

/* The files of a folder (none when it does not exist), each as its path. */
static GPtrArray *
list_folder(const char *folder)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name = NULL; dir != NULL && (name = g_dir_read_name(dir)) != NULL;)
        g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
    return paths;
}

static void
decode(const GPtrArray *paths, const char *folder)
{
    for (guint i = 0; i < paths->len; i++) {
        g_autoptr(GBytes) input = read_input(paths->pdata[i]);
        g_autofree char *name = g_path_get_basename(paths->pdata[i]);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autoptr(GError) error = NULL;
        g_file_set_contents(path, g_bytes_get_data(input, NULL), (gssize)g_bytes_get_size(input), &error);
        g_assert_no_error(error);
    }
}

static void
add_tests(const GPtrArray *paths, const char *kind)
{
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *name = g_path_get_basename(paths->pdata[i]);
        g_autofree char *test = g_strdup_printf("/fuzz/%s/%s", kind, name);
        g_test_add_data_func(test, paths->pdata[i], test_input);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) seeds = list_folder(FUZZ_SOURCE_DIR "/seeds/" FUZZ_NAME);
    g_autoptr(GPtrArray) regressions = list_folder(FUZZ_SOURCE_DIR "/regressions/" FUZZ_NAME);
    if (argc == 3 && strcmp(argv[1], "--decode") == 0) {
        decode(seeds, argv[2]);
        decode(regressions, argv[2]);
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    LLVMFuzzerInitialize(&argc, &argv);
    g_assert_cmpuint(seeds->len, >, 0);
    g_test_add_func("/fuzz/nothing", test_nothing);
    add_tests(seeds, "seed");
    add_tests(regressions, "regression");
    return g_test_run();
}
