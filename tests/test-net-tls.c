/* TLS: only a server with a certificate for its name from a CA that is trusted is spoken to. The server is openssl's.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "station/net/http.h"

static char *dir;

static char *
in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

/* A self-signed certificate for a subjectAltName, and its key in NAME.key. */
static void
make_certificate(const char *name, const char *alternative)
{
    g_autofree char *path = in_dir(name);
    g_autofree char *key = g_strconcat(path, ".key", NULL);
    g_autofree char *extension = g_strconcat("subjectAltName=", alternative, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) openssl =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, "openssl", "req", "-x509", "-newkey", "ec",
                         "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-addext", extension,
                         "-keyout", key, "-out", path, "-days", "1", NULL);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_wait_check(openssl, NULL, NULL));
}

/* s_server on a port of its own, serving the files of dir. Sets *port. */
static GSubprocess *
start_server(const char *certificate, guint *port)
{
    g_autofree char *certificate_path = in_dir(certificate);
    g_autofree char *key_path = g_strconcat(certificate_path, ".key", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_subprocess_launcher_set_cwd(launcher, dir);
    GSubprocess *server = g_subprocess_launcher_spawn(launcher, &error, "openssl", "s_server", "-accept", "127.0.0.1:0",
                                                      "-HTTP", "-cert", certificate_path, "-key", key_path, NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(server));
    for (*port = 0; *port == 0;) {
        g_autofree char *line = g_data_input_stream_read_line(out, NULL, NULL, NULL);
        g_assert_nonnull(line);
        if (g_str_has_prefix(line, "ACCEPT 127.0.0.1:"))
            *port = (guint)g_ascii_strtoull(strrchr(line, ':') + 1, NULL, 10);
    }
    g_filter_input_stream_set_close_base_stream(G_FILTER_INPUT_STREAM(out), FALSE);
    return server;
}

static void
get(const char *host, guint port, const char *bundle, KlHttpAnswer *answer)
{
    g_autofree char *origin = g_strdup_printf("https://%s:%u", host, port);
    g_autofree char *path = bundle != NULL ? in_dir(bundle) : NULL;
    g_autoptr(KlHttp) http = kl_http_new(path);
    const KlHttpRequest request = {.method = "GET", .origin = origin, .path = "/answer"};
    KlOp op = {0};
    kl_http_send(http, &request, &op, answer);
    g_test_message("%s %s: fate %d, cause %d, %s", host, bundle != NULL ? bundle : "-", answer->fate, answer->cause,
                   answer->detail != NULL ? answer->detail : "");
}

static void
test_trust(void)
{
    static const struct {
        const char *certificate, *host, *bundle;
        KlHttpCause cause;
    } table[] = {
        {"address.crt", "127.0.0.1", "address.crt", KL_HTTP_FINE},
        {"address.crt", "127.0.0.1", NULL, KL_HTTP_UNTRUSTED},          /* the system does not know it */
        {"address.crt", "127.0.0.1", "other.crt", KL_HTTP_UNTRUSTED},   /* the bundle has another */
        {"address.crt", "localhost", "address.crt", KL_HTTP_UNTRUSTED}, /* another name */
        {"other.crt", "127.0.0.1", "other.crt", KL_HTTP_UNTRUSTED},
        {"address.crt", "127.0.0.1", "no-such-file", KL_HTTP_UNTRUSTED},
        {"address.crt", "127.0.0.1", "answer", KL_HTTP_UNTRUSTED}, /* no certificates in it */
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        guint port = 0;
        g_autoptr(GSubprocess) server = start_server(table[i].certificate, &port);
        g_auto(KlHttpAnswer) answer = {0};
        get(table[i].host, port, table[i].bundle, &answer);
        g_assert_cmpint(answer.cause, ==, table[i].cause);
        if (table[i].cause == KL_HTTP_FINE)
            g_assert_cmpstr((const char *)answer.body->data, ==, "ok");
        else
            g_assert_cmpint(answer.fate, ==, KL_HTTP_NEVER_LEFT);
        g_subprocess_force_exit(server);
        g_subprocess_wait(server, NULL, NULL);
    }
}

static void
remove_all(void)
{
    static const char *const names[] = {"address.crt", "address.crt.key", "other.crt", "other.crt.key", "answer"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = in_dir(names[i]);
        g_unlink(path);
    }
    g_rmdir(dir);
    g_free(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-XXXXXX", NULL);
    make_certificate("address.crt", "IP:127.0.0.1");
    make_certificate("other.crt", "DNS:other.example");
    g_autofree char *answer = in_dir("answer");
    g_assert_true(g_file_set_contents(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", -1, NULL));
    g_test_add_func("/net-tls/trust", test_trust);
    int status = g_test_run();
    remove_all();
    return status;
}
