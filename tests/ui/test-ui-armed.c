/* The armed line: every unit that is plugged in starts by itself. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

#define OUTCOMES "SELECT count(*), count(DISTINCT imei), count(DISTINCT batch) FROM jobs WHERE outcome = 'PASS'"

static void
arm(UiRig *rig, const char *units)
{
    ui_click(rig, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    if (units != NULL)
        ui_enter(rig, "Units", units);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Arm the line");
}

/* Five units in three slots: what is there starts at once, what is plugged in later by itself, and the fifth is not
 * wanted any more. */
static void
test_countdown(void)
{
    const char *const faults[] = {"--fault", "2:wrong-proof", NULL};
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 3, faults);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, "WO:48-1123:4");
    ui_wait_says(&rig, NULL, "Work order 48-1123");
    arm(&rig, NULL);
    ui_wait_says(&rig, NULL, "Armed: 3 of 4 done, 1 left, 0 at work");
    ui_check(&rig, ui_says(&rig, "Slot 02", "FAIL"), "the failure does not show");
    ui_wait_state(&rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);

    g_free(ui_rig_sim(&rig, "unplug 1"));
    ui_wait_says(&rig, "Slot 01", "empty");
    g_free(ui_rig_sim(&rig, "plug 1"));
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_wait_says(&rig, NULL, "Batch ended: 4 units, 3 passed (75.0%), 1 failed, 3 passed at the first attempt");
    ui_check(&rig, ui_says(&rig, NULL, "1 × The unit could not prove that it holds its key."), "there is no cause");
    ui_check(&rig, ui_says(&rig, NULL, "(slots: 02)"), "the cause has no slot");
    ui_rig_wait_sql(&rig, OUTCOMES, "3|3|1");

    g_free(ui_rig_sim(&rig, "unplug 3"));
    ui_wait_says(&rig, "Slot 03", "empty");
    g_free(ui_rig_sim(&rig, "plug 3"));
    ui_wait_says(&rig, "Slot 03", "ready");
    ui_scan(&rig, "SLOT:03");
    ui_wait_says(&rig, NULL, "Slot 03 chosen");
    ui_check(&rig, ui_says(&rig, "Slot 03", "ready"), "the line is still armed");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "4");
}

/* The batch is found again by what its report says. */
static void
test_found_later(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, NULL);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Slot 01");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_wait_says(&rig, "Slot 01", "PASS");
    arm(&rig, "1");
    ui_wait_says(&rig, NULL, "Batch ended: 1 unit, 1 passed (100.0%)");
    g_autofree char *batch = ui_rig_sql(&rig, "SELECT substr(batch, 1, 8) FROM jobs WHERE batch IS NOT NULL");
    g_autofree char *search = g_strconcat("batch:", batch, NULL);
    ui_check(&rig, ui_says(&rig, NULL, search), "the report does not name the batch");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Dismiss");
    ui_wait_gone(&rig, ATSPI_ROLE_PUSH_BUTTON, "Dismiss");

    ui_click(&rig, ATSPI_ROLE_RADIO_BUTTON, "History");
    ui_wait_says(&rig, NULL, "2 records");
    ui_enter(&rig, "Find", search);
    ui_wait_says(&rig, NULL, "1 record");
}

/* Neither Enter nor the space bar arms the line, wherever the focus is on the way there. */
static void
test_not_by_accident(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_focus(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    ui_key(&rig, GDK_KEY_Return);
    ui_wait_state(&rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);
    ui_click(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    ui_wait_state(&rig, UI_ANY, "Units", ATSPI_STATE_FOCUSED);
    ui_type(&rig, " 3 ");
    ui_key(&rig, GDK_KEY_Return);
    ui_focus(&rig, ATSPI_ROLE_PUSH_BUTTON, "Arm the line");
    ui_key(&rig, GDK_KEY_Return);
    ui_key(&rig, GDK_KEY_KP_Enter);
    ui_key(&rig, GDK_KEY_Escape);
    ui_wait_gone(&rig, ATSPI_ROLE_PUSH_BUTTON, "Arm the line");
    ui_check(&rig, ui_says(&rig, "Slot 01", "ready"), "a stray key armed the line");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "0");
}

/* Stopping lets what runs go on; signing off ends it, too. */
static void
test_stop(void)
{
    const char *const faults[] = {"--fault", "1:no-answer@install*1", NULL};
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, faults);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    arm(&rig, "10");
    ui_wait_says(&rig, "Slot 02", "PASS");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Stop after current");
    ui_wait_gone(&rig, ATSPI_ROLE_PUSH_BUTTON, "Stop after current");
    g_free(ui_rig_sim(&rig, "unplug 2"));
    ui_wait_says(&rig, "Slot 02", "empty");
    g_free(ui_rig_sim(&rig, "plug 2"));
    ui_wait_says(&rig, NULL, "Batch ended early, with 2 of 10 units");
    ui_wait_says(&rig, "Slot 02", "ready");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "2");

    arm(&rig, "10");
    ui_wait_says(&rig, NULL, "Armed: 1 of 10 done");
    ui_scan(&rig, "OP:218");
    ui_wait_says(&rig, NULL, "Batch ended early, with 1 of 10 units");
}

static void
test_refused(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    ui_click(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    ui_wait_says(&rig, NULL, "Nobody is signed on at this station. Scan your badge.");
    ui_wait_gone(&rig, ATSPI_ROLE_PUSH_BUTTON, "Arm the line");
}

/* A product that wants every label scanned has no armed line. */
static void
test_label_required(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_make(&rig);
    ui_rig_start_sim(&rig, 1, NULL);
    ui_rig_make_station(&rig, TRUE);
    ui_rig_set_product(&rig, "id", "label-required", "true");
    ui_rig_open(&rig);
    ui_wait_says(&rig, "Slot 01", "ready");
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_click(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    ui_wait_says(&rig, NULL, "This product wants every unit's label scanned");
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/armed/countdown", test_countdown);
    g_test_add_func("/ui/armed/found-later", test_found_later);
    g_test_add_func("/ui/armed/not-by-accident", test_not_by_accident);
    g_test_add_func("/ui/armed/stop", test_stop);
    g_test_add_func("/ui/armed/refused", test_refused);
    g_test_add_func("/ui/armed/label-required", test_label_required);
    return g_test_run();
}
