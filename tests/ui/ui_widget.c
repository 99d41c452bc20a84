/* One widget: what it is, what it says, what can be done to it. */
#include "tests/ui/ui_bus.h"
#include "tests/ui/ui_tree.h"

void
ui_widget_free(UiWidget *widget)
{
    g_free(widget->bus);
    g_free(widget->path);
    g_free(widget);
}

static GVariant *
call(const UiWidget *widget, const char *interface, const char *method, GVariant *arguments, const char *reply)
{
    return ui_bus_call(widget->bus, widget->path, interface, method, arguments, reply);
}

/* GTK complains loudly when a widget is asked for what it is not. */
static gboolean
has_interface(const UiWidget *widget, const char *interface)
{
    g_autoptr(GVariant) reply = call(widget, "Accessible", "GetInterfaces", NULL, "(as)");
    g_autofree char *full = g_strconcat("org.a11y.atspi.", interface, NULL);
    g_autofree const char **names = NULL;
    if (reply != NULL)
        g_variant_get(reply, "(^a&s)", &names);
    return names != NULL && g_strv_contains(names, full);
}

/* Calls a method that answers whether it worked. */
static gboolean
command(const UiWidget *widget, const char *interface, const char *method, GVariant *arguments)
{
    g_autoptr(GVariant) floating = g_variant_ref_sink(arguments);
    if (!has_interface(widget, interface))
        return FALSE;
    g_autoptr(GVariant) reply = call(widget, interface, method, floating, "(b)");
    gboolean worked = FALSE;
    if (reply != NULL)
        g_variant_get(reply, "(b)", &worked);
    return worked;
}

char *
ui_widget_text(const UiWidget *widget)
{
    g_autoptr(GVariant) reply =
        has_interface(widget, "Text") ? call(widget, "Text", "GetText", g_variant_new("(ii)", 0, -1), "(s)") : NULL;
    const char *text = "";
    if (reply != NULL)
        g_variant_get(reply, "(&s)", &text);
    return g_strdup(text);
}

gboolean
ui_widget_has_state(const UiWidget *widget, AtspiStateType state)
{
    g_autoptr(GVariant) reply = call(widget, "Accessible", "GetState", NULL, "(au)");
    if (reply == NULL)
        return FALSE;
    gsize count = 0;
    g_autoptr(GVariant) words = g_variant_get_child_value(reply, 0);
    const guint32 *bits = g_variant_get_fixed_array(words, &count, sizeof(guint32));
    return (gsize)state / 32 < count && (bits[state / 32] >> (state % 32) & 1) != 0;
}

gboolean
ui_widget_act(const UiWidget *widget)
{
    return command(widget, "Action", "DoAction", g_variant_new("(i)", 0));
}

gboolean
ui_widget_grab_focus(const UiWidget *widget)
{
    return command(widget, "Component", "GrabFocus", g_variant_new("()"));
}

gboolean
ui_widget_select(const UiWidget *widget, guint index)
{
    return command(widget, "Selection", "SelectChild", g_variant_new("(i)", (gint32)index));
}

gboolean
ui_widget_set_text(const UiWidget *widget, const char *text)
{
    return command(widget, "EditableText", "SetTextContents", g_variant_new("(s)", text));
}

gboolean
ui_keyboard_key(guint keyval)
{
    g_autoptr(GVariant) reply =
        ui_bus_call(UI_REGISTRY, "/org/a11y/atspi/registry/deviceeventcontroller", "DeviceEventController",
                    "GenerateKeyboardEvent", g_variant_new("(isu)", (gint32)keyval, "", ATSPI_KEY_SYM), "()");
    return reply != NULL;
}
