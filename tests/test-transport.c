/* The transports on real ptys and sockets; of the serial one, what can be seen without a serial port. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "drivers/at_wp77/transport.h"
#include "station/error.h"

#define FOR_EVER_MS 120000 /* what ends before does not end by time */

/* A pty: the station's side by its address, the unit's side as a descriptor. */
typedef struct {
    int master;
    char *path;
    char *address;
    KlOp op;
} Pty;

static void
pty_init(Pty *pty)
{
    *pty = (Pty){.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    g_assert_cmpint(pty->master, >=, 0);
    g_assert_cmpint(grantpt(pty->master) | unlockpt(pty->master), ==, 0);
    pty->path = g_strdup(ptsname(pty->master));
    pty->address = g_strconcat("pty:", pty->path, NULL);
    pty->op.cancel = g_cancellable_new();
}

static void
pty_clear(Pty *pty)
{
    if (pty->master >= 0)
        close(pty->master);
    g_object_unref(pty->op.cancel);
    g_free(pty->path);
    g_free(pty->address);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pty, pty_clear)

static KlTransport *
open_ok(const char *address, const KlOp *op)
{
    g_autoptr(GError) error = NULL;
    KlTransport *transport = kl_transport_open(address, op, &error);
    g_assert_no_error(error);
    return transport;
}

static void
assert_open_fails(const char *address, const KlOp *op, KlErrorCode code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlTransport) transport = kl_transport_open(address, op, &error);
    g_test_message("%s: %s", address, error != NULL ? error->message : "opened");
    g_assert_null(transport);
    g_assert_error(error, KL_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, address));
}

static gssize
read_some(KlTransport *transport, guint8 *buffer, gsize length, const KlOp *op, guint ms, GError **error)
{
    return transport->klass->read(transport, buffer, length, op, kl_op_until(op, ms), error);
}

static gboolean
write_all(KlTransport *transport, const char *text, const KlOp *op, GError **error)
{
    return transport->klass->write(transport, (const guint8 *)text, strlen(text), op, kl_op_until(op, FOR_EVER_MS),
                                   error);
}

static void
assert_gone(KlTransport *transport, const KlOp *op)
{
    guint8 buffer[16];
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, op, FOR_EVER_MS, &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_PORT_GONE);
}

/* Bytes pass in both directions unchanged: no echo, no line editing, no CR or LF made of the other. */
static void
test_pty_raw(void)
{
    static const char bytes[] = "AT\r\n\003\004\021\023\177\377";
    g_auto(Pty) pty;
    char got[32] = {0};
    guint8 buffer[32];
    pty_init(&pty);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    g_assert_true(write_all(transport, bytes, &pty.op, NULL));
    g_assert_cmpint(read(pty.master, got, sizeof got), ==, strlen(bytes));
    g_assert_cmpstr(got, ==, bytes);
    g_assert_cmpint(write(pty.master, bytes, strlen(bytes)), ==, strlen(bytes));
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, FOR_EVER_MS, NULL), ==, strlen(bytes));
    g_assert_cmpmem(buffer, strlen(bytes), bytes, strlen(bytes));
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, 0, NULL), ==, 0);
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, 20, NULL), ==, 0);
}

static void
test_pty_flushed_at_open(void)
{
    g_auto(Pty) pty;
    guint8 buffer[16];
    pty_init(&pty);
    int earlier = open(pty.path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(write(pty.master, "stale\n", 6), ==, 6);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, 0, NULL), ==, 0);
    close(earlier);
}

/* What came before the unplugging is still read. */
static void
test_pty_unplugged(void)
{
    g_auto(Pty) pty;
    guint8 buffer[16];
    g_autoptr(GError) error = NULL;
    pty_init(&pty);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    g_assert_cmpint(write(pty.master, "+KL", 3), ==, 3);
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, FOR_EVER_MS, NULL), ==, 3);
    close(pty.master);
    pty.master = -1;
    assert_gone(transport, &pty.op);
    assert_gone(transport, &pty.op);
    g_assert_false(write_all(transport, "AT\r", &pty.op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_PORT_GONE);
}

static void
test_pty_exclusive(void)
{
    g_auto(Pty) pty;
    pty_init(&pty);
    KlTransport *transport = open_ok(pty.address, &pty.op);
    assert_open_fails(pty.address, &pty.op, KL_ERROR_PORT_BUSY);
    /* A program that another thread is just starting has the port, too, until it is executed. */
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
    }
    kl_transport_close(transport);
    kl_transport_close(open_ok(pty.address, &pty.op));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void
test_pty_link(void)
{
    g_auto(Pty) pty;
    pty_init(&pty);
    g_autofree char *dir = g_dir_make_tmp("keyline-XXXXXX", NULL);
    g_autofree char *link = g_build_filename(dir, "slot-01", NULL);
    g_autofree char *address = g_strconcat("pty:", link, NULL);
    assert_open_fails(address, &pty.op, KL_ERROR_PORT_MISSING);
    g_assert_cmpint(symlink(pty.path, link), ==, 0);
    g_autoptr(KlTransport) transport = open_ok(address, &pty.op);
    kl_transport_close(g_steal_pointer(&transport));
    g_unlink(link);
    g_assert_cmpint(symlink("gone", link), ==, 0); /* not the pty's own path: its number is soon another program's */
    assert_open_fails(address, &pty.op, KL_ERROR_PORT_MISSING);
    g_unlink(link);
    g_rmdir(dir);
}

static void
test_addresses(void)
{
    static const struct {
        const char *address;
        KlErrorCode code;
    } addresses[] = {
        {"", KL_ERROR_CONFIG_INVALID},
        {"/dev/ttyUSB0", KL_ERROR_CONFIG_INVALID},
        {"usb:1-1/", KL_ERROR_CONFIG_INVALID},
        {"pty:", KL_ERROR_CONFIG_INVALID},
        {"pty:/dev/null", KL_ERROR_CONFIG_INVALID},
        {"pty:/dev/pts/999999", KL_ERROR_PORT_MISSING},
        {"serial:/dev/null", KL_ERROR_CONFIG_INVALID},
        {"serial:/dev", KL_ERROR_CONFIG_INVALID},
        {"serial:/etc/passwd", KL_ERROR_CONFIG_INVALID},
        {"serial:/dev/ttyUSB999", KL_ERROR_PORT_MISSING},
        {"serial:/dev/null/x", KL_ERROR_PORT_MISSING},
        {"tcp:", KL_ERROR_CONFIG_INVALID},
        {"tcp:127.0.0.1", KL_ERROR_CONFIG_INVALID},
        {"tcp:127.0.0.1:", KL_ERROR_CONFIG_INVALID},
        {"tcp::80", KL_ERROR_CONFIG_INVALID},
        {"tcp:127.0.0.1:http", KL_ERROR_CONFIG_INVALID},
        {"tcp:127.0.0.1:1", KL_ERROR_PORT_MISSING},
        {"tcp:[::1]:1", KL_ERROR_PORT_MISSING},
    };
    KlOp op = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++)
        assert_open_fails(addresses[i].address, &op, addresses[i].code);
}

static void
test_serial_refuses_pty(void)
{
    g_auto(Pty) pty;
    pty_init(&pty);
    g_autofree char *address = g_strconcat("serial:", pty.path, NULL);
    assert_open_fails(address, &pty.op, KL_ERROR_CONFIG_INVALID);
}

static void
test_denied(void)
{
    g_auto(Pty) pty;
    pty_init(&pty);
    g_assert_cmpint(chmod(pty.path, 0), ==, 0);
    gboolean was_root = geteuid() == 0;
    if (was_root)
        g_assert_cmpint(seteuid(65534), ==, 0);
    assert_open_fails(pty.address, &pty.op, KL_ERROR_PORT_DENIED);
    if (was_root)
        g_assert_cmpint(seteuid(0), ==, 0);
}

/* A thread that stops the operation once this one sleeps in the kernel. */
typedef struct {
    GCancellable *cancel;
    long tid;
} Canceller;

static gboolean
sleeps(long tid)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%ld/stat", tid);
    g_autofree char *stat = NULL;
    g_assert_true(g_file_get_contents(path, &stat, NULL, NULL));
    return strrchr(stat, ')')[2] == 'S';
}

static void *
cancel_when_asleep(void *data)
{
    const Canceller *canceller = data;
    while (!sleeps(canceller->tid))
        sched_yield();
    g_cancellable_cancel(canceller->cancel);
    return NULL;
}

static pthread_t
start_canceller(Canceller *canceller, GCancellable *cancel)
{
    pthread_t thread;
    *canceller = (Canceller){cancel, syscall(SYS_gettid)};
    g_assert_cmpint(pthread_create(&thread, NULL, cancel_when_asleep, canceller), ==, 0);
    return thread;
}

static void
test_cancel_wakes_read(void)
{
    g_auto(Pty) pty;
    guint8 buffer[16];
    Canceller canceller;
    g_autoptr(GError) error = NULL;
    pty_init(&pty);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    pthread_t thread = start_canceller(&canceller, pty.op.cancel);
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, FOR_EVER_MS, &error), ==, -1);
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
    pthread_join(thread, NULL);
}

/* Nobody reads at the other end. */
static void
test_stuck_write(void)
{
    g_auto(Pty) pty;
    Canceller canceller;
    g_autoptr(GError) error = NULL;
    g_autofree char *much = g_strnfill(1 << 20, 'x');
    pty_init(&pty);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    g_assert_false(transport->klass->write(transport, (const guint8 *)much, strlen(much), &pty.op,
                                           kl_op_until(&pty.op, 30), &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_NO_ANSWER);
    g_clear_error(&error);
    pthread_t thread = start_canceller(&canceller, pty.op.cancel);
    g_assert_false(write_all(transport, much, &pty.op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
    pthread_join(thread, NULL);
}

/* Reads everything from a descriptor until it has as many bytes. */
typedef struct {
    int fd;
    gsize wanted;
    GByteArray *bytes;
} Reader;

static void *
read_slowly(void *data)
{
    Reader *reader = data;
    guint8 chunk[37];
    while (reader->bytes->len < reader->wanted) {
        ssize_t n = read(reader->fd, chunk, sizeof chunk);
        g_assert_cmpint(n, >, 0);
        g_byte_array_append(reader->bytes, chunk, (guint)n);
    }
    return NULL;
}

static void
test_partial_writes(void)
{
    g_auto(Pty) pty;
    pthread_t thread;
    g_autofree char *text = g_malloc0(100001);
    for (gsize i = 0; i < 100000; i++)
        text[i] = (char)('a' + i % 23);
    pty_init(&pty);
    Reader reader = {pty.master, 100000, g_byte_array_new()};
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    g_assert_cmpint(pthread_create(&thread, NULL, read_slowly, &reader), ==, 0);
    g_assert_true(write_all(transport, text, &pty.op, NULL));
    pthread_join(thread, NULL);
    g_assert_cmpmem(reader.bytes->data, reader.bytes->len, text, 100000);
    g_byte_array_unref(reader.bytes);
}

static volatile sig_atomic_t interrupts;

static void
on_alarm(int number)
{
    interrupts++;
}

/* Signals that interrupt poll() and read() are neither data nor an end. */
static void
test_interrupted(void)
{
    g_auto(Pty) pty;
    guint8 buffer[16];
    struct sigaction action = {.sa_handler = on_alarm};
    struct sigaction before;
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    pty_init(&pty);
    g_autoptr(KlTransport) transport = open_ok(pty.address, &pty.op);
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    while (interrupts < 5)
        g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &pty.op, 20, NULL), ==, 0);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
}

/* A listening socket on an address of the loopback interface. */
static int
listen_somewhere(int backlog, char **address)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof where;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&where, sizeof where), ==, 0);
    g_assert_cmpint(listen(fd, backlog), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&where, &size), ==, 0);
    *address = g_strdup_printf("tcp:127.0.0.1:%d", ntohs(where.sin_port));
    return fd;
}

static void
test_tcp(void)
{
    KlOp op = {0};
    guint8 buffer[16];
    char got[8] = {0};
    g_autofree char *address = NULL;
    g_autoptr(GError) error = NULL;
    int listener = listen_somewhere(1, &address);
    g_autoptr(KlTransport) transport = open_ok(address, &op);
    int peer = accept(listener, NULL, NULL);
    g_assert_true(write_all(transport, "AT\r", &op, NULL));
    g_assert_cmpint(read(peer, got, sizeof got), ==, 3);
    g_assert_cmpstr(got, ==, "AT\r");
    g_assert_cmpint(write(peer, "OK", 2), ==, 2);
    g_assert_cmpint(read_some(transport, buffer, sizeof buffer, &op, FOR_EVER_MS, NULL), ==, 2);
    const struct linger reset = {1, 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(peer);
    assert_gone(transport, &op);
    g_assert_false(write_all(transport, "AT\r", &op, &error)); /* and no SIGPIPE */
    g_assert_error(error, KL_ERROR, KL_ERROR_PORT_GONE);
    close(listener);
}

static void
test_tcp_closed_by_peer(void)
{
    KlOp op = {0};
    g_autofree char *address = NULL;
    int listener = listen_somewhere(1, &address);
    g_autoptr(KlTransport) transport = open_ok(address, &op);
    close(accept(listener, NULL, NULL));
    assert_gone(transport, &op);
    close(listener);
}

/* A listener whose queue is full drops what asks for more: connecting hangs. */
static void
test_tcp_hanging_connect(void)
{
    g_autofree char *address = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    KlTransport *fill[8] = {NULL};
    gsize n = 0;
    KlOp op = {.deadline_us = g_get_monotonic_time() + 300 * G_TIME_SPAN_MILLISECOND};
    int listener = listen_somewhere(0, &address);
    g_autoptr(GError) error = NULL;
    while (n < G_N_ELEMENTS(fill) && (fill[n] = kl_transport_open(address, &op, &error)) != NULL)
        n++;
    g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    Canceller canceller;
    op = (KlOp){.cancel = cancel};
    pthread_t thread = start_canceller(&canceller, cancel);
    g_clear_error(&error);
    g_assert_null(kl_transport_open(address, &op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
    pthread_join(thread, NULL);
    while (n > 0)
        kl_transport_close(fill[--n]);
    close(listener);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transport/pty/raw", test_pty_raw);
    g_test_add_func("/transport/pty/flushed-at-open", test_pty_flushed_at_open);
    g_test_add_func("/transport/pty/unplugged", test_pty_unplugged);
    g_test_add_func("/transport/pty/exclusive", test_pty_exclusive);
    g_test_add_func("/transport/pty/link", test_pty_link);
    g_test_add_func("/transport/addresses", test_addresses);
    g_test_add_func("/transport/serial-refuses-pty", test_serial_refuses_pty);
    g_test_add_func("/transport/denied", test_denied);
    g_test_add_func("/transport/cancel-wakes-read", test_cancel_wakes_read);
    g_test_add_func("/transport/stuck-write", test_stuck_write);
    g_test_add_func("/transport/partial-writes", test_partial_writes);
    g_test_add_func("/transport/interrupted", test_interrupted);
    g_test_add_func("/transport/tcp/echo-and-reset", test_tcp);
    g_test_add_func("/transport/tcp/closed-by-peer", test_tcp_closed_by_peer);
    g_test_add_func("/transport/tcp/hanging-connect", test_tcp_hanging_connect);
    return g_test_run();
}
