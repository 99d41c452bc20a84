/* Recalls: the units that share something with a suspect one. */
#include "db/recall.h"
#include "tests/traced_units.h"

static gboolean
collect(const KlRecallRow *row, gpointer data, GError **error)
{
    g_ptr_array_add(data, g_strdup(row->imei));
    return TRUE;
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The units' numbers, such as "1 2 3"; or the code of the failure. */
static char *
recall(const char *path, const KlRecallFilter *filter)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = reader(path);
    g_autoptr(GPtrArray) imeis = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!kl_recall(db, filter, NULL, collect, imeis, &error))
        return g_strdup(kl_error_name(kl_error_code(error)));
    g_ptr_array_sort(imeis, compare_texts);
    for (guint i = 0; i < imeis->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                               (char *)imeis->pdata[i] + strspn((char *)imeis->pdata[i] + 2, "0") + 2);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
test_recall(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    g_autofree char *of_2 = sqlite(folder->path, "SELECT sha256 FROM certificates WHERE imei LIKE '%2'");
    g_autofree char *serial_of_5 = sqlite(folder->path, "SELECT serial FROM certificates WHERE imei LIKE '%5'");
    g_autofree char *device_7 = sqlite(folder->path, "SELECT device_id FROM units WHERE imei LIKE '%7'");
    g_autofree char *middle = sqlite(folder->path, "SELECT started_us FROM jobs WHERE unit LIKE '%4'");
    gint64 middle_us = g_ascii_strtoll(middle, NULL, 10);
    const struct {
        KlRecallFilter filter;
        const char *found;
    } cases[] = {
        {{.like = of_2}, "1 2 3"},
        {{.like = serial_of_5}, "4 5"},
        {{.like = device_7}, "6 7"},
        {{.like = "FSN00000008"}, "RECORD_UNKNOWN"},
        {{.like = "nobody"}, "RECORD_UNKNOWN"},
        {{.like = BATCH_A}, "RECORD_UNKNOWN"},
        {{.certificate = of_2}, "2"},
        {{.certificate = serial_of_5}, "5"},
        {{.certificate = "00"}, "CERTIFICATE_UNKNOWN"},
        {{.batch = "bbbbbbbb"}, "4 5"},
        {{.batch = "bbbb"}, ""},
        {{.work_order = "WO-1"}, "1 2 3 4 5"},
        {{.operator_id = "bob"}, "4 5 6 7"},
        {{.operator_id = "bob", .work_order = "WO-1"}, "4 5"},
        {{.operator_id = "ann", .batch = BATCH_B}, ""},
        {{.ca = "test CA"}, "1 2 3 4 5 6 7 8"},
        {{.ca = "CN=test CA", .work_order = "WO-2"}, "6 7"},
        {{.ca = "test"}, "CERTIFICATE_UNKNOWN"},
        {{.firmware = "SWI9X06Y_02.*"}, "1 2 3 4 5 6 7 8"},
        {{.firmware = "SWI9X06Y_03.*"}, ""},
        {{.program = "0.1.0", .like = of_2}, "1 2 3"},
        {{.program = "9"}, ""},
        {{.from_us = middle_us}, "4 5 6 7 8"},
        {{.from_us = middle_us + 1}, "4 5 6 7 8"}, /* one was under way */
        {{.to_us = middle_us}, "1 2 3"},
        {{0}, "1 2 3 4 5 6 7 8"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *found = recall(folder->path, &cases[i].filter);
        g_test_message("case %" G_GSIZE_FORMAT, i);
        g_assert_cmpstr(found, ==, cases[i].found);
    }
}

/* A certificate's batch is that in which it was issued, wherever its unit was worked on later; a unit that failed
 * before it had one is in the list as well, and so is what was superseded. */
static void
test_recall_batch_of_issue(Folder *folder, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    {
        g_autoptr(KlStore) store = open_store(folder->path);
        g_auto(JobRun) run = {0}, failed = {0};
        g_free(pass(store, 1, BATCH_A, NULL, NULL, NULL));
        job_run_renew(&failed, store, 2);
        failed.record->batch = g_strdup(BATCH_A);
        g_assert_true(job_run_calls(&failed, 3, &error));
        settle(failed.record, KL_OUTCOME_FAIL, "NO_AGENT");
        g_assert_true(CALL(store, job_end, failed.record, &error));
        job_run_renew(&run, store, 3);
        run.record->batch = g_strdup(BATCH_A);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
        first = g_strdup(run.issued);
        run.reprovision = "again";
        job_run_renew(&run, store, 3);
        run.record->batch = g_strdup(BATCH_B);
        g_assert_true(job_run_calls(&run, N_JOB_CALLS, &error));
        g_assert_no_error(error);
    }
    g_autofree char *like_first = recall(folder->path, &(KlRecallFilter){.like = first});
    g_autofree char *like_unit = recall(folder->path, &(KlRecallFilter){.like = "FSN00000003"});
    g_assert_cmpstr(like_first, ==, "1 2 3 3");
    g_assert_cmpstr(like_unit, ==, "3 3");
}

/* --- random lines of filters, against a look at every row --- */

#define ROWS                                                                                                           \
    "SELECT u.imei, c.sha256, j.batch, j.work_order, j.operator, j.program, j.firmware, j.started_us, j.ended_us,"     \
    " c.serial, c.issuer FROM jobs j JOIN units u ON u.imei = j.unit LEFT JOIN certificates c ON c.imei = u.imei"

/* Thirty units that share what may be shared, some worked on twice, some with two certificates, some with none, one
 * broken off, one still at work. */
static void
make_random_units(const char *path)
{
    static const char *const batches[] = {BATCH_A, BATCH_B, NULL}, *const orders[] = {"WO-1", "WO-2", NULL},
                             *const people[] = {"ann", "bob", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(KlStore) store = open_store(path);
    for (guint i = 0; i < 45; i++) {
        g_auto(JobRun) run = {0};
        job_run_renew(&run, store, 1 + (guint)g_test_rand_int_range(0, 30));
        run.record->batch = g_strdup(batches[g_test_rand_int_range(0, 3)]);
        run.record->work_order = g_strdup(orders[g_test_rand_int_range(0, 3)]);
        run.record->operator_id = g_strdup(people[g_test_rand_int_range(0, 3)]);
        g_free(run.unit->firmware);
        run.unit->firmware = g_strdup(g_test_rand_bit() ? "F_1.0" : "F_1.1");
        run.reprovision = "again";
        guint calls = g_test_rand_int_range(0, 4) > 0 ? N_JOB_CALLS : 3;
        g_assert_true(job_run_calls(&run, calls, &error));
        g_assert_no_error(error);
        if (calls == N_JOB_CALLS || i == 44)
            continue;
        if (g_test_rand_bit())
            g_assert_true(CALL(store, interrupt_running, NULL, &error));
        settle(run.record, KL_OUTCOME_FAIL, "NO_AGENT");
        CALL(store, job_end, run.record, NULL);
    }
}

static gboolean
in_text(const char *value, const char *wanted)
{
    return wanted == NULL || (value != NULL && strcmp(value, wanted) == 0);
}

static const char *
field(char **fields, guint i)
{
    return fields[i][0] != '\0' ? fields[i] : NULL;
}

/* The units of the rows that fit, as recall() has them, each once. */
static char *
look_at_all(char **rows, const KlRecallFilter *f)
{
    g_autoptr(GTree) found = g_tree_new((GCompareFunc)(void (*)(void))strcmp);
    GString *text = g_string_new(NULL);
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    for (; *rows != NULL && **rows != '\0'; rows++) {
        char **c = g_strsplit(*rows, "|", -1);
        g_ptr_array_add(kept, c);
        gint64 started_us = g_ascii_strtoll(c[7], NULL, 10);
        gint64 ended_us = c[8][0] != '\0' ? g_ascii_strtoll(c[8], NULL, 10) : G_MAXINT64;
        gboolean worked = f->certificate == NULL || in_text(field(c, 1), f->certificate);
        if (worked && in_text(field(c, 2), f->batch) && in_text(field(c, 3), f->work_order) &&
            in_text(field(c, 4), f->operator_id) && in_text(field(c, 5), f->program) &&
            (f->firmware == NULL || g_pattern_match_simple(f->firmware, c[6])) &&
            (f->from_us == 0 || ended_us >= f->from_us) && (f->to_us == 0 || started_us < f->to_us) &&
            (f->ca == NULL || in_text(field(c, 10), "CN=test CA")))
            g_tree_insert(found, c[0], c[0]);
    }
    for (GTreeNode *node = g_tree_node_first(found); node != NULL; node = g_tree_node_next(node)) {
        const char *imei = g_tree_node_key(node);
        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", imei + strspn(imei + 2, "0") + 2);
    }
    return g_string_free(text, FALSE);
}

static char *
each_once(const char *units)
{
    g_auto(GStrv) list = g_strsplit(units, " ", -1);
    GString *text = g_string_new(NULL);
    for (guint i = 0; list[i] != NULL; i++) {
        if (i == 0 || strcmp(list[i], list[i - 1]) != 0)
            g_string_append_printf(text, "%s%s", i > 0 ? " " : "", list[i]);
    }
    return g_string_free(text, FALSE);
}

/* No unit is missed, and none is in the list that should not be. */
static void
test_recall_random(Folder *folder, gconstpointer data)
{
    make_random_units(folder->path);
    g_autofree char *all = sqlite(folder->path, ROWS);
    g_auto(GStrv) rows = g_strsplit(all, "\n", -1);
    guint n = g_strv_length(rows), matched = 0;
    for (guint i = 0; i < 400; i++) {
        g_auto(GStrv) one = g_strsplit(rows[g_test_rand_int_range(0, (int)n)], "|", -1);
        gboolean by_row = g_test_rand_int_range(0, 3) > 0;
        g_auto(GStrv) other = g_strsplit(rows[g_test_rand_int_range(0, (int)n)], "|", -1);
        char **from = by_row ? one : other;
#define MAYBE(value) (g_test_rand_int_range(0, 4) == 0 ? (value) : NULL)
        const KlRecallFilter filter = {
            .certificate = MAYBE(field(one, 1)),
            .batch = MAYBE(field(one, 2)),
            .work_order = MAYBE(field(from, 3)),
            .operator_id = MAYBE(field(one, 4)),
            .program = MAYBE(field(one, 5)),
            .firmware = MAYBE(g_test_rand_bit() ? "F_1.*" : "F_?.1"),
            .ca = MAYBE("test CA"),
            .from_us = g_test_rand_bit() ? g_ascii_strtoll(from[7], NULL, 10) + g_test_rand_int_range(-1, 2) : 0,
            .to_us = g_test_rand_bit() ? g_ascii_strtoll(one[7], NULL, 10) + g_test_rand_int_range(-1, 2) : 0,
        };
        gboolean of_jobs = filter.batch != NULL || filter.work_order != NULL || filter.operator_id != NULL ||
                           filter.program != NULL || filter.firmware != NULL || filter.from_us != 0 ||
                           filter.to_us != 0 || filter.certificate != NULL || filter.ca != NULL;
        if (!of_jobs)
            continue;
        g_autofree char *wanted = look_at_all(rows, &filter), *listed = recall(folder->path, &filter);
        g_autofree char *found = each_once(listed);
        g_assert_cmpstr(found, ==, wanted);
        matched += wanted[0] != '\0';
    }
    g_assert_cmpuint(matched, >, 50);
}

/* What means several jobs must not be taken for one of them. */
static void
test_recall_ambiguous(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    g_free(sqlite(folder->path,
                  "DROP TRIGGER certificates_are_for_good; UPDATE certificates SET serial = '17', issuer ="
                  " 'CN=CA ' || number WHERE imei LIKE '%2' OR imei LIKE '%4'"));
    g_autofree char *by_serial = recall(folder->path, &(KlRecallFilter){.like = "17"});
    g_assert_cmpstr(by_serial, ==, "RECORD_UNKNOWN");
    g_autofree char *both = recall(folder->path, &(KlRecallFilter){.certificate = "17"});
    g_assert_cmpstr(both, ==, "2 4");
}

/* A CA is found by the hash of its certificate in the chains. */
static char **
fake_hashes(const char *chain_pem)
{
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, chain_pem, -1);
    char **list = g_new0(char *, 2);
    list[0] = hash;
    return list;
}

static void
test_recall_ca(Folder *folder, gconstpointer data)
{
    make_units(folder->path);
    g_free(sqlite(folder->path, "DROP TRIGGER certificates_are_for_good;"
                                "UPDATE certificates SET chain = printf('-----BEGIN CERTIFICATE-----\n%030d\n-----END "
                                "CERTIFICATE-----\n', number % 2)"));
    g_autofree char *hash = g_compute_checksum_for_string(
        G_CHECKSUM_SHA256, "-----BEGIN CERTIFICATE-----\n000000000000000000000000000001\n-----END CERTIFICATE-----\n",
        -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(sqlite3) db = reader(folder->path);
    g_autoptr(GPtrArray) imeis = g_ptr_array_new_with_free_func(g_free);
    kl_recall(db, &(KlRecallFilter){.ca = hash}, fake_hashes, collect, imeis, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(imeis->len, ==, 4);
    g_autofree char *other = sha256_of("another CA");
    g_assert_false(kl_recall(db, &(KlRecallFilter){.ca = other}, fake_hashes, collect, imeis, &error));
    assert_code(error, CERTIFICATE_UNKNOWN);
}

/* Two CAs whose certificates begin alike, with serial number 1 each, are two. */
static void
test_recall_ca_alike(Folder *folder, gconstpointer data)
{
#define ALIKE "-----BEGIN CERTIFICATE-----\nMIIBjDCCATGgAwIBAgIBATAKBggqhkjOPQQDAjAiMSAwHgYDVQQDDBdUZXN0\n"
#define ALIKE_END "\n-----END CERTIFICATE-----\n"
    make_units(folder->path);
    g_free(sqlite(folder->path, "DROP TRIGGER certificates_are_for_good; UPDATE certificates SET chain = '" ALIKE
                                "' || printf('%0100d', number % 2) || '" ALIKE_END "'"));
    for (guint odd = 0; odd < 2; odd++) {
        g_autofree char *chain = g_strdup_printf(ALIKE "%0100u" ALIKE_END, odd);
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, chain, -1);
        g_autoptr(GError) error = NULL;
        g_autoptr(sqlite3) db = reader(folder->path);
        g_autoptr(GPtrArray) imeis = g_ptr_array_new_with_free_func(g_free);
        kl_recall(db, &(KlRecallFilter){.ca = hash}, fake_hashes, collect, imeis, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(imeis->len, ==, 4);
    }
}

int
main(int argc, char **argv)
{
    static const FolderTest tests[] = {
        {"/recall/filters", test_recall},       {"/recall/batch-of-issue", test_recall_batch_of_issue},
        {"/recall/random", test_recall_random}, {"/recall/ambiguous", test_recall_ambiguous},
        {"/recall/ca", test_recall_ca},         {"/recall/ca-alike", test_recall_ca_alike},
    };
    g_test_init(&argc, &argv, NULL);
    add_tests(tests, G_N_ELEMENTS(tests));
    return g_test_run();
}
