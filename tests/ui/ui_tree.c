#include "tests/ui/ui_tree.h"

#include "tests/ui/ui_bus.h"

/* A table of many rows shows as many cells; no test needs to see them all. */
#define MAX_CHILDREN 400
#define MAX_DEPTH 40

/* What to do with a widget; TRUE: seen enough. */
typedef gboolean (*Visit)(const UiWidget *widget, guint depth, gpointer data);

static GPtrArray *
children_of(const char *bus, const char *path)
{
    GPtrArray *children = g_ptr_array_new_with_free_func((GDestroyNotify)ui_widget_free);
    g_autoptr(GVariant) reply = ui_bus_call(bus, path, "Accessible", "GetChildren", NULL, "(a(so))");
    if (reply == NULL)
        return children;
    g_autoptr(GVariantIter) list = NULL;
    UiWidget child;
    g_variant_get(reply, "(a(so))", &list);
    while (children->len < MAX_CHILDREN && g_variant_iter_next(list, "(so)", &child.bus, &child.path))
        g_ptr_array_add(children, g_memdup2(&child, sizeof child));
    return children;
}

UiWidget *
ui_tree_program(guint pid)
{
    g_autoptr(GPtrArray) programs = children_of(UI_REGISTRY, UI_ROOT);
    for (guint i = 0; i < programs->len; i++) {
        const UiWidget *program = g_ptr_array_index(programs, i);
        if (ui_bus_pid(program->bus) == pid)
            return g_ptr_array_steal_index(programs, i);
    }
    return NULL;
}

static gboolean
walk(const UiWidget *widget, guint depth, Visit visit, gpointer data)
{
    if (visit(widget, depth, data))
        return TRUE;
    if (depth == MAX_DEPTH)
        return FALSE;
    g_autoptr(GPtrArray) children = children_of(widget->bus, widget->path);
    for (guint i = 0; i < children->len; i++) {
        const UiWidget *child = g_ptr_array_index(children, i);
        if (ui_widget_has_state(child, ATSPI_STATE_VISIBLE) && walk(child, depth + 1, visit, data))
            return TRUE;
    }
    return FALSE;
}

static char *
name_of(const UiWidget *widget)
{
    return ui_bus_property(widget->bus, widget->path, "Name");
}

static char *
description_of(const UiWidget *widget)
{
    return ui_bus_property(widget->bus, widget->path, "Description");
}

/* --- finding --- */

typedef struct {
    AtspiRole role;
    const char *name;
    UiWidget *found;
} Search;

static AtspiRole
role_of(const UiWidget *widget)
{
    guint32 role = ATSPI_ROLE_INVALID;
    g_autoptr(GVariant) reply = ui_bus_call(widget->bus, widget->path, "Accessible", "GetRole", NULL, "(u)");
    if (reply != NULL)
        g_variant_get(reply, "(u)", &role);
    return (AtspiRole)role;
}

/* A row without a name of its own is read out by what it holds. */
static gboolean
has_name(const UiWidget *widget, AtspiRole role, const char *name)
{
    g_autofree char *its_name = name != NULL ? name_of(widget) : NULL;
    if (name != NULL && *its_name == '\0' && role == ATSPI_ROLE_LIST_ITEM) {
        g_free(its_name);
        its_name = g_strchomp(ui_tree_words(widget));
    }
    return g_strcmp0(its_name, name) == 0;
}

static void
take(Search *search, const UiWidget *widget)
{
    search->found = g_new(UiWidget, 1);
    *search->found = (UiWidget){g_strdup(widget->bus), g_strdup(widget->path)};
}

static gboolean
visit_search(const UiWidget *widget, guint depth, gpointer data)
{
    Search *search = data;
    if (depth == 0 || (search->role != UI_ANY && role_of(widget) != search->role) ||
        !has_name(widget, search->role, search->name))
        return FALSE;
    take(search, widget);
    return TRUE;
}

UiWidget *
ui_tree_find(const UiWidget *root, AtspiRole role, const char *name)
{
    Search search = {.role = role, .name = name};
    walk(root, 0, visit_search, &search);
    return search.found;
}

static gboolean
visit_entry(const UiWidget *widget, guint depth, gpointer data)
{
    Search *search = data;
    AtspiRole role = role_of(widget);
    if ((role != ATSPI_ROLE_TEXT && role != ATSPI_ROLE_PASSWORD_TEXT && role != ATSPI_ROLE_SPIN_BUTTON) ||
        !has_name(widget, role, search->name) || !ui_widget_has_state(widget, ATSPI_STATE_SHOWING))
        return FALSE;
    take(search, widget);
    return TRUE;
}

UiWidget *
ui_tree_find_entry(const UiWidget *root, const char *name)
{
    Search search = {.name = name};
    walk(root, 0, visit_entry, &search);
    return search.found;
}

typedef struct {
    const char *start;
    guint count;
} Count;

static gboolean
visit_count(const UiWidget *widget, guint depth, gpointer data)
{
    Count *count = data;
    g_autofree char *description = description_of(widget);
    if (g_str_has_prefix(description, count->start))
        count->count++;
    return FALSE;
}

guint
ui_tree_count_described(const UiWidget *root, const char *start)
{
    Count count = {.start = start};
    walk(root, 0, visit_count, &count);
    return count.count;
}

/* --- reading --- */

static void
add_line(GString *words, const char *line)
{
    if (*line != '\0')
        g_string_append_printf(words, "%s\n", line);
}

static gboolean
visit_words(const UiWidget *widget, guint depth, gpointer data)
{
    g_autofree char *name = name_of(widget);
    g_autofree char *description = description_of(widget);
    g_autofree char *text = ui_widget_text(widget);
    add_line(data, name);
    add_line(data, description);
    if (!g_str_equal(text, name))
        add_line(data, text);
    return FALSE;
}

char *
ui_tree_words(const UiWidget *root)
{
    GString *words = g_string_new(NULL);
    walk(root, 0, visit_words, words);
    return g_string_free(words, FALSE);
}

static gboolean
visit_dump(const UiWidget *widget, guint depth, gpointer data)
{
    g_autoptr(GVariant) role = ui_bus_call(widget->bus, widget->path, "Accessible", "GetRoleName", NULL, "(s)");
    g_autofree char *name = name_of(widget);
    g_autofree char *description = description_of(widget);
    g_autofree char *text = ui_widget_text(widget);
    const char *role_name = "(gone)";
    if (role != NULL)
        g_variant_get(role, "(&s)", &role_name);
    g_string_append_printf(data, "%*s%s \"%s\"", (int)depth * 2, "", role_name, name);
    if (*text != '\0' && !g_str_equal(text, name))
        g_string_append_printf(data, " text \"%s\"", text);
    if (*description != '\0')
        g_string_append_printf(data, " described \"%s\"", description);
    if (!ui_widget_has_state(widget, ATSPI_STATE_SENSITIVE))
        g_string_append(data, " insensitive");
    if (ui_widget_has_state(widget, ATSPI_STATE_FOCUSED))
        g_string_append(data, " focused");
    if (!ui_widget_has_state(widget, ATSPI_STATE_SHOWING))
        g_string_append(data, " offscreen");
    g_string_append_c(data, '\n');
    return FALSE;
}

char *
ui_tree_dump(const UiWidget *root)
{
    GString *dump = g_string_new(NULL);
    walk(root, 0, visit_dump, dump);
    return g_string_free(dump, FALSE);
}
