/* One unit at a time, as an operator with a scanner works. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

#define JOBS "SELECT slot, outcome, code, operator, label FROM jobs ORDER BY number"

static void
test_provision(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    g_autofree char *label = ui_rig_label(1);
    g_autofree char *record = g_strdup_printf("01|PASS||217|%s", label);

    ui_scan(&rig, label);
    ui_wait_says(&rig, NULL, "Scan your badge first.");
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_scan(&rig, label);
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_check(&rig, ui_says(&rig, "Slot 01", label), "the card does not show the unit");
    ui_rig_wait_sql(&rig, JOBS, record);
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM certificates", "1");
}

/* Every file of a unit with its content, as one checksum. */
static char *
unit_content(const UiRig *rig)
{
    g_autofree char *units = g_build_filename(rig->dir, "units", NULL);
    g_autofree char *quoted = g_shell_quote(units);
    g_autofree char *line = g_strdup_printf("cd %s && find . -type f -exec sha256sum {} + | sort | sha256sum", quoted);
    const char *argv[] = {"sh", "-c", line, NULL};
    g_autofree char *out = NULL;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL, NULL));
    return g_steal_pointer(&out);
}

static void
test_wrong_label(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    g_autofree char *other = ui_rig_label(2);
    g_autofree char *record = g_strdup_printf("01|FAIL|LABEL_MISMATCH|217|%s", other);
    g_autofree char *before = unit_content(&rig);

    ui_scan(&rig, "OP:217");
    ui_scan(&rig, other);
    ui_wait_says(&rig, "Slot 01", "The scanned label belongs to another unit.");
    ui_check(&rig, ui_says(&rig, "Slot 01", "Scan the label of the unit in this slot."), "there is no remedy");
    ui_rig_wait_sql(&rig, JOBS, record);
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM certificates", "0");
    g_autofree char *after = unit_content(&rig);
    ui_check(&rig, g_str_equal(before, after), "something was done to the unit");
}

static void
test_fail_and_retry(void)
{
    const char *const faults[] = {"--fault", "1:wrong-proof*1", NULL};
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, faults);
    ui_scan(&rig, "OPERATOR:217");
    ui_wait(&rig, UI_ANY, "Operator 217");

    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_wait_says(&rig, "Slot 01", "FAIL");
    ui_check(&rig, ui_says(&rig, "Slot 01", "The unit could not prove that it holds its key."), "there is no reason");
    ui_check(&rig, ui_says(&rig, "Slot 01", "Set the unit aside for the line engineer."), "there is no remedy");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Retry slot 01");
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_rig_wait_sql(&rig, "SELECT outcome, code FROM jobs ORDER BY number", "FAIL|PROOF_FAILED\nPASS|");
}

/* Keys are handled in the order in which they are pressed: once the last is seen to have worked, so have all. A button
 * that is pressed by a key takes GTK's 250 ms to click; one more such press, on a card, is behind all others. */
static void
test_stray_keys(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");

    ui_wait_state(&rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);
    ui_type(&rig, "  ");
    ui_wait_text(&rig, "Scan", "  ");
    ui_key(&rig, GDK_KEY_Return);
    ui_key(&rig, GDK_KEY_Return);
    ui_type(&rig, " x");
    ui_wait_text(&rig, "Scan", " x");
    ui_key(&rig, GDK_KEY_Escape);
    ui_wait_text(&rig, "Scan", "");

    ui_focus(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_key(&rig, GDK_KEY_Return);
    ui_key(&rig, GDK_KEY_KP_Enter);
    ui_type(&rig, "y");
    ui_wait_text(&rig, "Scan", "y");
    ui_press(&rig, ATSPI_ROLE_PUSH_BUTTON, "Slot 01");
    ui_wait_state(&rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);
    ui_check(&rig, ui_tree_count_described(rig.program, "ready") == 1, "a stray key started the unit");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "0");
}

/* A scan that begins while a button has the focus is typed into the scan entry all the same. */
static void
test_scan_from_a_button(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 1, NULL);
    g_autofree char *label = ui_rig_label(1);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_focus(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_type(&rig, label);
    ui_key(&rig, GDK_KEY_Return);
    ui_wait_says(&rig, "Slot 01", "PASS");
    g_autofree char *record = g_strdup_printf("01|PASS||217|%s", label);
    ui_rig_wait_sql(&rig, JOBS, record);
}

/* Without scanner and mouse; the entry has the focus again as soon as the unit is started. */
static void
test_keyboard_only(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, NULL);
    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_key(&rig, GDK_KEY_Right);
    ui_key(&rig, GDK_KEY_Right);
    ui_wait_state(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 02", ATSPI_STATE_SENSITIVE);
    ui_key(&rig, GDK_KEY_Tab);
    ui_wait_state(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 02", ATSPI_STATE_FOCUSED);
    ui_key(&rig, GDK_KEY_space);
    ui_wait_says(&rig, "Slot 02", "PASS");
    ui_wait_state(&rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);
    ui_rig_wait_sql(&rig, "SELECT slot, outcome, operator FROM jobs", "02|PASS|217");
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/line/provision", test_provision);
    g_test_add_func("/ui/line/wrong-label", test_wrong_label);
    g_test_add_func("/ui/line/fail-and-retry", test_fail_and_retry);
    g_test_add_func("/ui/line/stray-keys", test_stray_keys);
    g_test_add_func("/ui/line/scan-from-a-button", test_scan_from_a_button);
    g_test_add_func("/ui/line/keyboard-only", test_keyboard_only);
    return g_test_run();
}
