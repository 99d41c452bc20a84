/* A station whose cloud can't be reached: units pass, the window says that their rows are kept. */
#include <locale.h>

#include "tests/ui/ui_hands.h"

/* Nothing listens at port 1. */
#define AWS "\n[aws]\nregion=eu-central-1\nendpoint=http://127.0.0.1:1\nack-wait-ms=0\n"

/* As keyline registry refresh has done at that time. */
static void
ask_elsewhere(UiRig *rig, gint64 asked_s)
{
    g_autofree char *database = g_build_filename(rig->station, "keyline.db", NULL);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO registration_in_cloud SELECT device, 'Bootstrapping_table_registration', %" G_GINT64_FORMAT
        ", 'ok', policy, firmware, parameters, 3, 12, 5, 6, 7, '{}' FROM registration",
        asked_s * G_USEC_PER_SEC);
    const char *const argv[] = {"sqlite3", "-bail", database, sql, NULL};
    int status = -1;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL);
    ui_check(rig, status == 0, "sqlite3 does not write");
}

/* How a unit is in the field: asked by itself, and told by what was known, with the time. */
static void
assert_field(UiRig *rig)
{
    g_autofree char *label = ui_rig_label(1);
    g_autoptr(GDateTime) now = g_date_time_new_now_local(), asked = g_date_time_add_days(now, -2);
    g_autofree char *says = g_date_time_format(asked, "activated, runs version 3 (in AWS, %Y-%m-%d %H:%M:%S)");
    ui_click(rig, ATSPI_ROLE_RADIO_BUTTON, "History");
    ui_wait_says(rig, NULL, "1 record");
    ui_enter(rig, "Find", label);
    ui_wait_says(rig, NULL, "not known: AWS has said nothing of it yet");
    ui_wait_says(rig, NULL, "The cloud can't be reached.");
    ask_elsewhere(rig, g_date_time_to_unix(asked));
    ui_enter(rig, "Find", "nosuchunit");
    ui_wait_says(rig, NULL, "No record fits.");
    ui_enter(rig, "Find", label);
    ui_wait_says(rig, NULL, says);
    ui_wait(rig, ATSPI_ROLE_PUSH_BUTTON, "Ask AWS");
}

static void
test_offline(void)
{
    g_auto(UiRig) rig = {0};
    ui_rig_make(&rig);
    ui_rig_start_sim(&rig, 1, NULL);
    ui_rig_make_station(&rig, TRUE);
    g_autofree char *path = g_build_filename(rig.station, "station.conf", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autofree char *with_aws = g_strconcat(text, AWS, NULL);
    g_assert_true(g_file_set_contents(path, with_aws, -1, NULL));
    ui_rig_open(&rig);
    ui_wait_says(&rig, "Slot 01", "ready");
    ui_wait(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Cloud ready");

    ui_scan(&rig, "OP:217");
    ui_wait(&rig, UI_ANY, "Operator 217");
    ui_click(&rig, ATSPI_ROLE_PUSH_BUTTON, "Provision slot 01");
    ui_wait_says(&rig, "Slot 01", "PASS");
    ui_check(&rig, ui_says(&rig, "Slot 01", "row queued · "), "the card does not say that the row is queued");
    ui_click(&rig, ATSPI_ROLE_TOGGLE_BUTTON, "Cloud offline · 2 queued");
    ui_wait_says(&rig, NULL, "The cloud can't be reached. Check the station's network cable, then retry.");
    ui_wait_says(&rig, NULL, "2 rows are kept here and will be sent.");
    ui_rig_wait_sql(&rig, "SELECT kind, state FROM outbox ORDER BY number", "registration|queued\nrecord|queued");
    ui_rig_wait_sql(&rig, "SELECT outcome, row_queued FROM jobs", "PASS|1");
    assert_field(&rig);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    g_setenv("AWS_ACCESS_KEY_ID", "nobody", TRUE);
    g_setenv("AWS_SECRET_ACCESS_KEY", "nothing", TRUE);
    g_setenv("AWS_CONFIG_FILE", "/dev/null/none", TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/none", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/cloud/offline", test_offline);
    return g_test_run();
}
