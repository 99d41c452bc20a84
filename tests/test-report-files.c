/* A report as a file: the PDF, read again by pdftotext, and what saving does. None of this needs a display. */
#include <glib/gstdio.h>
#include <string.h>

#include "gui/report_export.h"
#include "station/error.h"
#include "tests/report_fixture.h"

typedef struct {
    char *dir, *path;
} Folder;

static void
folder_set_up(Folder *folder, gconstpointer data)
{
    folder->dir = g_dir_make_tmp("keyline-report-XXXXXX", NULL);
    folder->path = g_build_filename(folder->dir, "report", NULL);
}

static void
folder_tear_down(Folder *folder, gconstpointer data)
{
    g_remove(folder->path);
    g_assert_cmpint(g_rmdir(folder->dir), ==, 0);
    g_free(folder->dir);
    g_free(folder->path);
}

static void
save(const KlReport *report, KlReportFormat format, const char *path)
{
    g_autoptr(GError) error = NULL;
    kl_report_save(report, format, path, &error);
    g_assert_no_error(error);
}

/* The PDF's text as pdftotext reads it, or NULL when there is no such program. */
static char *
pdf_text(const char *path)
{
    g_autofree char *program = g_find_program_in_path("pdftotext");
    const char *argv[] = {program, "-layout", path, "-", NULL};
    char *text = NULL;
    int status = -1;
    if (program == NULL)
        return NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, &text, NULL, &status, NULL));
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    return text;
}

static void
assert_pdf_shows(const char *path, const char *const *texts, guint n_pages)
{
    g_autofree char *data = NULL, *text = pdf_text(path);
    g_assert_true(g_file_get_contents(path, &data, NULL, NULL));
    g_assert_true(g_str_has_prefix(data, "%PDF"));
    if (text == NULL) {
        g_test_skip("pdftotext is not installed (poppler-utils)");
        return;
    }
    for (guint i = 0; texts[i] != NULL; i++) {
        if (strstr(text, texts[i]) == NULL)
            g_error("the PDF does not show '%s': %s", texts[i], text);
    }
    g_auto(GStrv) pages = g_strsplit(text, "\f", -1);
    g_assert_cmpuint(g_strv_length(pages), ==, n_pages + 1);
}

static void
test_pdf(Folder *folder, gconstpointer data)
{
    static const char *const texts[] = {"Production report",
                                        "This shift (last 8 hours): 21 Nov 2026 12:14 to 21 Nov 2026 20:14",
                                        "Station S1",
                                        "Work order 48-1123",
                                        "256",
                                        "95.3 %",
                                        "Units per hour",
                                        "Why units failed",
                                        "How long each step takes",
                                        "Making the key",
                                        "The unit does not answer.",
                                        "Check the cable, then retry.",
                                        "OF_ANOTHER_PROGRAM",
                                        NULL};
    g_autoptr(KlReport) report = busy_report("48-1123");
    save(report, KL_REPORT_PDF, folder->path);
    assert_pdf_shows(folder->path, texts, 1);
}

static void
test_pdf_empty(Folder *folder, gconstpointer data)
{
    static const char *const texts[] = {"Production report", "No unit was worked on in this period.", NULL};
    g_autoptr(KlReport) report = report_of(KL_PERIOD_YESTERDAY, NULL, 0, kl_statistics_new());
    save(report, KL_REPORT_PDF, folder->path);
    assert_pdf_shows(folder->path, texts, 1);
}

/* More kinds of failure than the page has room for: still one page, and it says so. */
static void
test_pdf_full(Folder *folder, gconstpointer data)
{
    static const char *const texts[] = {"further kinds of failure", "Made by Keyline", NULL};
    KlStatistics *statistics = kl_statistics_new();
    add_hour(statistics, 0, 1, 5);
    for (int code = 0; code < KL_ERROR_LAST; code++)
        add_code(statistics, kl_error_name(code), 1);
    g_autoptr(KlReport) report = report_of(KL_PERIOD_TODAY, "&<b>", 0, statistics);
    save(report, KL_REPORT_PDF, folder->path);
    assert_pdf_shows(folder->path, texts, 1);
}

static void
test_save_fails(void)
{
    g_autoptr(KlReport) report = busy_report(NULL);
    for (guint i = 0; i < KL_REPORT_FORMAT_N; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(kl_report_save(report, i, "/nonexistent/folder/report", &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_FILE_FAILED);
    }
}

static void
test_file_name(void)
{
    g_autoptr(KlReport) report = busy_report(NULL);
    g_free(report->station);
    report->station = g_strdup("../Line 1:A");
    g_autofree char *name = kl_report_file_name(report, KL_REPORT_JSON);
    g_assert_cmpstr(name, ==, "keyline-.._Line_1_A-last-8-hours-2026-11-21.json");
}

#define ADD_FOLDER_TEST(name, function) g_test_add(name, Folder, NULL, folder_set_up, function, folder_tear_down)

int
main(int argc, char **argv)
{
    /* The files' times are UTC anyway; what is for people is in local time and words. */
    g_setenv("TZ", "UTC", TRUE);
    g_setenv("LC_ALL", "C.UTF-8", TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD_FOLDER_TEST("/report-files/pdf", test_pdf);
    ADD_FOLDER_TEST("/report-files/pdf-empty", test_pdf_empty);
    ADD_FOLDER_TEST("/report-files/pdf-full", test_pdf_full);
    g_test_add_func("/report-files/save-fails", test_save_fails);
    g_test_add_func("/report-files/file-name", test_file_name);
    return g_test_run();
}
