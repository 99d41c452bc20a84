/* The window as assistive technology sees it (AT-SPI): found by role and accessible name, read, and acted upon.
 *
 * Spoken directly over D-Bus: libatspi keeps a cache that answers with yesterday's news, and it can deadlock when an
 * event arrives during a call. Widgets come and go while the tree is read; one that does not answer counts as gone, and
 * the next look will tell. */
#pragma once

#include <atspi/atspi-constants.h>
#include <gio/gio.h>

G_BEGIN_DECLS

/* An address in the tree: no promise that the widget is still there. */
typedef struct {
    char *bus;
    char *path;
} UiWidget;

void ui_widget_free(UiWidget *widget);

/* Any role. */
#define UI_ANY ATSPI_ROLE_INVALID

/* The program with this process id, or NULL when it is not (yet) on the accessibility bus. */
UiWidget *ui_tree_program(guint pid);

/* The first visible widget below root with this role and accessible name (NULL: any), in the tree's order; or NULL. */
UiWidget *ui_tree_find(const UiWidget *root, AtspiRole role, const char *name);

/* The first entry on the screen with this accessible name. Other than with ui_tree_find, labels, which have the name of
 * their entry, and pages that are not turned to do not count. */
UiWidget *ui_tree_find_entry(const UiWidget *root, const char *name);

/* How many visible widgets there are whose description begins so: cards tell their state in it. */
guint ui_tree_count_described(const UiWidget *root, const char *start);

/* All that the widget and the visible ones below it say: names, descriptions and texts, one a line. */
char *ui_tree_words(const UiWidget *root);

/* The whole tree, for a person who asks why a test failed. */
char *ui_tree_dump(const UiWidget *root);

/* The text in a text widget; "" for others. */
char *ui_widget_text(const UiWidget *widget);
gboolean ui_widget_has_state(const UiWidget *widget, AtspiStateType state);

/* FALSE when the widget can't. */
gboolean ui_widget_act(const UiWidget *widget); /* its first action: a click */
gboolean ui_widget_grab_focus(const UiWidget *widget);
gboolean ui_widget_select(const UiWidget *widget, guint index); /* of a combo box: its entries, from 0 */
gboolean ui_widget_set_text(const UiWidget *widget, const char *text);

/* Presses and releases a key, with what it takes of shift. It is in the X server's queue when this returns. */
gboolean ui_keyboard_key(guint keyval);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UiWidget, ui_widget_free)

G_END_DECLS
