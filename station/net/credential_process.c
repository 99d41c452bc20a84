#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "station/error.h"
#include "station/net/credential_sources.h"

#define LIMIT_MS 60000
#define OUTPUT_MAX ((gsize)64 * 1024)

/* The helper and what it starts are one process group, so that they can be ended together. Signals that this program
 * waits for by a descriptor are blocked in here; helpers count on theirs. */
static void
in_child(gpointer data)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
}

/* Waits until fd has something to read. FALSE with CANCELLED, STEP_TIMEOUT or CLOUD_CREDENTIALS (its time is up). */
static gboolean
wait_for_output(int fd, gint64 until_us, KlOp *op, GError **error)
{
    GPollFD cancelled = {.fd = -1};
    gboolean watched = op->cancel != NULL && g_cancellable_make_pollfd(op->cancel, &cancelled);
    int count = 0;
    do {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancelled.fd, .events = POLLIN}};
        gint64 left_us = until_us - g_get_monotonic_time();
        count = left_us > 0 ? poll(fds, watched ? 2 : 1, (int)(left_us / 1000 + 1)) : 0;
    } while (count < 0 && errno == EINTR);
    if (watched)
        g_cancellable_release_fd(op->cancel);
    if (!kl_op_check(op, error))
        return FALSE;
    return count > 0 || kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: it takes too long");
}

/* Reads all that it prints into output. */
static gboolean
read_output(int fd, char output[OUTPUT_MAX], gsize *length, gint64 until_us, KlOp *op, GError **error)
{
    for (*length = 0;;) {
        if (!wait_for_output(fd, until_us, op, error))
            return FALSE;
        if (*length == OUTPUT_MAX)
            return kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: it prints too much");
        ssize_t count = read(fd, output + *length, OUTPUT_MAX - *length);
        if (count == 0)
            return TRUE;
        if (count < 0 && errno != EINTR)
            return kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: %s", g_strerror(errno));
        *length += count > 0 ? (gsize)count : 0;
    }
}

/* Waits for the helper's own end: it may close its output and stay. */
static gboolean
wait_for_end(GPid child, gint64 until_us, KlOp *op, GError **error)
{
    int fd = pidfd_open(child, 0);
    if (fd < 0)
        return kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: %s", g_strerror(errno));
    gboolean ended = wait_for_output(fd, until_us, op, error);
    close(fd);
    return ended;
}

/* Ends what is left of the helper. Its exit status. */
static int
finish(GPid child)
{
    int status = -1;
    kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    g_spawn_close_pid(child);
    return status;
}

KlAwsKeys *
kl_keys_from_process(const char *command, KlOp *op, GError **error)
{
    static const KlKeysJson names = {"credential_process", "AccessKeyId", "SecretAccessKey", "SessionToken",
                                     "Expiration"};
    g_auto(GStrv) argv = NULL;
    GPid child = 0;
    int fd = -1;
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL;
    if (!g_shell_parse_argv(command, NULL, &argv, NULL) ||
        !g_spawn_async_with_pipes(NULL, argv, NULL, flags, in_child, NULL, &child, NULL, &fd, NULL, NULL)) {
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: it can't be started");
        return NULL;
    }
    char *output = g_malloc(OUTPUT_MAX);
    gsize length = 0;
    gint64 until_us = kl_op_until(op, LIMIT_MS);
    gboolean done = read_output(fd, output, &length, until_us, op, error) && wait_for_end(child, until_us, op, error);
    close(fd);
    int status = finish(child);
    KlAwsKeys *keys = NULL;
    if (done && status != 0)
        kl_fail(error, KL_ERROR_CLOUD_CREDENTIALS, "credential_process: it failed (status %d)",
                WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    else if (done)
        keys = kl_keys_from_json(output, length, &names, error);
    OPENSSL_cleanse(output, length);
    g_free(output);
    return keys;
}
