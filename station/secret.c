#include "station/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "station/error.h"

#define HEAP_SIZE ((gsize)256 * 1024) /* room for what 64 slots have in it at once */
#define HEAP_SMALLEST 32
#define SECRET_MAX 1024 /* bytes */

struct KlSecret {
    char *bytes; /* in the secure heap, NUL-terminated */
    gsize length;
};

static void
init_heap(void)
{
    /* Fails where memory can't be locked or the heap is there already: secrets are then wiped, but not locked. */
    if (CRYPTO_secure_malloc_init(HEAP_SIZE, HEAP_SMALLEST) == 0)
        g_info("no secure heap: secrets may be swapped out");
}

void
kl_secret_thread_done(void)
{
    OPENSSL_thread_stop();
}

void
kl_secret_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_heap);
}

KlSecret *
kl_secret_new(const char *bytes, gsize length)
{
    KlSecret *secret = g_new0(KlSecret, 1);
    secret->length = length;
    secret->bytes = OPENSSL_secure_malloc(length + 1);
    if (secret->bytes == NULL) /* the secure heap is full */
        secret->bytes = OPENSSL_malloc(length + 1);
    if (secret->bytes == NULL)
        g_error("out of memory");
    memcpy(secret->bytes, bytes, length);
    secret->bytes[length] = '\0';
    return secret;
}

void
kl_secret_free(KlSecret *secret)
{
    if (secret == NULL)
        return;
    OPENSSL_secure_clear_free(secret->bytes, secret->length + 1);
    g_free(secret);
}

/* A block that is wiped when it is freed. */
typedef struct {
    gsize length;
    guint8 bytes[];
} Wiped;

static void
wiped_free(gpointer data)
{
    Wiped *wiped = data;
    OPENSSL_clear_free(wiped, sizeof *wiped + wiped->length);
}

GBytes *
kl_secret_bytes(const void *bytes, gsize length)
{
    Wiped *wiped = OPENSSL_malloc(sizeof *wiped + length);
    if (wiped == NULL)
        g_error("out of memory");
    wiped->length = length;
    memcpy(wiped->bytes, bytes, length);
    return g_bytes_new_with_free_func(wiped->bytes, length, wiped_free, wiped);
}

const char *
kl_secret_peek(const KlSecret *secret)
{
    return secret->bytes;
}

gsize
kl_secret_length(const KlSecret *secret)
{
    return secret->length;
}

/* Reads one line, without its end, into buffer. Byte by byte: what follows the line stays with the descriptor's next
 * reader. FALSE with PASSPHRASE_MISSING. */
static gboolean
read_line(int fd, char buffer[SECRET_MAX], gsize *line_length, GError **error)
{
    gsize length = 0;
    for (;;) {
        char byte = '\0';
        ssize_t count = read(fd, &byte, 1);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "can't read it: %s", g_strerror(errno));
        if (count == 0 || byte == '\n')
            break;
        if (byte == '\0')
            return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "it has a NUL byte in it");
        if (length == SECRET_MAX)
            return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "it is longer than %d bytes", SECRET_MAX);
        buffer[length++] = byte;
    }
    if (length > 0 && buffer[length - 1] == '\r')
        length--;
    if (length == 0)
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "it is empty");
    *line_length = length;
    return TRUE;
}

KlSecret *
kl_secret_from_fd(int fd, GError **error)
{
    char buffer[SECRET_MAX];
    gsize length = 0;
    KlSecret *secret = read_line(fd, buffer, &length, error) ? kl_secret_new(buffer, length) : NULL;
    OPENSSL_cleanse(buffer, sizeof buffer);
    return secret;
}

/* FALSE unless the open file is this user's and nobody else may read it. */
static gboolean
check_private(int fd, const char *path, GError **error)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: not a file", path);
    if (info.st_uid != geteuid())
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: belongs to another user", path);
    if ((info.st_mode & 077) != 0)
        return kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: others may read it (mode %03o; allowed: 600)", path,
                       (guint)info.st_mode & 0777);
    return TRUE;
}

KlSecret *
kl_secret_from_file(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    KlSecret *secret = NULL;
    if (check_private(fd, path, error)) {
        secret = kl_secret_from_fd(fd, error);
        if (secret == NULL)
            g_prefix_error(error, "%s: ", path);
    }
    close(fd);
    return secret;
}

/* Waits for a line on the terminal. FALSE when a signal came first, which stays pending for whoever unblocks it. */
static gboolean
wait_for_line(int tty, const sigset_t *signals)
{
    int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
    if (signal_fd < 0)
        return FALSE;
    struct pollfd ports[] = {{.fd = tty, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    int count = 0;
    do {
        count = poll(ports, G_N_ELEMENTS(ports), -1);
    } while (count < 0 && errno == EINTR);
    close(signal_fd);
    return count > 0 && ports[1].revents == 0;
}

/* Reads a line with the echo off. The signals that could end or stop the program are held back meanwhile, so that it
 * never leaves a terminal without echo behind; Ctrl-C takes effect as soon as the terminal is as it was. */
static KlSecret *
read_silently(int tty, const struct termios *before, GError **error)
{
    static const int held_back[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t signals;
    sigset_t signals_before;
    sigemptyset(&signals);
    for (guint i = 0; i < G_N_ELEMENTS(held_back); i++)
        sigaddset(&signals, held_back[i]);
    pthread_sigmask(SIG_BLOCK, &signals, &signals_before);

    struct termios silent = *before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ICANON | ISIG | ECHONL;
    KlSecret *secret = NULL;
    if (tcsetattr(tty, TCSAFLUSH, &silent) != 0)
        kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "can't switch the terminal's echo off: %s", g_strerror(errno));
    else if (!wait_for_line(tty, &signals))
        kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "interrupted");
    else
        secret = kl_secret_from_fd(tty, error);

    tcsetattr(tty, TCSAFLUSH, before);
    pthread_sigmask(SIG_SETMASK, &signals_before, NULL);
    return secret;
}

KlSecret *
kl_secret_from_prompt(const char *prompt, GError **error)
{
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios before;
    if (tty < 0 || tcgetattr(tty, &before) != 0) {
        kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "there is no terminal to ask on");
        if (tty >= 0)
            close(tty);
        return NULL;
    }
    KlSecret *secret = NULL;
    gsize length = strlen(prompt);
    if (write(tty, prompt, length) == (ssize_t)length)
        secret = read_silently(tty, &before, error);
    else
        kl_fail(error, KL_ERROR_PASSPHRASE_MISSING, "can't write to the terminal");
    close(tty);
    return secret;
}
