/* The first run, and the supervisor. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

#define PIN "271828"
#define STATUS "SELECT status FROM certificates"

static void
answer_assistant(UiRig *rig)
{
    ui_enter(rig, "Station name", "Bench 7");
    ui_enter(rig, "Line file", rig->line);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_enter(rig, "CA passphrase", UI_PASSPHRASE);
    ui_enter(rig, "The same again", UI_PASSPHRASE);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_enter(rig, "Supervisor's PIN", PIN);
    ui_enter(rig, "The same again", PIN);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Apply");
    ui_wait_says(rig, NULL, "a station whose units stand on a USB hub");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_wait_says(rig, NULL, "The station is set up.");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Close");
}

/* Not at once: a question that was called off can be asked again. */
static void
unlock(UiRig *rig)
{
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "CA locked");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Cancel");
    ui_wait_gone(rig, ATSPI_ROLE_PUSH_BUTTON, "Unlock");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "CA locked");
    ui_enter(rig, "CA passphrase", "not the passphrase");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Unlock");
    ui_wait_says(rig, NULL, "The CA passphrase is wrong.");
    ui_enter(rig, "CA passphrase", UI_PASSPHRASE);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Unlock");
    ui_wait_gone(rig, ATSPI_ROLE_PUSH_BUTTON, "Unlock");
}

/* From nothing to the first unit. */
static void
test_assistant(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_make(&rig);
    ui_rig_start_sim(&rig, 1, NULL);
    ui_rig_open(&rig);
    answer_assistant(&rig);
    ui_wait(&rig, UI_ANY, "Slot 01");
    ui_wait_says(&rig, NULL, "Bench 7");

    g_autofree char *label = ui_rig_label(1);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, label);
    ui_wait_says(&rig, NULL, "The CA is locked: unlock it first.");
    unlock(&rig);
    ui_wait_says(&rig, "Slot 01", "ready");
    ui_scan(&rig, label);
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_rig_wait_sql(&rig, "SELECT station, outcome, operator FROM jobs", "Bench 7|PASS|217");
}

static void
set_pin(UiRig *rig)
{
    ui_click(rig, ATSPI_ROLE_RADIO_BUTTON, "Setup");
    ui_press(rig, ATSPI_ROLE_LIST_ITEM, "Roles");
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Set PIN…");
    ui_enter(rig, "New PIN", PIN);
    ui_enter(rig, "The same again", PIN);
    ui_click(rig, ATSPI_ROLE_PUSH_BUTTON, "Set PIN");
    ui_wait_says(rig, NULL, "Set. Kept only as a scrypt hash.");
}

/* A certificate is revoked only with the right PIN, and the act is kept. */
static void
test_revoke(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    g_autofree char *label = ui_rig_label(1);
    g_autofree char *revoke = g_strdup_printf("Revoke the certificate of %s", label);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, label);
    ui_wait_says(&rig, "Slot 01", "PASS");
    set_pin(&rig);

    ui_press(&rig, ATSPI_ROLE_LIST_ITEM, "Supervisor");
    ui_enter(&rig, "Certificate to revoke", label);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Find");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, revoke);
    ui_enter(&rig, "Reason", "key was seen");
    ui_enter(&rig, "Supervisor's PIN", "000000");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Confirm");
    ui_wait_says(&rig, NULL, "The PIN is wrong.");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM acts WHERE what = 'revoke'", "0");
    ui_rig_wait_sql(&rig, STATUS, "live");

    ui_enter(&rig, "Supervisor's PIN", PIN);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Confirm");
    ui_wait_says(&rig, NULL, "Revoked");
    ui_rig_wait_sql(&rig, STATUS, "revoked");
    ui_rig_wait_sql(&rig, "SELECT who, role, reason FROM acts WHERE what = 'revoke'", "217|supervisor|key was seen");
}

/* A second key for a unit needs the PIN too. */
static void
test_reprovision(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_wait_says(&rig, "Slot 01", "PASS");
    set_pin(&rig);

    ui_press(&rig, ATSPI_ROLE_LIST_ITEM, "Supervisor");
    ui_choose(&rig, "Slot to provision again", 0);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision again…");
    ui_enter(&rig, "Reason", "key was seen");
    ui_enter(&rig, "Supervisor's PIN", PIN "0");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Confirm");
    ui_wait_says(&rig, NULL, "The PIN is wrong.");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "1");
    ui_enter(&rig, "Supervisor's PIN", PIN);
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Confirm");
    ui_rig_wait_sql(&rig, "SELECT outcome, reprovision_reason FROM jobs ORDER BY number", "PASS|\nPASS|key was seen");
    ui_rig_wait_sql(&rig, "SELECT status FROM certificates ORDER BY number", "superseded\nlive");
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/setup/assistant", test_assistant);
    g_test_add_func("/ui/setup/revoke", test_revoke);
    g_test_add_func("/ui/setup/reprovision", test_reprovision);
    return g_test_run();
}
