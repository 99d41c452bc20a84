/* What is SQLite's own of its registration table of first boot; what every table has to do is in
 * test-activation-contract.c. */
#include "tests/activation_contract.h"

/* What stands in the file, for whoever looks into it. */
static void
test_sqlite_rows(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, "a", NULL);
    g_autoptr(KlRegistration) row = changed(table, "requested", 3);
    KlActivationChange change = change_of(was, row, "a", "answered");
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    change = change_of(row, NULL, "a", "repeated");
    change.again = TRUE;
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    assert_row(folder->path, "requested|0|3");
    assert_sql(folder->path, "SELECT * FROM activation_seen", DEVICE "|1700000000000000|1700000000000000|");
    assert_sql(folder->path, "SELECT device, id FROM activation_messages", DEVICE "|a");
}

/* A device's name is nothing but a value; of one that has no row, only the count is kept. */
static void
test_sqlite_nobody(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    KlActivationChange change = change_of(NULL, NULL, "a", "unknown-device");
    change.device = "'; DROP TABLE registration; --";
    g_assert_null(read_row(table, change.device, "a", NULL));
    g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    assert_counts(folder->path, "", "unknown-device 1");
    assert_row(folder->path, "false|0|0");
    assert_sql(folder->path, "SELECT count(*) FROM activation_messages, activation_seen", "0");
}

/* However many messages a device sends: its last ones are stored, no more, and another's are left. */
static void
test_sqlite_ids_kept(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 2);
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(KlRegistration) was = read_row(table, DEVICE, NULL, NULL);
    g_autoptr(KlRegistration) other = read_row(table, "FX30-000002", NULL, NULL);
    KlActivationChange by_other = change_of(other, NULL, "0", "x");
    by_other.device = other->device;
    g_assert_cmpint(keep(table, &by_other), ==, KL_ACTIVATION_KEPT);
    for (guint i = 0; i < 3 * KL_ACTIVATION_IDS_KEPT; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        const KlActivationChange change = change_of(was, NULL, id, "x");
        g_assert_cmpint(keep(table, &change), ==, KL_ACTIVATION_KEPT);
    }
    assert_sql(folder->path, "SELECT device, count(*), min(CAST(id AS INTEGER)) FROM activation_messages GROUP BY 1",
               DEVICE "|32|64\nFX30-000002|1|0");
}

static void
test_open(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_activation_sqlite_open(folder->path, NULL, NULL, &error));
    assert_code(error, STATION_MISSING);
    g_assert_false(g_file_test(folder->path, G_FILE_TEST_EXISTS));
}

/* Whoever would replace an activated device's request comes too late, and is told so. */
static void
test_replaced_late(Folder *folder, gconstpointer data)
{
    pass_units(folder->path, 1);
    g_free(sqlite(folder->path, "UPDATE registration SET registered = 'requested';"
                                " INSERT INTO activation_credentials VALUES ('" DEVICE "', x'00', 'a', 5, 5, NULL);"
                                " UPDATE registration SET registered = 'ok'"));
    g_autoptr(KlActivationTable) table = open_table(folder->path);
    g_autoptr(GBytes) csr = g_bytes_new_static("late", 4);
    g_auto(KlActivationCredential) credential = {0};
    g_assert_true(claim_device(table, "b", csr, TRUE, g_get_real_time(), &credential));
    g_assert_false(credential.mine);
    g_assert_null(credential.pem);
    assert_sql(folder->path, "SELECT claimant, hex(csr) FROM activation_credentials", "a|00");
}

/* What the schema refuses whoever writes it. */
static void
test_schema(Folder *folder, gconstpointer data)
{
    static const struct {
        const char *sql;
        gboolean taken;
    } table[] = {
        {"UPDATE registration SET registered = 'requested'", TRUE},
        {"UPDATE registration SET registered = 'ok'", FALSE},
        {"UPDATE registration SET registered = 'requested'; UPDATE registration SET registered = 'ok'", TRUE},
        {"UPDATE registration SET registered = 'requested'; UPDATE registration SET registered = 'ok';"
         " UPDATE registration SET registered = 'requested'",
         FALSE},
        {"UPDATE registration SET connections = 3; UPDATE registration SET connections = 2, registered = 'requested'",
         FALSE},
        {"UPDATE registration SET connections = 3, registered = 'requested';"
         " UPDATE registration SET connections = 0, registered = 'false'",
         TRUE},
        {"UPDATE registration SET device = 'X'", FALSE},
        {"INSERT INTO activation_seen VALUES ('" DEVICE "', 5, 5, NULL)", TRUE},
        {"INSERT INTO activation_seen VALUES ('" DEVICE "', 5, 4, NULL)", FALSE},
        {"INSERT INTO activation_seen VALUES ('nobody', 5, 5, NULL)", FALSE},
        {"INSERT INTO activation_messages VALUES (1, '" DEVICE "', 'a', 5)", TRUE},
        {"INSERT INTO activation_messages VALUES (1, '" DEVICE "', '', 5)", FALSE},
        {"INSERT INTO activation_messages VALUES (1, 'nobody', 'a', 5)", FALSE},
        {"INSERT INTO activation_counts VALUES ('', 'a', 1)", TRUE},
        {"INSERT INTO activation_counts VALUES ('', 'a', 0)", FALSE},
        {"INSERT INTO activation_counts VALUES ('', 'a', 2); UPDATE activation_counts SET total = 1", FALSE},
        {"INSERT INTO activation_credentials VALUES ('" DEVICE "', x'00', 'a', 5, 5, NULL);"
         " UPDATE activation_credentials SET csr = x'01'",
         FALSE},
        {"INSERT INTO activation_credentials VALUES ('" DEVICE "', x'00', 'a', 5, 5, 'pem');"
         " UPDATE activation_credentials SET pem = 'other'",
         FALSE},
    };
    pass_units(folder->path, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *sql = g_strdup_printf("BEGIN; %s; ROLLBACK", table[i].sql), *failure = NULL;
        g_free(sqlite_program(folder->path, sql, &failure));
        if ((failure == NULL) != table[i].taken)
            g_error("%s: %s", table[i].sql, failure);
    }
}

static const FolderTest tests[] = {
    {"/activation-table/rows", test_sqlite_rows},
    {"/activation-table/nobody", test_sqlite_nobody},
    {"/activation-table/ids-kept", test_sqlite_ids_kept},
    {"/activation-table/open", test_open},
    {"/activation-table/replaced-late", test_replaced_late},
    {"/activation-table/schema", test_schema},
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
