/* What the tests of a store that is killed at any instant share.
 *
 * The test program runs itself again as "--child PATH SEED KILL": that one works with several threads, tells on stdout
 * what the store has acknowledged, and sends itself SIGKILL after so many acknowledgements, while the other threads are
 * in the middle of whatever they do. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store-fixture.h"

typedef struct {
    KlStore *store;
    guint number;
    guint32 seed;
} Worker;

static int kill_after;

/* One line, one write: lines of several threads don't mix, and what is written stays in the pipe. */
G_GNUC_PRINTF(1, 2)
static inline void
acknowledge(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    gsize length = strlen(line);
    g_assert_cmpint(write(STDOUT_FILENO, line, length), ==, (gssize)length);
    if (__atomic_sub_fetch(&kill_after, 1, __ATOMIC_SEQ_CST) == 0)
        kill(getpid(), SIGKILL);
}

/* Starts one thread a worker: functions[i] gets its Worker; seeds differ. */
static inline void
start_workers(KlStore *store, void *(*const *functions)(void *), guint count, guint32 seed)
{
    for (guint i = 0; i < count; i++) {
        Worker *worker = g_new0(Worker, 1);
        pthread_t thread;
        *worker = (Worker){store, i, seed + i};
        g_assert_cmpint(pthread_create(&thread, NULL, functions[i], worker), ==, 0);
    }
}

/* Runs the child until it has killed itself. Returns what it acknowledged. */
static inline char *
run_child(const char *program, const char *path, guint seed, guint after)
{
    g_autofree char *seed_text = g_strdup_printf("%u", seed), *after_text = g_strdup_printf("%u", after);
    const char *argv[] = {program, "--child", path, seed_text, after_text, NULL};
    g_autofree char *out = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL, &out, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return g_steal_pointer(&out);
}

/* Calls ask() for the words of each acknowledged line; it returns a question to sqlite3 whose answer has to be 1, or
 * NULL. */
static inline void
check_promises(const char *path, const char *acknowledged, char *(*ask)(char **words, gpointer data), gpointer data)
{
    g_auto(GStrv) lines = g_strsplit(acknowledged, "\n", -1);
    g_autoptr(GString) sql = g_string_new(NULL);
    for (guint i = 0; lines[i] != NULL && *lines[i] != '\0'; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        g_autofree char *question = ask(words, data);
        if (question != NULL)
            g_string_append_printf(sql, "SELECT '%s' WHERE (%s) <> 1;", lines[i], question);
    }
    if (sql->len > 0)
        assert_sql(path, sql->str, "");
}
