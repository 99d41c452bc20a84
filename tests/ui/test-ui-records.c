/* What was done is found again, and taken along. */
#include <locale.h>
#include <string.h>

#include "tests/ui/ui_hands.h"

/* Two units: the first passes, the second has no agent. */
static void
start_with_records(UiRig *rig)
{
    const char *const faults[] = {"--fault", "2:no-agent", NULL};
    ui_rig_start(rig, 2, faults);
    g_autofree char *first = ui_rig_label(1);
    g_autofree char *second = ui_rig_label(2);
    ui_scan(rig, "OP:217");
    ui_scan(rig, "SLOT:01");
    ui_scan(rig, first);
    ui_wait_says(rig, "Slot 01", "PASS");
    ui_scan(rig, "SLOT:02");
    ui_scan(rig, second);
    ui_wait_says(rig, "Slot 02", "The provisioning agent is not installed on this unit.");
}

static void
test_history(void)
{
    g_auto(UiRig) rig = {0};
    start_with_records(&rig);
    g_autofree char *first = ui_rig_label(1);
    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "History");
    ui_wait_says(&rig, NULL, "2 records");

    ui_enter(&rig, "Find", first);
    ui_wait_says(&rig, NULL, "1 record");
    ui_wait_says(&rig, "Found records", first);
    ui_wait_says(&rig, NULL, "Making the key");
    ui_enter(&rig, "Find", "nosuchunit");
    ui_wait_says(&rig, NULL, "No record fits.");
    ui_enter(&rig, "Find", "");
    ui_wait_says(&rig, NULL, "2 records");
}

/* As keyline-activation does. */
static void
boot_in_field(UiRig *rig, const char *sql)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    const char *const argv[] = {"sqlite3", "-bail", database, sql, NULL};
    int status = -1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL);
    ui_check(rig, status == 0, "sqlite3 does not write");
}

/* The first unit boots in the field, and then somebody else does so in its name: History tells it, and so does a chip
 * as soon as the next unit is done. */
static void
test_field(void)
{
    g_auto(UiRig) rig = {0};
    const char *const faults[] = {"--fault", "2:no-agent", NULL};
    ui_rig_start(&rig, 2, faults);
    g_autofree char *first = ui_rig_label(1), *second = ui_rig_label(2);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, "SLOT:01");
    ui_scan(&rig, first);
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "History");
    ui_enter(&rig, "Find", first);
    ui_wait_says(&rig, NULL, "never seen");
    ui_check(&rig, !ui_says(&rig, NULL, "Field ·"), "there is an alarm already");
    boot_in_field(&rig, "UPDATE registration SET registered = 'requested';"
                        "UPDATE registration SET registered = 'ok', version = 3, connections = 12;"
                        "INSERT INTO activation_seen SELECT device, 1700000000000000, 1700000000000000,"
                        " 1700000000000000 FROM registration");
    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "Line");
    ui_scan(&rig, "SLOT:02");
    ui_scan(&rig, second);
    ui_wait_says(&rig, "Slot 02", "The provisioning agent is not installed on this unit.");
    ui_wait_says(&rig, NULL, "Field · 1 alarm");
    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "History");
    ui_enter(&rig, "Find", "");
    ui_wait_says(&rig, NULL, "2 records");
    ui_enter(&rig, "Find", first);
    ui_wait_says(&rig, NULL, "1 record");
    ui_wait_says(&rig, NULL, "activated, runs version 3");
    ui_wait_says(&rig, NULL, "Too many connections since");
}

static void
test_report(void)
{
    g_auto(UiRig) rig = {0};
    start_with_records(&rig);
    g_autofree char *path = g_build_filename(rig.dir, "report.csv", NULL);
    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "Report");
    ui_wait_says(&rig, NULL, "first-pass yield");
    ui_click(&rig, UI_ANY, "Export");
    ui_click(&rig, UI_ANY, "CSV for spreadsheets…");
    ui_enter(&rig, "", path); /* GTK's file chooser: its entry has a label, but no name */
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Save");
    ui_wait_says(&rig, NULL, "Saved as report.csv");
    g_autofree char *csv = NULL;
    g_assert_true(g_file_get_contents(path, &csv, NULL, NULL));
    g_test_message("%s", csv);
    g_assert_nonnull(strstr(csv, "NO_AGENT"));
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/records/history", test_history);
    g_test_add_func("/ui/records/field", test_field);
    g_test_add_func("/ui/records/report", test_report);
    return g_test_run();
}
