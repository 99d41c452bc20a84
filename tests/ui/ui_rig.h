/* A station, its simulated line and its window, each a process of its own, for one test. Whatever waits gives up after
 * UI_WAIT_US: then a picture, the accessibility tree and the logs are left in the build folder and the test fails. */
#pragma once

#include <gio/gio.h>

#include "tests/ui/ui_tree.h"

G_BEGIN_DECLS

/* The longest that anything may take to happen. */
#define UI_WAIT_US (120 * G_TIME_SPAN_SECOND)

/* Of the simulated units. */
#define UI_SIM_SEED 1

#define UI_PASSPHRASE "correct horse battery staple"

typedef struct {
    char *dir; /* holds all of the below; gone after the test */
    char *station;
    char *passphrase_file;
    char *line; /* the slots, as keyline-sim wrote them; NULL: the station has none */
    char *log;  /* what the window's process wrote */
    GSubprocess *sim;
    GDataInputStream *sim_answers;
    GSubprocess *window;
    UiWidget *program; /* the window's process in the tree */
} UiRig;

/* --- putting it together: a test takes what it needs --- */

/* An empty folder, and a file with the passphrase. */
void ui_rig_make(UiRig *rig);

/* Starts so many fast units. options: further words for keyline-sim, NULL-terminated, or NULL. Returns when their ports
 * are there. */
void ui_rig_start_sim(UiRig *rig, guint units, const char *const *options);

/* Sets up the station for the line, with a CA. unlocks: by itself, by a passphrase file. */
void ui_rig_make_station(UiRig *rig, gboolean unlocks);

/* Changes a value of the station's product. */
void ui_rig_set_product(UiRig *rig, const char *group, const char *key, const char *value);

/* Opens keyline-station and waits until its process is in the tree with a window. */
void ui_rig_open(UiRig *rig);

/* All of these, and waits until every unit is seen. */
void ui_rig_start(UiRig *rig, guint units, const char *const *options);

/* Ends and removes everything. The test fails when the window's program had something to complain about. */
void ui_rig_clear(UiRig *rig);

/* --- the world outside of the window --- */

/* The FSN on the label of the unit that a slot (from 1) had when the line started. */
char *ui_rig_label(guint slot);

/* Sends a line to the simulator ("unplug 3", "plug 3 wrong-proof*1"). Returns the FSN of the unit that was plugged in,
 * else NULL; the caller frees it. */
char *ui_rig_sim(UiRig *rig, const char *command);

/* What sqlite3 says to a query on the station's database: columns separated by |, no last line end. The caller frees
 * it. */
char *ui_rig_sql(UiRig *rig, const char *query);

/* Waits until the query's answer is `expected`. */
void ui_rig_wait_sql(UiRig *rig, const char *query, const char *expected);

/* Waits for the end of the window's process, which must be a clean one. */
void ui_rig_wait_end(UiRig *rig);

/* --- waiting and failing --- */

typedef gboolean (*UiSeen)(UiRig *rig, gconstpointer data);

/* Looks again and again until it is seen. FALSE when the time is up or the window's process has ended. */
gboolean ui_rig_until(UiRig *rig, UiSeen seen, gconstpointer data);

/* Leaves picture, tree and logs in the build folder, clears the rig and ends the test program. */
G_NORETURN void ui_rig_fail(UiRig *rig, const char *format, ...) G_GNUC_PRINTF(2, 3);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UiRig, ui_rig_clear)

G_END_DECLS
