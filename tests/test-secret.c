/* Secrets: only from where nobody else can read them, whole, and gone afterwards. */
#include "station/secret.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "station/error.h"

static char *dir;

static char *
put(const char *text, gsize length, int mode)
{
    char *path = g_build_filename(dir, "pass", NULL);
    g_assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
    return path;
}

static void
assert_missing(const char *path, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSecret) secret = kl_secret_from_file(path, &error);
    g_assert_null(secret);
    g_assert_error(error, KL_ERROR, KL_ERROR_PASSPHRASE_MISSING);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, message));
}

static void
test_file(void)
{
    static const struct {
        const char *text, *secret;
    } table[] = {
        {"correct horse", "correct horse"},     {"correct horse\n", "correct horse"}, {"one\r\ntwo\n", "one"},
        {" blanks count \n", " blanks count "}, {"\xc3\xa4\n", "\xc3\xa4"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *path = put(table[i].text, strlen(table[i].text), 0600);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlSecret) secret = kl_secret_from_file(path, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(kl_secret_peek(secret), ==, table[i].secret);
        g_assert_cmpuint(kl_secret_length(secret), ==, strlen(table[i].secret));
        g_assert_true(CRYPTO_secure_allocated(kl_secret_peek(secret)) || !CRYPTO_secure_malloc_initialized());
    }
}

static void
test_file_modes(void)
{
    static const int refused[] = {0640, 0604, 0620, 0602, 0610, 0644, 0666, 0777};
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *path = put("secret\n", 7, refused[i]);
        assert_missing(path, "others may read it");
    }
    g_autofree char *path = put("secret\n", 7, 0400);
    g_autoptr(KlSecret) secret = kl_secret_from_file(path, NULL);
    g_assert_nonnull(secret);
}

static void
test_file_kinds(void)
{
    g_autofree char *path = put("secret\n", 7, 0600);
    g_autofree char *link = g_build_filename(dir, "link", NULL);
    g_assert_cmpint(symlink(path, link), ==, 0);
    assert_missing(link, "link: ");
    g_unlink(link);
    g_assert_cmpint(mkfifo(link, 0600), ==, 0);
    assert_missing(link, "not a file");
    g_unlink(link);
    assert_missing(link, "No such file");
    assert_missing(dir, "not a file");
    if (geteuid() == 0) {
        g_assert_cmpint(chown(path, 65534, (gid_t)-1), ==, 0);
        assert_missing(path, "belongs to another user");
    }
}

static void
test_file_contents(void)
{
    g_autofree char *empty = put("", 0, 0600);
    assert_missing(empty, "it is empty");
    g_autofree char *blank = put("\nsecond line\n", 13, 0600);
    assert_missing(blank, "it is empty");
    g_autofree char *nul = put("se\0cret\n", 8, 0600);
    assert_missing(nul, "NUL");
    g_autofree char *text = g_strnfill(1025, 'x');
    g_autofree char *longer = put(text, 1025, 0600);
    assert_missing(longer, "longer than 1024");
    g_autofree char *longest = put(text, 1024, 0600);
    g_autoptr(KlSecret) secret = kl_secret_from_file(longest, NULL);
    g_assert_cmpuint(kl_secret_length(secret), ==, 1024);
}

/* Two secrets one after the other on one pipe: the first reader leaves the second line alone. */
static void
test_fd(void)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_cmpint(write(ends[1], "one\ntwo\n", 8), ==, 8);
    close(ends[1]);
    g_autoptr(KlSecret) one = kl_secret_from_fd(ends[0], NULL);
    g_autoptr(KlSecret) two = kl_secret_from_fd(ends[0], NULL);
    g_assert_cmpstr(kl_secret_peek(one), ==, "one");
    g_assert_cmpstr(kl_secret_peek(two), ==, "two");
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_secret_from_fd(ends[0], &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_PASSPHRASE_MISSING);
    close(ends[0]);
    g_clear_error(&error);
    g_assert_null(kl_secret_from_fd(-1, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_PASSPHRASE_MISSING);
}

/* More than the secure heap holds: still secrets, still freed by the right heap. */
static void
test_heap_runs_out(void)
{
    g_autoptr(GPtrArray) secrets = g_ptr_array_new_with_free_func((GDestroyNotify)kl_secret_free);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *text = g_strnfill(1000, (char)('A' + i % 26));
        g_ptr_array_add(secrets, kl_secret_new(text, 1000));
    }
    for (guint i = 0; i < 100; i++) {
        const char *bytes = kl_secret_peek(secrets->pdata[i]);
        g_assert_cmpint(bytes[0], ==, 'A' + (int)(i % 26));
        g_assert_cmpuint(strlen(bytes), ==, 1000);
    }
    kl_secret_free(NULL);
}

/* --- the prompt, on a terminal of its own --- */

static int
open_terminal(char **slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(master, >=, 0);
    g_assert_cmpint(grantpt(master), ==, 0);
    g_assert_cmpint(unlockpt(master), ==, 0);
    char name[64];
    g_assert_cmpint(ptsname_r(master, name, sizeof name), ==, 0);
    *slave = g_strdup(name);
    return master;
}

/* Asks on its new controlling terminal; the exit status tells what came: 0 the right secret, 1 another, 2 none. */
static pid_t
start_asking(const char *slave)
{
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child > 0)
        return child;
    setsid();
    int fd = open(slave, O_RDWR);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
        _exit(10);
    KlSecret *secret = kl_secret_from_prompt("Passphrase: ", NULL);
    if (secret == NULL)
        _exit(2);
    _exit(strcmp(kl_secret_peek(secret), "top secret") == 0 ? 0 : 1);
}

/* Reads what the terminal shows until text is in it, or until its other side is closed. */
static void
read_until(int master, GString *screen, const char *text)
{
    while (text == NULL || strstr(screen->str, text) == NULL) {
        char bytes[256];
        ssize_t count = read(master, bytes, sizeof bytes);
        if (count <= 0)
            break;
        g_string_append_len(screen, bytes, count);
    }
    g_assert_true(text == NULL || strstr(screen->str, text) != NULL);
}

static gboolean
echoes(int terminal)
{
    struct termios settings;
    g_assert_cmpint(tcgetattr(terminal, &settings), ==, 0);
    return (settings.c_lflag & ECHO) != 0;
}

/* Runs the prompt against typed text (or a signal); returns the wait status. *screen gets what was to be seen. */
static int
ask(const char *typed, int signal, GString *screen)
{
    g_autofree char *slave = NULL;
    int master = open_terminal(&slave);
    int kept_open = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
    pid_t child = start_asking(slave);
    read_until(master, screen, "Passphrase: ");
    while (echoes(kept_open)) /* the echo goes off right after the prompt */
        g_usleep(1000);
    if (signal != 0)
        kill(child, signal);
    else
        g_assert_cmpint(write(master, typed, strlen(typed)), ==, (gssize)strlen(typed));
    int status = 0;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(echoes(kept_open));
    close(kept_open);
    read_until(master, screen, NULL);
    close(master);
    return status;
}

static void
test_prompt(void)
{
    g_autoptr(GString) screen = g_string_new(NULL);
    int status = ask("top secret\n", 0, screen);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    g_assert_null(strstr(screen->str, "secret"));
    g_assert_null(strstr(screen->str, "top"));

    g_string_truncate(screen, 0);
    status = ask("\n", 0, screen);
    g_assert_cmpint(WEXITSTATUS(status), ==, 2);
}

/* Ctrl-C and kill end the program as ever, and leave the terminal with its echo. */
static void
test_prompt_interrupted(void)
{
    g_autoptr(GString) screen = g_string_new(NULL);
    int status = ask("half a pass\003", 0, screen);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGINT);
    status = ask(NULL, SIGTERM, screen);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGTERM);
}

static void
test_prompt_without_terminal(void)
{
    pid_t child = fork();
    if (child == 0) {
        setsid();
        g_autoptr(GError) error = NULL;
        KlSecret *secret = kl_secret_from_prompt("Passphrase: ", &error);
        _exit(secret == NULL && g_error_matches(error, KL_ERROR, KL_ERROR_PASSPHRASE_MISSING) ? 0 : 1);
    }
    int status = 0;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-secret-XXXXXX", NULL);
    g_test_add_func("/secret/file", test_file);
    g_test_add_func("/secret/file-modes", test_file_modes);
    g_test_add_func("/secret/file-kinds", test_file_kinds);
    g_test_add_func("/secret/file-contents", test_file_contents);
    g_test_add_func("/secret/fd", test_fd);
    g_test_add_func("/secret/heap-runs-out", test_heap_runs_out);
    g_test_add_func("/secret/prompt", test_prompt);
    g_test_add_func("/secret/prompt-interrupted", test_prompt_interrupted);
    g_test_add_func("/secret/prompt-without-terminal", test_prompt_without_terminal);
    int result = g_test_run();
    g_autofree char *path = g_build_filename(dir, "pass", NULL);
    g_unlink(path);
    g_rmdir(dir);
    g_free(dir);
    return result;
}
