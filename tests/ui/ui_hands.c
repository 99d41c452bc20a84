#include "tests/ui/ui_hands.h"

#include <string.h>

typedef struct {
    AtspiRole role;
    const char *name;
    const char *words;
    AtspiStateType state;
} Wanted;

static UiWidget *
find(UiRig *rig, const Wanted *wanted)
{
    return ui_tree_find(rig->program, wanted->role, wanted->name);
}

static gboolean
is_there(UiRig *rig, gconstpointer data)
{
    g_autoptr(UiWidget) widget = find(rig, data);
    return widget != NULL;
}

static gboolean
is_gone(UiRig *rig, gconstpointer data)
{
    return !is_there(rig, data);
}

static gboolean
says(UiRig *rig, gconstpointer data)
{
    const Wanted *wanted = data;
    g_autoptr(UiWidget) widget = wanted->name != NULL ? find(rig, data) : NULL;
    const UiWidget *root = wanted->name != NULL ? widget : rig->program;
    g_autofree char *said = root != NULL ? ui_tree_words(root) : NULL;
    return said != NULL && strstr(said, wanted->words) != NULL;
}

static gboolean
has_state(UiRig *rig, gconstpointer data)
{
    const Wanted *wanted = data;
    g_autoptr(UiWidget) widget = find(rig, data);
    return widget != NULL && ui_widget_has_state(widget, wanted->state);
}

static gboolean
has_text(UiRig *rig, gconstpointer data)
{
    const Wanted *wanted = data;
    g_autoptr(UiWidget) widget = find(rig, data);
    g_autofree char *text = widget != NULL ? ui_widget_text(widget) : NULL;
    return g_strcmp0(text, wanted->words) == 0;
}

UiWidget *
ui_wait(UiRig *rig, AtspiRole role, const char *name)
{
    Wanted wanted = {.role = role, .name = name};
    UiWidget *widget = ui_rig_until(rig, is_there, &wanted) ? find(rig, &wanted) : NULL;
    if (widget == NULL)
        ui_rig_fail(rig, "there is no \"%s\"", name);
    return widget;
}

void
ui_wait_gone(UiRig *rig, AtspiRole role, const char *name)
{
    Wanted wanted = {.role = role, .name = name};
    if (!ui_rig_until(rig, is_gone, &wanted))
        ui_rig_fail(rig, "\"%s\" stays", name);
}

void
ui_wait_says(UiRig *rig, const char *name, const char *words)
{
    Wanted wanted = {.role = UI_ANY, .name = name, .words = words};
    if (!ui_rig_until(rig, says, &wanted))
        ui_rig_fail(rig, "\"%s\" does not say \"%s\"", name != NULL ? name : "the window", words);
}

gboolean
ui_says(UiRig *rig, const char *name, const char *words)
{
    Wanted wanted = {.role = UI_ANY, .name = name, .words = words};
    return says(rig, &wanted);
}

void
ui_wait_state(UiRig *rig, AtspiRole role, const char *name, AtspiStateType state)
{
    Wanted wanted = {.role = role, .name = name, .state = state};
    if (!ui_rig_until(rig, has_state, &wanted))
        ui_rig_fail(rig, "\"%s\" does not come into state %d", name, (int)state);
}

void
ui_wait_text(UiRig *rig, const char *name, const char *text)
{
    Wanted wanted = {.role = UI_ANY, .name = name, .words = text};
    if (!ui_rig_until(rig, has_text, &wanted))
        ui_rig_fail(rig, "the text of \"%s\" does not become \"%s\"", name, text);
}

void
ui_check(UiRig *rig, gboolean condition, const char *complaint)
{
    if (!condition)
        ui_rig_fail(rig, "%s", complaint);
}

void
ui_click(UiRig *rig, AtspiRole role, const char *name)
{
    ui_wait_state(rig, role, name, ATSPI_STATE_SENSITIVE);
    g_autoptr(UiWidget) widget = ui_wait(rig, role, name);
    if (!ui_widget_act(widget))
        ui_rig_fail(rig, "\"%s\" can't be clicked", name);
}

void
ui_focus(UiRig *rig, AtspiRole role, const char *name)
{
    g_autoptr(UiWidget) widget = ui_wait(rig, role, name);
    if (!ui_widget_grab_focus(widget))
        ui_rig_fail(rig, "\"%s\" does not take the keyboard", name);
    ui_wait_state(rig, role, name, ATSPI_STATE_FOCUSED);
}

void
ui_choose(UiRig *rig, const char *name, guint index)
{
    g_autoptr(UiWidget) widget = ui_wait(rig, ATSPI_ROLE_COMBO_BOX, name);
    if (!ui_widget_select(widget, index))
        ui_rig_fail(rig, "entry %u of \"%s\" can't be chosen", index, name);
}

static gboolean
entry_is_there(UiRig *rig, gconstpointer name)
{
    g_autoptr(UiWidget) entry = ui_tree_find_entry(rig->program, name);
    return entry != NULL && ui_widget_has_state(entry, ATSPI_STATE_SENSITIVE);
}

void
ui_enter(UiRig *rig, const char *name, const char *text)
{
    gboolean there = ui_rig_until(rig, entry_is_there, name);
    g_autoptr(UiWidget) entry = there ? ui_tree_find_entry(rig->program, name) : NULL;
    if (entry == NULL || !ui_widget_set_text(entry, text))
        ui_rig_fail(rig, "nothing can be entered in \"%s\"", name);
}

void
ui_key(UiRig *rig, guint keyval)
{
    if (!ui_keyboard_key(keyval))
        ui_rig_fail(rig, "key 0x%x can't be pressed", keyval);
}

void
ui_press(UiRig *rig, AtspiRole role, const char *name)
{
    ui_focus(rig, role, name);
    ui_key(rig, GDK_KEY_space);
}

void
ui_type(UiRig *rig, const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        ui_key(rig, (guchar)*c);
}

void
ui_scan(UiRig *rig, const char *text)
{
    ui_wait_state(rig, UI_ANY, "Scan", ATSPI_STATE_FOCUSED);
    ui_type(rig, text);
    ui_key(rig, GDK_KEY_Return);
}
