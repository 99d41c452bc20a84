/* Closing the window, with and without work under way. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

#define WORKING "Units are being worked on"

static void
test_idle(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Close");
    ui_rig_wait_end(&rig);
}

/* The key takes longer than the test, so that the job is still running whenever it is looked at. */
static void
test_running(void)
{
    const char *const slow[] = {"--key-ms", "50000", NULL};
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, slow);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_wait_says(&rig, "Slot 01", "Making the key");

    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Close");
    ui_wait_says(&rig, NULL, WORKING);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Keep working");
    ui_wait_gone(&rig, ATSPI_ROLE_LABEL, WORKING);
    ui_check(&rig, ui_says(&rig, "Slot 01", "running"), "the unit was stopped all the same");
    ui_rig_wait_sql(&rig, "SELECT outcome FROM jobs", "RUNNING");

    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Close");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Stop and close");
    ui_rig_wait_end(&rig);
    ui_rig_wait_sql(&rig, "SELECT outcome, operator FROM jobs", "ABORTED|217");
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/close/idle", test_idle);
    g_test_add_func("/ui/close/running", test_running);
    return g_test_run();
}
