/* Slots known by their hub ports, on the rigged USB bus: test-ui-hub RUN-UI. It moves into the rig first, and from
 * there through run-ui to a display and a bus of its own. */
#include <locale.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim.h"
#include "drivers/at_wp77/sim/sim_hub.h"
#include "tests/ui/ui_hands.h"

#define STAGE "KEYLINE_UI_ON_DISPLAY"
#define PLACES 4

static const KlSimHub shape = {2, 2};

typedef struct {
    UiRig ui;
    KlSimBus *bus;
    KlSim *sim; /* or NULL: nothing is plugged in */
} HubRig;

static void
hub_rig_clear(HubRig *rig)
{
    ui_rig_clear(&rig->ui);
    g_clear_pointer(&rig->sim, kl_sim_stop);
    g_clear_pointer(&rig->bus, kl_sim_bus_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HubRig, hub_rig_clear)

static void
add_hub(HubRig *rig)
{
    g_autoptr(GError) error = NULL;
    rig->bus = kl_sim_bus_new(&error);
    g_assert_no_error(error);
    kl_sim_hub_add(&shape, rig->bus, KL_SIM_HUB_PER_PORT, TRUE, &error);
    g_assert_no_error(error);
    ui_rig_make(&rig->ui);
}

static void
add_units(HubRig *rig, const char *const *faults)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) places = kl_sim_hub_places(&shape);
    g_autofree char *dir = g_build_filename(rig->ui.dir, "units", NULL);
    const KlSimOptions options = {
        .units = PLACES,
        .dir = dir,
        .seed = UI_SIM_SEED,
        .faults = faults,
        .bus = rig->bus,
        .places = (const char *const *)places,
    };
    rig->sim = kl_sim_start(&options, &error);
    g_assert_no_error(error);
    kl_sim_hub_write_line(&shape, rig->ui.line, &error);
    g_assert_no_error(error);
}

static gboolean
all_ready(UiRig *rig, gconstpointer data)
{
    return ui_tree_count_described(rig->program, "ready") == PLACES;
}

/* Four units on the hub's places, and an operator. */
static void
start(HubRig *rig, const char *const *faults)
{
    add_hub(rig);
    add_units(rig, faults);
    ui_rig_make_station(&rig->ui, TRUE);
    ui_rig_set_product(&rig->ui, "product", "restart-seconds", "2");
    ui_rig_open(&rig->ui);
    if (!ui_rig_until(&rig->ui, all_ready, NULL))
        ui_rig_fail(&rig->ui, "four units are on the hub, but not as many are ready");
    ui_wait_says(&rig->ui, NULL, "CA ready");
    ui_scan(&rig->ui, "OP:217");
    ui_wait(&rig->ui, UI_ANY, "Operator 217");
}

static void
arm(HubRig *rig, const char *units)
{
    ui_click(&rig->ui, ATSPI_ROLE_TOGGLE_BUTTON, "Arm…");
    ui_enter(&rig->ui, "Units", units);
    ui_click(&rig->ui, ATSPI_ROLE_PUSH_BUTTON, "Arm the line");
}

/* The four units and one that comes in place of another. */
static void
test_armed(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(HubRig) rig = {0};
    start(&rig, NULL);
    arm(&rig, "5");
    ui_wait_says(&rig.ui, NULL, "Armed: 4 of 5 done, 1 left, 0 at work");
    g_autofree char *first = g_strdup(kl_sim_fsn(rig.sim, 3));
    ui_check(&rig.ui, ui_says(&rig.ui, "Slot A03", first), "the unit does not show in its place");
    g_assert_true(kl_sim_replace(rig.sim, 3, 9, NULL, &error));
    g_autofree char *second = g_strdup(kl_sim_fsn(rig.sim, 3));
    ui_wait_says(&rig.ui, NULL, "Batch ended: 5 units, 5 passed");
    ui_check(&rig.ui, ui_says(&rig.ui, "Slot A03", second), "the second unit does not show in its place");
    g_autofree char *expected = g_strdup_printf("%s\n%s", first, second);
    ui_rig_wait_sql(&rig.ui, "SELECT fsn FROM jobs WHERE slot = 'A03' AND outcome = 'PASS' ORDER BY number", expected);
}

/* A verdict goes with its unit; that of a unit which was gone before its end stays until something is plugged in. */
static void
test_verdicts(void)
{
    const char *const faults[] = {"2:no-answer@install", NULL};
    g_autoptr(GError) error = NULL;
    g_auto(HubRig) rig = {0};
    start(&rig, faults);
    ui_scan(&rig.ui, "SLOT:A01");
    ui_scan(&rig.ui, kl_sim_fsn(rig.sim, 1));
    ui_wait_says(&rig.ui, "Slot A01", "PASS");
    kl_sim_unplug(rig.sim, 1);
    ui_wait_says(&rig.ui, "Slot A01", "empty");

    ui_scan(&rig.ui, "SLOT:A02");
    ui_scan(&rig.ui, kl_sim_fsn(rig.sim, 2));
    ui_wait_says(&rig.ui, "Slot A02", "Installing");
    kl_sim_unplug(rig.sim, 2);
    ui_wait_says(&rig.ui, "Slot A02", "Unplugged: waiting for it to come back");
    ui_wait_says(&rig.ui, "Slot A02", "TRY AGAIN");
    ui_check(&rig.ui, ui_says(&rig.ui, "Slot A02", "The unit was unplugged before it was done."), "there is no reason");
    g_assert_true(kl_sim_replace(rig.sim, 2, 9, NULL, &error));
    ui_wait_says(&rig.ui, "Slot A02", "ready");
    ui_rig_wait_sql(&rig.ui, "SELECT outcome, code FROM jobs WHERE slot = 'A02'", "ABORTED|UNIT_REMOVED");
}

static void
test_chip(void)
{
    g_auto(HubRig) rig = {0};
    start(&rig, NULL);
    ui_wait(&rig.ui, ATSPI_ROLE_TOGGLE_BUTTON, "Hub ready");
    kl_sim_bus_unplug(rig.bus, KL_SIM_HUB_PATH);
    ui_click(&rig.ui, ATSPI_ROLE_TOGGLE_BUTTON, "Hub A is not there");
    ui_wait_says(&rig.ui, NULL, "nothing like it at port 1-1. Check its cable and its power.");
    ui_wait_says(&rig.ui, "Slot A04", "empty");
}

/* --- teaching --- */

static void
plug(HubRig *rig, const char *path)
{
    const KlSimBusDevice module = {.kind = KL_SIM_MODULE};
    g_autoptr(GError) error = NULL;
    kl_sim_bus_plug(rig->bus, path, &module, &error);
    g_assert_no_error(error);
}

/* A unit goes from place to place; one is broken, one was wrong and is taught again. */
static void
test_teach(void)
{
    g_auto(HubRig) rig = {0};
    add_hub(&rig);
    g_clear_pointer(&rig.ui.line, g_free);
    ui_rig_make_station(&rig.ui, TRUE);
    ui_rig_open(&rig.ui);
    ui_click(&rig.ui, ATSPI_ROLE_RADIO_BUTTON, "Setup");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Teach a hub…");
    ui_enter(&rig.ui, "Hub", "Left");
    ui_enter(&rig.ui, "Rows", "2");
    ui_enter(&rig.ui, "Columns", "2");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Begin");
    ui_wait_says(&rig.ui, NULL, "Plug a unit into row 1, column 1.");

    plug(&rig, "1-1.2.2");
    ui_wait_says(&rig.ui, NULL, "Row 1, column 1 is port 1-1.2.2.");
    kl_sim_bus_unplug(rig.bus, "1-1.2.2");
    plug(&rig, "1-1.1.1");
    ui_wait_says(&rig.ui, NULL, "Plug a unit into row 2, column 1.");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Back one place");
    ui_wait_says(&rig.ui, NULL, "Plug a unit into row 1, column 2.");
    kl_sim_bus_unplug(rig.bus, "1-1.1.1");
    plug(&rig, "1-1.1.2");
    ui_wait_says(&rig.ui, "Row 1, column 2", "1-1.1.2");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Skip this place");
    ui_wait_says(&rig.ui, "Row 2, column 1", "left out");
    kl_sim_bus_unplug(rig.bus, "1-1.1.2");
    plug(&rig, "1-1.2.1");
    ui_wait_says(&rig.ui, NULL, "All places are done: save the hub.");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Save");

    /* The window is another one now. */
    ui_wait(&rig.ui, ATSPI_ROLE_TOGGLE_BUTTON, "Hub ready");
    ui_wait_says(&rig.ui, "Slot Left01", "empty");
    ui_wait_says(&rig.ui, "Slot Left04", "ready");
    ui_wait_gone(&rig.ui, UI_ANY, "Slot Left03");
    ui_wait_says(&rig.ui, NULL, "CA ready");
    ui_rig_wait_sql(&rig.ui, "SELECT role, what FROM acts WHERE what = 'hub'", "engineer|hub");
}

/* The first run, with a hub of one place. */
static void
test_assistant(void)
{
    g_auto(HubRig) rig = {0};
    add_hub(&rig);
    ui_rig_open(&rig.ui);
    ui_enter(&rig.ui, "Station name", "Bench 7");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_enter(&rig.ui, "CA passphrase", UI_PASSPHRASE);
    ui_enter(&rig.ui, "The same again", UI_PASSPHRASE);
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_enter(&rig.ui, "Supervisor's PIN", "271828");
    ui_enter(&rig.ui, "The same again", "271828");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Apply");
    ui_enter(&rig.ui, "Rows", "1");
    ui_enter(&rig.ui, "Columns", "1");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Begin");
    ui_wait_says(&rig.ui, NULL, "Plug a unit into row 1, column 1.");
    plug(&rig, "1-1.2.1");
    ui_wait_says(&rig.ui, "Row 1, column 1", "1-1.2.1");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Next");
    ui_wait_says(&rig.ui, NULL, "The station is set up.");
    ui_click(&rig.ui, ATSPI_ROLE_PUSH_BUTTON, "Close");
    ui_wait_says(&rig.ui, "Slot A01", "ready");
    ui_rig_wait_sql(&rig.ui, "SELECT what FROM acts ORDER BY number", "setup\npin\nca-create\nhub");
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    setlocale(LC_ALL, "");
    if (!kl_sim_bus_enter(argv, &error))
        g_error("%s", error->message);
    if (g_getenv(STAGE) == NULL) {
        g_autofree char *self = g_canonicalize_filename(argv[0], NULL);
        g_setenv(STAGE, "1", TRUE);
        g_assert_cmpint(argc, >, 1);
        execl(argv[1], argv[1], self, NULL);
        g_error("%s does not run", argv[1]);
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/hub/armed", test_armed);
    g_test_add_func("/ui/hub/verdicts", test_verdicts);
    g_test_add_func("/ui/hub/chip", test_chip);
    g_test_add_func("/ui/hub/teach", test_teach);
    g_test_add_func("/ui/hub/assistant", test_assistant);
    return g_test_run();
}
