/* The registration table of first boot, in memory and on SQLite: test-activation-dynamodb.c has the same cases. */
#include "station/activation/table_memory.h"
#include "tests/activation_contract.h"

/* --- memory: one table, which is lost with its last user --- */

static void
put_unit(KlActivationTable *table, guint n)
{
    g_autofree char *device = g_strdup_printf("FX30-%06u", n);
    g_autoptr(KlRegistration) row = make_row(device);
    kl_activation_memory_put(table, row);
}

static KlActivationTable *
memory_open(Scene *scene)
{
    return scene->tables->len > 0 ? scene->tables->pdata[0] : kl_activation_memory_new();
}

static void
memory_make_units(Scene *scene, guint n)
{
    KlActivationTable *table = scene_open(scene);
    for (guint i = 1; i <= n; i++)
        put_unit(table, i);
}

static void
memory_set(Scene *scene, const char *field, const char *value)
{
    g_autoptr(KlRegistration) row = read_row(scene_open(scene), DEVICE, NULL, NULL);
    const struct {
        const char *field;
        char **text;
    } texts[] = {{"registered", &row->registered},
                 {"policy", &row->policy},
                 {"firmware", &row->firmware},
                 {"parameters", &row->parameters}};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!g_str_equal(texts[i].field, field))
            continue;
        g_free(*texts[i].text);
        *texts[i].text = g_strdup(value);
    }
    gint64 number = g_ascii_strtoll(value, NULL, 10);
    row->version = g_str_equal(field, "version") ? number : row->version;
    row->connections = g_str_equal(field, "connections") ? number : row->connections;
    kl_activation_memory_put(scene_open(scene), row);
}

static char *
memory_row(Scene *scene, const char *device)
{
    g_autoptr(KlRegistration) row = read_row(scene_open(scene), device, NULL, NULL);
    return row != NULL ? g_strdup_printf("%s|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT, row->registered, row->version,
                                         row->connections)
                       : g_strdup("");
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
memory_counts(Scene *scene, const char *device)
{
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
    for (int v = 0; v < KL_ACTIVATION_N_VERDICTS; v++) {
        const char *name = kl_activation_verdict_name((KlActivationVerdict)v);
        guint count = kl_activation_memory_count(scene_open(scene), device, name);
        if (count > 0)
            g_ptr_array_add(told, g_strdup_printf("%s %u", name, count));
    }
    g_ptr_array_sort(told, compare_names);
    g_ptr_array_add(told, NULL);
    return g_strjoinv(" ", (char **)told->pdata);
}

static const BackEnd in_memory = {
    .name = "memory",
    .make_units = memory_make_units,
    .open = memory_open,
    .set = memory_set,
    .row = memory_row,
    .counts = memory_counts,
    .rounds = KL_ACTIVATION_IDS_KEPT - 2,
};

/* A device that is put in again, or dropped, is forgotten with all that belongs to it. */
static void
test_put_and_drop(Scene *scene, gconstpointer data)
{
    for (guint again = 0; again < 2; again++) {
        memory_make_units(scene, 2);
        KlActivationTable *table = scene_open(scene);
        g_autoptr(KlRegistration) was = read_row(table, DEVICE, NULL, NULL);
        g_autoptr(KlRegistration) row = changed(table, "requested", 3);
        const KlActivationChange change = change_of(was, row, "a", "answered");
        g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
        claim(table, "a", "first", NOW, NULL, TRUE);
        assert_told(scene, row, DEVICE, "requested|0|3");
        assert_told(scene, counts, DEVICE, "answered 1");
        if (again == 1)
            kl_activation_memory_drop(table, DEVICE);
    }
    assert_told(scene, row, DEVICE, "");
    assert_told(scene, counts, DEVICE, "");
    assert_told(scene, row, "FX30-000002", "false|0|0");
    kl_activation_memory_drop(scene_open(scene), DEVICE);
}

static void
test_claims_side_by_side(Scene *scene, gconstpointer data)
{
    Scene other = *scene;
    other.back_end = &on_sqlite;
    memory_make_units(scene, 1);
    sqlite_make_units(&other, 1);
    claims_side_by_side(scene_open(scene), scene_open(&other));
}

static const SceneTest of_memory[] = {
    {"put-and-drop", test_put_and_drop},
    {"claims-side-by-side", test_claims_side_by_side},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_scenes(&in_memory, contract, G_N_ELEMENTS(contract));
    add_scenes(&in_memory, of_memory, G_N_ELEMENTS(of_memory));
    add_scenes(&on_sqlite, contract, G_N_ELEMENTS(contract));
    return g_test_run();
}
