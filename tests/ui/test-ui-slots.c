/* Many slots side by side, and units that come and go. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

#define SLOTS 16

static gboolean
all_passed(UiRig *rig, gconstpointer data)
{
    return ui_tree_count_described(rig->program, "PASS") == SLOTS;
}

static void
test_sixteen(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, SLOTS, NULL);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, "WO:48-1123:16");
    for (guint slot = 1; slot <= SLOTS; slot++) {
        g_autofree char *choice = g_strdup_printf("SLOT:%02u", slot);
        g_autofree char *label = ui_rig_label(slot);
        ui_scan(&rig, choice);
        ui_scan(&rig, label);
    }
    if (!ui_rig_until(&rig, all_passed, NULL))
        ui_rig_fail(&rig, "not all units passed");
    ui_rig_wait_sql(&rig,
                    "SELECT outcome, operator, work_order, count(*), count(DISTINCT imei), count(DISTINCT slot),"
                    " count(DISTINCT certificate) FROM jobs GROUP BY 1, 2, 3",
                    "PASS|217|48-1123|16|16|16|16");
    ui_wait_says(&rig, NULL, "16 of 16");
}

static void
test_verdict_stays(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, NULL);
    g_autofree char *first = ui_rig_label(1);
    g_autofree char *second = ui_rig_label(2);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, "SLOT:01");
    ui_scan(&rig, first);
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_scan(&rig, "SLOT:02");
    ui_scan(&rig, second);
    ui_wait_says(&rig, "Slot 02", "PASS");
    ui_check(&rig, ui_says(&rig, "Slot 01", "PASS"), "the first verdict did not stay");

    g_free(ui_rig_sim(&rig, "unplug 1"));
    ui_wait_says(&rig, "Slot 01", "empty");
    ui_check(&rig, !ui_says(&rig, "Slot 01", first), "the card still names the unit that is gone");
    ui_check(&rig, ui_says(&rig, "Slot 02", "PASS"), "the other verdict went too");
    g_free(ui_rig_sim(&rig, "plug 1"));
    ui_wait_says(&rig, "Slot 01", "ready");
}

/* The unit that is plugged in next is the third of its line. */
static void
test_label_before_unit(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, NULL);
    g_autofree char *label = ui_rig_label(3);
    ui_scan(&rig, "OP:217");
    g_free(ui_rig_sim(&rig, "unplug 1"));
    ui_wait_says(&rig, "Slot 01", "empty");
    ui_scan(&rig, "SLOT:01");
    ui_scan(&rig, label);
    ui_wait_says(&rig, NULL, " is kept for the next unit in this slot.");
    ui_wait_says(&rig, "Slot 01", label);
    g_autofree char *plugged = ui_rig_sim(&rig, "plug 1");
    g_assert_cmpstr(plugged, ==, label);
    ui_wait_says(&rig, "Slot 01", "PASS");
    g_autofree char *record = g_strdup_printf("01|PASS|%s", label);
    ui_rig_wait_sql(&rig, "SELECT slot, outcome, fsn FROM jobs", record);
}

static void
test_which_unit(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_start(&rig, 2, NULL);
    g_autofree char *label = ui_rig_label(2);
    ui_scan(&rig, "OP:217");
    ui_scan(&rig, label);
    ui_wait_says(&rig, NULL, "Several units wait: choose a slot");
    ui_scan(&rig, "SLOT:77");
    ui_wait_says(&rig, NULL, "There is no slot 77.");
    ui_rig_wait_sql(&rig, "SELECT count(*) FROM jobs", "0");
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/slots/sixteen", test_sixteen);
    g_test_add_func("/ui/slots/verdict-stays", test_verdict_stays);
    g_test_add_func("/ui/slots/label-before-unit", test_label_before_unit);
    g_test_add_func("/ui/slots/which-unit", test_which_unit);
    return g_test_run();
}
