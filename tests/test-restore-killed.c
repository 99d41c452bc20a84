/* A program that is killed in the middle of a restore.
 *
 * The test program runs itself again as "--restore DATABASE BACKUP CALLS", which sends itself SIGKILL before so many of
 * its calls that change the disk. */
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/backup_place.h"
#include "tests/case_step.h"

static char *program;

/* --- the disk's calls, counted --- */

static int calls_left = -1; /* -1: not counted */

static void
count_call(void)
{
    if (calls_left > 0 && --calls_left == 0)
        kill(getpid(), SIGKILL);
}

#define COUNTED(type, name, parameters, arguments)                                                                     \
    type name parameters;                                                                                              \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static type(*real) parameters;                                                                                 \
        if (real == NULL)                                                                                              \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                                        \
        count_call();                                                                                                  \
        return real arguments;                                                                                         \
    }

COUNTED(int, fsync, (int fd), (fd))
COUNTED(int, fdatasync, (int fd), (fd))
COUNTED(int, rename, (const char *from, const char *to), (from, to))
COUNTED(int, link, (const char *from, const char *to), (from, to))
COUNTED(int, unlink, (const char *path), (path))
COUNTED(ssize_t, pwrite64, (int fd, const void *data, size_t length, off64_t at), (fd, data, length, at))

/* --- a restore --- */

static int
run_child(char **argv)
{
    const Place place = {.database = argv[2], .backup = argv[3], .exported = (char *)"/nonexistent"};
    g_auto(KlRestored) restored = {0};
    calls_left = (int)g_ascii_strtoll(argv[4], NULL, 10);
    return restore(&place, "drill", &restored, NULL) ? 0 : 1;
}

/* Whether it was killed. */
static gboolean
restore_killed(const Place *place, guint calls)
{
    g_autofree char *count = g_strdup_printf("%u", calls);
    const char *argv[] = {program, "--restore", place->database, place->backup, count, NULL};
    int status = 0;
    g_autoptr(GError) error = NULL;
    /* Without a fork, as in rig/line_rig.c. */
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_true((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                  (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return WIFSIGNALED(status);
}

static void
copy_file(const char *from, const char *to)
{
    g_autofree char *bytes = NULL;
    gsize length = 0;
    g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
}

/* A database whose last commit is still in its log, as a program that was killed leaves it, and a backup without that.
 */
static char *
make_killed(const Place *place)
{
    char *kept = g_dir_make_tmp("keyline-kept-XXXXXX", NULL);
    g_autofree char *database = g_build_filename(kept, "keyline.db", NULL);
    g_autofree char *log = g_strconcat(database, "-wal", NULL), *from = g_strconcat(place->database, "-wal", NULL);
    pass_units(place->database, 1, 1);
    back_up(place);
    g_autoptr(KlStore) store = open_store(place->database);
    g_free(pass_unit(store, 2));
    copy_file(place->database, database);
    copy_file(from, log);
    return kept;
}

static void
put_back(const Place *place, const char *kept)
{
    g_autofree char *database = g_build_filename(kept, "keyline.db", NULL);
    g_autofree char *log = g_strconcat(database, "-wal", NULL), *to = g_strconcat(place->database, "-wal", NULL);
    empty(place->dir, "copy.db");
    copy_file(database, place->database);
    copy_file(log, to);
}

/* Before every call that changes the disk: what is in place is the old database with all it had, or the new one, whose
 * old one is kept. */
static void
test_killed(Place *place, gconstpointer data)
{
    g_autofree char *kept = make_killed(place);
    gboolean killed = TRUE, old = TRUE;
    guint calls = 1;
    for (; killed; calls += CASE_STEP) {
        put_back(place, kept);
        killed = restore_killed(place, calls);
        g_autofree char *found = sqlite(place->database, "PRAGMA integrity_check; SELECT count(*) FROM units;"
                                                         " SELECT count(*) FROM audit_events WHERE type = 'restore'");
        gboolean is_old = strcmp(found, "ok\n2\n0") == 0;
        g_assert_true(is_old || strcmp(found, "ok\n1\n1") == 0);
        g_assert_false(is_old && !old); /* once new, it stays new */
        old = is_old;
        kl_store_free(open_store(place->database)); /* and the next program can work with it */
    }
    calls -= CASE_STEP;
    g_test_message("%u calls at most", calls);
    g_assert_false(old);
    g_assert_cmpuint(calls, >, 10);
    empty(kept, NULL);
    g_rmdir(kept);
}

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--restore") == 0)
        return run_child(argv);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    g_test_add("/restore/killed", Place, NULL, set_up, test_killed, tear_down);
    return g_test_run();
}
