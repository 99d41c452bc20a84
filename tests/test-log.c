/* The log: whole lines from any number of threads, and nothing in them that could fake a line or steer a terminal. */
#include "station/log.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <sys/stat.h>

static char *dir;
static char *path;

static char **
read_lines(void)
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_true(g_str_has_suffix(text, "\n"));
    text[strlen(text) - 1] = '\0';
    return g_strsplit(text, "\n", -1);
}

static void
test_lines(void)
{
    kl_log_open(dir);
    g_debug("a debug");
    g_info("an info");
    g_message("a \"message\" with \xc3\xa4");
    /* Not by g_info(): the test framework would put it into its own output as well. */
    g_log_structured(G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "MESSAGE", "fake\n2026 INFO  line\r\x1b[2J\x7f\xc2\x9b\xff.");
    g_log_structured("GLib-GIO", G_LOG_LEVEL_INFO, "MESSAGE", "a library's chatter");
    g_log_structured("GLib-GIO", G_LOG_LEVEL_MESSAGE, "MESSAGE", "a library's message");
    g_autofree char *longest = g_strnfill(20000, 'x');
    g_info("%s", longest);
    kl_log_close();
    g_info("after closing");

    struct stat info;
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0137, ==, 0); /* at most 0640 */
    g_auto(GStrv) lines = read_lines();
    g_assert_cmpuint(g_strv_length(lines), ==, 6);
    const char *const ends[] = {
        "Z DEBUG a debug",
        "Z INFO  an info",
        "Z NOTE  a \"message\" with \xc3\xa4",
        "Z INFO  fake\\n2026 INFO  line\\u000d\\u001b[2J\\u007f\\u009b\xef\xbf\xbd.",
        "Z NOTE  a library's message",
    };
    for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
        g_assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z ", lines[i], 0, 0));
        g_assert_cmpstr(lines[i] + 26, ==, ends[i]);
    }
    g_assert_cmpuint(strlen(lines[5]), <, 8300);
}

static void *
chatter(void *data)
{
    for (guint i = 0; i < 300; i++)
        g_info("thread %s line %u end", (const char *)data, i);
    return NULL;
}

static void
test_threads(void)
{
    g_unlink(path);
    kl_log_open(dir);
    pthread_t threads[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    for (guint i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, chatter, (void *)names[i]);
    for (guint i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    kl_log_close();

    g_auto(GStrv) lines = read_lines();
    g_assert_cmpuint(g_strv_length(lines), ==, 1200);
    for (guint i = 0; i < 1200; i++)
        g_assert_true(g_regex_match_simple("Z INFO  thread [abcd] line \\d+ end$", lines[i], 0, 0));
}

static void
test_reopened_is_appended(void)
{
    g_unlink(path);
    for (guint i = 0; i < 3; i++) {
        kl_log_open(dir);
        g_info("again");
    }
    kl_log_close();
    g_auto(GStrv) lines = read_lines();
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
}

/* Warnings reach stderr, in one line each, with or without a file. */
static void
test_stderr(void)
{
    if (g_test_subprocess()) {
        g_log_set_always_fatal(G_LOG_LEVEL_ERROR); /* the test framework would end at the first warning */
        g_autofree char *nowhere = g_build_filename(dir, "no", "such", "folder", NULL);
        kl_log_open(nowhere);
        g_info("quiet");
        g_warning("loud\nand clear");
        kl_log_open(NULL);
        g_warning("no file");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*WARN  can't open *keyline.log: No such file*messages go to stderr only\n*");
    g_test_trap_assert_stderr("*WARN  loud\\nand clear\n*WARN  no file\n*");
    g_test_trap_assert_stderr_unmatched("*quiet*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-log-XXXXXX", NULL);
    path = g_build_filename(dir, "keyline.log", NULL);
    g_test_add_func("/log/lines", test_lines);
    g_test_add_func("/log/threads", test_threads);
    g_test_add_func("/log/reopened-is-appended", test_reopened_is_appended);
    g_test_add_func("/log/stderr", test_stderr);
    int result = g_test_run();
    g_unlink(path);
    g_rmdir(dir);
    g_free(path);
    g_free(dir);
    return result;
}
