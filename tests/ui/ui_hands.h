/* The hands and eyes of a person at the window. Widgets are named as they are to assistive technology. */
#pragma once

#include <gdk/gdkkeysyms.h>

#include "tests/ui/ui_rig.h"

G_BEGIN_DECLS

/* Waits for a visible widget; the caller frees it. */
UiWidget *ui_wait(UiRig *rig, AtspiRole role, const char *name);

/* Waits until there is no such visible widget. */
void ui_wait_gone(UiRig *rig, AtspiRole role, const char *name);

/* Waits until the widget called `name` (NULL: the whole program), or one below it, says `words`. */
void ui_wait_says(UiRig *rig, const char *name, const char *words);

/* Whether it says them now. */
gboolean ui_says(UiRig *rig, const char *name, const char *words);

/* Waits until the widget has the state. */
void ui_wait_state(UiRig *rig, AtspiRole role, const char *name, AtspiStateType state);

/* Waits until the entry's text is `text`. */
void ui_wait_text(UiRig *rig, const char *name, const char *text);

/* Fails unless condition holds. */
void ui_check(UiRig *rig, gboolean condition, const char *complaint);

/* Waits until the widget can be clicked, and does what a click does. */
void ui_click(UiRig *rig, AtspiRole role, const char *name);

/* Gives the keyboard to a widget and waits until it has it. */
void ui_focus(UiRig *rig, AtspiRole role, const char *name);

/* Gives the keyboard to a widget and presses the space bar: for what has no click of its own. */
void ui_press(UiRig *rig, AtspiRole role, const char *name);

/* Chooses an entry (from 0) of a combo box. */
void ui_choose(UiRig *rig, const char *name, guint index);

/* Waits for the entry and puts text into it, in place of what is there. */
void ui_enter(UiRig *rig, const char *name, const char *text);

/* Types on the keyboard, into whatever has the focus. */
void ui_type(UiRig *rig, const char *text);

/* Presses and releases a key, GDK_KEY_Return. */
void ui_key(UiRig *rig, guint keyval);

/* What a scanner does: types a code and Enter, as fast as it can. The scan entry must have the focus by itself. */
void ui_scan(UiRig *rig, const char *text);

G_END_DECLS
