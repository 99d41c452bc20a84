/* What the journal's exports are made of: the walk over the tree, the tar file, and the way to the disk. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "db/audit_hidden.h"
#include "db/audit_pass.h"
#include "db/audit_tar.h"
#include "db/audit_writer.h"
#include "station/error.h"

/* --- the walk, against the format's own words on whole trees --- */

#define N_MAX 140

typedef struct {
    guint n, pruned;
    gboolean selected[N_MAX + 1];
    guint8 leaves[N_MAX + 1][KL_HASH_SIZE];
    guint next, at;
    GString *hidden;
} Journal;

static void
root_of(const Journal *journal, guint a, guint b, guint8 root[KL_HASH_SIZE])
{
    if (b == a + 1) {
        memcpy(root, journal->leaves[a], KL_HASH_SIZE);
        return;
    }
    guint k = 1;
    while (2 * k < b - a)
        k *= 2;
    guint8 right[KL_HASH_SIZE];
    root_of(journal, a, a + k, root);
    root_of(journal, a + k, b, right);
    kl_audit_node(root, right, root);
}

static void
append_hash(GString *text, const guint8 hash[KL_HASH_SIZE])
{
    for (guint i = 0; i < KL_HASH_SIZE; i++)
        g_string_append_printf(text, "%02x", hash[i]);
    g_string_append_c(text, '\n');
}

static void
expect_hidden(const Journal *journal, guint a, guint b, GString *text)
{
    gboolean any = FALSE;
    guint8 root[KL_HASH_SIZE];
    for (guint n = a; n < b; n++)
        any = any || journal->selected[n];
    if (!any) {
        root_of(journal, a, b, root);
        append_hash(text, root);
    } else if (b > a + 1) {
        guint k = 1;
        while (2 * k < b - a)
            k *= 2;
        expect_hidden(journal, a, a + k, text);
        expect_hidden(journal, a + k, b, text);
    }
}

static gboolean
next_selected(gpointer data, guint64 *n, GError **error)
{
    Journal *journal = data;
    while (journal->next <= journal->n && !journal->selected[journal->next])
        journal->next++;
    *n = journal->next <= journal->n ? journal->next++ : 0;
    return TRUE;
}

/* Every leaf behind the pruned ones is asked for once, in order. */
static gboolean
give_leaf(gpointer data, guint64 n, gboolean selected, guint8 hash[KL_HASH_SIZE], GError **error)
{
    Journal *journal = data;
    g_assert_cmpuint(n, ==, journal->at++);
    g_assert_cmpint(selected, ==, journal->selected[n]);
    memcpy(hash, journal->leaves[n], KL_HASH_SIZE);
    return TRUE;
}

static gboolean
take_hidden(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error)
{
    append_hash(((Journal *)data)->hidden, hash);
    return TRUE;
}

static void
check_walk(Journal *journal)
{
    static const KlAuditWalk calls = {next_selected, give_leaf, take_hidden};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) hidden = g_string_new(NULL), expected = g_string_new(NULL);
    g_autofree KlAuditFrontier *pruned = g_new0(KlAuditFrontier, 1);
    guint8 root[KL_HASH_SIZE], expected_root[KL_HASH_SIZE];
    for (guint n = 1; n <= journal->pruned; n++)
        kl_audit_frontier_add(pruned, journal->leaves[n]);
    journal->hidden = hidden;
    journal->next = 1;
    journal->at = journal->pruned + 1;
    g_assert_true(kl_audit_walk(journal->n, pruned, &calls, journal, root, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(journal->at, ==, journal->n + 1);
    expect_hidden(journal, 1, journal->n + 1, expected);
    root_of(journal, 1, journal->n + 1, expected_root);
    g_assert_cmpmem(root, KL_HASH_SIZE, expected_root, KL_HASH_SIZE);
    g_assert_cmpstr(hidden->str, ==, expected->str);
}

/* Dense, thin and empty selections, with and without a pruned beginning. */
static void
test_walk(void)
{
    g_autofree Journal *journal = g_new0(Journal, 1);
    for (guint n = 1; n <= N_MAX; n++)
        kl_audit_leaf((const char *)&n, sizeof n, journal->leaves[n]);
    for (guint round = 0; round < 4000; round++) {
        int one_in = g_test_rand_int_range(1, 40);
        journal->n = (guint)g_test_rand_int_range(1, N_MAX + 1);
        journal->pruned = g_test_rand_bit() ? 0 : (guint)g_test_rand_int_range(0, (int)journal->n + 1);
        for (guint n = 1; n <= N_MAX; n++)
            journal->selected[n] = n > journal->pruned && round % 50 != 0 && g_test_rand_int_range(0, one_in) == 0;
        check_walk(journal);
    }
}

/* The same one again and again. */
static gboolean
give_wrong(gpointer data, guint64 *n, GError **error)
{
    *n = *(guint64 *)data;
    return TRUE;
}

static gboolean
give_any_leaf(gpointer data, guint64 n, gboolean selected, guint8 hash[KL_HASH_SIZE], GError **error)
{
    memset(hash, (int)n, KL_HASH_SIZE);
    return TRUE;
}

static gboolean
lose_hidden(gpointer data, const guint8 hash[KL_HASH_SIZE], GError **error)
{
    return TRUE;
}

static void
test_walk_refuses(void)
{
    static const KlAuditWalk calls = {give_wrong, give_any_leaf, lose_hidden};
    g_autoptr(GError) error = NULL;
    g_autofree KlAuditFrontier *pruned = g_new0(KlAuditFrontier, 1);
    guint8 root[KL_HASH_SIZE];
    guint64 n = 3;
    pruned->n = 5;
    g_assert_false(kl_audit_walk(9, pruned, &calls, &n, root, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_AUDIT_BROKEN);
    g_clear_error(&error);
    g_assert_false(kl_audit_walk(4, pruned, &calls, &n, root, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_AUDIT_BROKEN);
    g_clear_error(&error);
    g_assert_false(kl_audit_walk(0, pruned, &calls, &n, root, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_AUDIT_BROKEN);
    g_clear_error(&error);
    pruned->n = 0;
    g_assert_false(kl_audit_walk(4, pruned, &calls, &n, root, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_AUDIT_BROKEN);
}

/* --- an event's end --- */

static void
test_tail(void)
{
    static const struct {
        const char *body;
        const char *type; /* NULL: refused */
        gint64 time_us;
    } table[] = {
        {"{\"data\":{},\"n\":1,\"salt\":\"00\",\"time_us\":17,\"type\":\"act\"}", "act", 17},
        {"{\"time_us\":9007199254740991,\"type\":\"job-end\"}", NULL, 0},
        {"{\"n\":1,\"time_us\":9007199254740991,\"type\":\"job-end\"}", "job-end", G_GINT64_CONSTANT(9007199254740991)},
        {"{\"n\":1,\"time_us\":,\"type\":\"act\"}", NULL, 0},
        {"{\"n\":1,\"time_us\":-5,\"type\":\"act\"}", NULL, 0},
        {"{\"n\":1,\"time_us\":5,\"type\":\"act\"},", NULL, 0},
        {"{\"n\":1,\"time_us\":5,\"kind\":\"act\"}", NULL, 0},
        {",\"type\":\"act\"}", NULL, 0},
        {"\"}", NULL, 0},
        {"}", NULL, 0},
        {"", NULL, 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        const char *type = NULL;
        gsize length = 0;
        gint64 time_us = 0;
        /* A copy without a final NUL: nothing behind it is read. */
        g_autofree char *body = g_memdup2(table[i].body, MAX(strlen(table[i].body), 1));
        gboolean ok = kl_audit_event_tail(body, strlen(table[i].body), &type, &length, &time_us, &error);
        g_test_message("%s", table[i].body);
        g_assert_cmpint(ok, ==, table[i].type != NULL);
        if (ok) {
            g_assert_cmpmem(type, length, table[i].type, strlen(table[i].type));
            g_assert_cmpint(time_us, ==, table[i].time_us);
        } else {
            g_assert_error(error, KL_ERROR, KL_ERROR_AUDIT_BROKEN);
        }
    }
}

/* --- the disk --- */

typedef struct {
    char *dir, *path, *partial;
} Place;

static void
place_set_up(Place *place, gconstpointer name)
{
    place->dir = g_dir_make_tmp("keyline-export-XXXXXX", NULL);
    place->path = g_build_filename(place->dir, name, NULL);
    place->partial = g_strconcat(place->path, ".partial", NULL);
}

static void
place_tear_down(Place *place, gconstpointer name)
{
    const char *const argv[] = {"rm", "-rf", "--", place->dir, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(place->dir);
    g_free(place->path);
    g_free(place->partial);
}

static KlAuditWriter *
write_two(const char *path)
{
    g_autoptr(GError) error = NULL;
    KlAuditWriter *writer = kl_audit_writer_new(path, G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC, &error);
    g_assert_no_error(error);
    KlAuditMember *events = kl_audit_writer_begin(writer, "events.jsonl", &error);
    KlAuditMember *leaves = kl_audit_writer_begin(writer, "leaves.txt", &error);
    g_assert_no_error(error);
    for (guint i = 0; i < 100000; i++) { /* more than a buffer, in pieces that don't fit it evenly */
        g_assert_true(kl_audit_member_put(events, "1234567", 7, NULL));
        g_assert_true(i % 7 != 0 || kl_audit_member_put(leaves, "xyz", 3, NULL));
    }
    g_assert_true(kl_audit_member_end(events, NULL) && kl_audit_member_end(leaves, NULL));
    g_assert_true(kl_audit_writer_add(writer, "hidden.txt", "", 0, NULL));
    return writer;
}

/* What python and sha256sum find there is what was written. */
static void
check_two(const KlAuditWriter *writer, const char *path, const GPtrArray *files)
{
    static const char script[] =
        "import hashlib, pathlib, sys, tarfile\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "if path.is_dir():\n"
        "    found = {p.name: p.read_bytes() for p in path.iterdir()}\n"
        "else:\n"
        "    tar = tarfile.open(path)\n"
        "    assert all(m.isfile() and m.name.startswith('x/') and m.mtime == 1700000000 for m in tar)\n"
        "    found = {m.name[2:]: tar.extractfile(m).read() for m in tar}\n"
        "assert found == {'events.jsonl': b'1234567' * 100000, 'leaves.txt': b'xyz' * 14286, 'hidden.txt': b''}\n"
        "print(''.join(hashlib.sha256(found[n]).hexdigest() for n in sorted(found)), end='')\n";
    const char *const argv[] = {"python3", "-c", script, path, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GString) sums = g_string_new(NULL);
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    for (guint i = 0; i < files->len; i++)
        g_string_append(sums, ((const KlAuditFile *)files->pdata[i])->sha256);
    g_assert_cmpstr(out, ==, sums->str);
}

static void
test_written(Place *place, gconstpointer name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAuditWriter) writer = write_two(place->path);
    g_assert_false(g_file_test(place->path, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(place->partial, G_FILE_TEST_EXISTS));
    g_assert_true(kl_audit_writer_commit(writer, &error));
    g_assert_false(g_file_test(place->partial, G_FILE_TEST_EXISTS));
    check_two(writer, place->path, kl_audit_writer_files(writer));
}

static void
test_given_up(Place *place, gconstpointer name)
{
    kl_audit_writer_free(write_two(place->path));
    g_assert_cmpint(g_rmdir(place->dir), ==, 0); /* nothing is left in it */
    g_assert_cmpint(g_mkdir(place->dir, 0700), ==, 0);
}

/* A killed program's leftovers are swept away; what is of no export is left, and stops the next. */
static void
test_left_over(Place *place, gconstpointer name)
{
    g_autoptr(GError) error = NULL;
    if (!g_str_has_suffix(name, ".tar")) {
        g_autofree char *torn = g_build_filename(place->partial, "manifest.json", NULL);
        g_autofree char *foreign = g_build_filename(place->partial, "thesis.odt", NULL);
        g_assert_cmpint(g_mkdir(place->partial, 0700), ==, 0);
        g_assert_true(g_file_set_contents(torn, "torn", -1, NULL));
        g_assert_true(g_file_set_contents(foreign, "mine", -1, NULL));
        g_assert_null(kl_audit_writer_new(place->path, 1, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_FILE_FAILED);
        g_assert_true(g_file_test(foreign, G_FILE_TEST_EXISTS));
        g_assert_cmpint(g_remove(foreign), ==, 0);
        g_assert_true(g_file_set_contents(torn, "torn", -1, NULL));
    } else {
        g_autofree char *torn = g_malloc0(2 << 20);
        g_assert_true(g_file_set_contents(place->partial, torn, 2 << 20, NULL));
    }
    g_autoptr(KlAuditWriter) writer = write_two(place->path);
    g_assert_true(kl_audit_writer_commit(writer, NULL));
    check_two(writer, place->path, kl_audit_writer_files(writer));
    GStatBuf status;
    g_assert_cmpint(g_stat(place->path, &status), ==, 0);
    g_assert_cmpint(status.st_size, <, 1 << 20);
}

/* Two programs at one place; and something that takes the name meanwhile. */
static void
test_in_the_way(Place *place, gconstpointer name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlAuditWriter) writer = write_two(place->path);
    g_assert_null(kl_audit_writer_new(place->path, 1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_EXPORT_EXISTS);
    g_clear_error(&error);
    g_assert_cmpint(g_mkdir(place->path, 0700), ==, 0);
    g_assert_false(kl_audit_writer_commit(writer, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_EXPORT_EXISTS);
    g_clear_error(&error);
    g_assert_null(kl_audit_writer_new(place->path, 1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_EXPORT_EXISTS);
    g_clear_pointer(&writer, kl_audit_writer_free);
    g_assert_cmpint(g_rmdir(place->path), ==, 0); /* empty, as it was */
}

static void
test_no_folder(Place *place, gconstpointer name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(place->dir, "none", name, NULL);
    g_assert_null(kl_audit_writer_new(path, 1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_FILE_FAILED);
}

/* The disk runs full, in mid file and in its last bytes: it is told, and nothing stays. */
static void
test_disk_full(Place *place, gconstpointer name)
{
    struct rlimit before, small;
    g_autofree char *big = g_malloc0(1 << 20);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    signal(SIGXFSZ, SIG_IGN);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        gsize size = i == 0 ? 1 << 20 : 100001;
        small = (struct rlimit){100000, before.rlim_max};
        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
        g_autoptr(KlAuditWriter) writer = kl_audit_writer_new(place->path, 1, NULL);
        g_assert_false(kl_audit_writer_add(writer, "events.jsonl", big, size, &error));
        g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
        g_assert_error(error, KL_ERROR, KL_ERROR_FILE_FAILED);
    }
    signal(SIGXFSZ, SIG_DFL);
    test_given_up(place, name);
}

/* Beyond 8 GiB the size does not fit into octal digits. */
static void
test_tar_size(void)
{
    static const char script[] = "import sys, tarfile\n"
                                 "head = sys.stdin.buffer.read()\n"
                                 "i = tarfile.TarInfo.frombuf(head, 'utf-8', 'strict')\n"
                                 "print(i.name, i.size, i.mtime, oct(i.mode), end='')\n";
    static const struct {
        guint64 size;
        const char *expected;
    } table[] = {
        {0, "f/events.jsonl 0 5 0o644"},
        {G_GUINT64_CONSTANT(8589934591), "f/events.jsonl 8589934591 5 0o644"},
        {G_GUINT64_CONSTANT(8589934592), "f/events.jsonl 8589934592 5 0o644"},
        {G_GUINT64_CONSTANT(123456789012345), "f/events.jsonl 123456789012345 5 0o644"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        guint8 head[KL_TAR_BLOCK];
        const char *const argv[] = {"python3", "-c", script, NULL};
        g_autoptr(GSubprocess) python =
            g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
        g_autoptr(GBytes) out = NULL;
        kl_tar_head("f", "events.jsonl", table[i].size, 5, head);
        g_autoptr(GBytes) in = g_bytes_new(head, sizeof head);
        g_assert_true(g_subprocess_communicate(python, in, NULL, &out, NULL, NULL));
        g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out), table[i].expected,
                        strlen(table[i].expected));
    }
}

#define ADD(what, function)                                                                                            \
    g_test_add("/audit-export/folder/" what, Place, "x", place_set_up, function, place_tear_down);                     \
    g_test_add("/audit-export/tar/" what, Place, "x.tar", place_set_up, function, place_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/audit-export/walk", test_walk);
    g_test_add_func("/audit-export/walk-refuses", test_walk_refuses);
    g_test_add_func("/audit-export/tail", test_tail);
    ADD("written", test_written);
    ADD("given-up", test_given_up);
    ADD("left-over", test_left_over);
    ADD("in-the-way", test_in_the_way);
    ADD("no-folder", test_no_folder);
    ADD("disk-full", test_disk_full);
    g_test_add_func("/audit-export/tar/size", test_tar_size);
    return g_test_run();
}
