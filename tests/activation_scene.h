/* What a test of a registration table of first boot (station/activation/table.h) stands on, wherever that table is. */
#pragma once

#include "tests/activation_rig.h"

#define NOW 1700000000000000
#define NOTE "{}"

typedef struct Scene Scene;

/* Where a table is, and how a test looks into it past the table's own calls. */
typedef struct {
    const char *name;
    void (*make_units)(Scene *scene, guint n);
    KlActivationTable *(*open)(Scene *scene);                        /* the scene frees it, once */
    void (*set)(Scene *scene, const char *field, const char *value); /* of DEVICE, by somebody else */
    char *(*row)(Scene *scene, const char *device);                  /* "requested|0|3" */
    char *(*counts)(Scene *scene, const char *device); /* "answered 1 counted 2"; "" of all who have no row */
    char *(*seen)(Scene *scene, const char *device);   /* "FIRST|LAST"; "" for never; NULL: it does not keep that */
    guint rounds;  /* of a race: fewer than ids are kept, as one racer may be that far ahead */
    gboolean busy; /* others' changes may be too many for one call */
} BackEnd;

struct Scene {
    Folder folder;
    char *name; /* no other scene of this process has it */
    const BackEnd *back_end;
    GPtrArray *tables;
};

static inline void
scene_set_up(Scene *scene, gconstpointer data)
{
    static guint scenes;
    folder_set_up(&scene->folder, NULL);
    scene->name = g_strdup_printf("table-%u", ++scenes);
    scene->back_end = data;
    scene->tables = g_ptr_array_new_with_free_func((GDestroyNotify)kl_activation_table_free);
}

static inline void
scene_tear_down(Scene *scene, gconstpointer data)
{
    g_ptr_array_unref(scene->tables);
    folder_tear_down(&scene->folder, NULL);
    g_free(scene->name);
}

/* One more service's own table. */
static inline KlActivationTable *
scene_open(Scene *scene)
{
    KlActivationTable *table = scene->back_end->open(scene);
    if (!g_ptr_array_find(scene->tables, table, NULL))
        g_ptr_array_add(scene->tables, table);
    return table;
}

#define assert_told(scene, what, device, expected)                                                                     \
    do {                                                                                                               \
        g_autofree char *told =                                                                                        \
            (scene)->back_end->what != NULL ? (scene)->back_end->what(scene, device) : g_strdup(expected);             \
        g_assert_cmpstr(told, ==, expected);                                                                           \
    } while (0)

/* --- the table's calls --- */

static inline KlRegistration *
read_row(KlActivationTable *table, const char *device, const char *id, gboolean *again)
{
    g_autoptr(GError) error = NULL;
    KlActivationView view = {0};
    g_assert_true(CALL(table, read, device, id, &view, NULL, &error));
    g_assert_no_error(error);
    if (again != NULL)
        *again = view.again;
    return view.row;
}

static inline KlActivationKept
keep(KlActivationTable *table, const KlActivationChange *change)
{
    g_autoptr(GError) error = NULL;
    KlActivationKept kept = CALL(table, keep, change, NULL, &error);
    g_assert_no_error(error);
    return kept;
}

static inline KlRegistration *
changed(KlActivationTable *table, const char *registered, gint64 connections)
{
    KlRegistration *row = read_row(table, DEVICE, NULL, NULL);
    g_free(row->registered);
    row->registered = g_strdup(registered);
    row->connections = connections;
    return row;
}

static inline KlActivationChange
change_of(const KlRegistration *was, const KlRegistration *row, const char *id, const char *verdict)
{
    return (KlActivationChange){.device = DEVICE,
                                .was = was,
                                .row = row,
                                .id = id,
                                .heard = TRUE,
                                .verdict = verdict,
                                .note = NOTE,
                                .now_us = NOW};
}
