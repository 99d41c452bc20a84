#include "tests/peers/aws_peer.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct AwsPeer {
    char *folder;
    char *address;
    GPid pid;
    int life_line; /* its stdin: it ends when this closes, also when the test dies */
};

static char *
read_line(int fd)
{
    GString *line = g_string_new(NULL);
    for (char c = 0; read(fd, &c, 1) == 1 && c != '\n';)
        g_string_append_c(line, c);
    return g_string_free(line, FALSE);
}

AwsPeer *
aws_peer_start(const char *const *options)
{
    const char *program = g_getenv("KEYLINE_AWS_PEER");
    g_assert_nonnull(program);
    g_autoptr(GError) error = NULL;
    AwsPeer *peer = g_new0(AwsPeer, 1);
    peer->folder = g_dir_make_tmp("aws-peer-XXXXXX", &error);
    g_assert_no_error(error);

    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_strv_builder_add_many(words, program, "--dir", peer->folder, "--with-parent", NULL);
    for (; options && *options; options++)
        g_strv_builder_add(words, *options);
    g_auto(GStrv) argv = g_strv_builder_end(words);

    int out = -1;
    g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &peer->pid, &peer->life_line,
                             &out, NULL, &error);
    g_assert_no_error(error);
    peer->address = read_line(out);
    close(out);
    g_assert_true(g_str_has_prefix(peer->address, "http"));
    return peer;
}

static void
remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
            remove_folder(path);
        else
            g_unlink(path);
    }
    g_rmdir(folder);
}

void
aws_peer_free(AwsPeer *peer)
{
    close(peer->life_line);
    waitpid(peer->pid, NULL, 0);
    g_spawn_close_pid(peer->pid);
    remove_folder(peer->folder);
    g_free(peer->folder);
    g_free(peer->address);
    g_free(peer);
}

const char *
aws_peer_address(const AwsPeer *peer)
{
    return peer->address;
}

const char *
aws_peer_folder(const AwsPeer *peer)
{
    return peer->folder;
}

char *
aws_peer_pca_arn(const AwsPeer *peer)
{
    g_autofree char *path = g_build_filename(aws_peer_folder(peer), "aws.env", NULL);
    g_autofree char *environment = NULL;
    g_assert_true(g_file_get_contents(path, &environment, NULL, NULL));
    const char *start = strstr(environment, "PEER_PCA_ARN='");
    g_assert_nonnull(start);
    start += strlen("PEER_PCA_ARN='");
    return g_strndup(start, strcspn(start, "'"));
}

char **
aws_peer_environ(const AwsPeer *peer, char **envp)
{
    g_autofree char *path = g_build_filename(peer->folder, "aws.env", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] && *lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i] + strlen("export "), "=", 2);
        g_autofree char *value = g_shell_unquote(parts[1], &error);
        g_assert_no_error(error);
        envp = g_environ_setenv(envp, parts[0], value, TRUE);
    }
    return envp;
}

static int
connect_to(const AwsPeer *peer)
{
    const char *port = strrchr(peer->address, ':') + 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((guint16)g_ascii_strtoull(port, NULL, 10))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&to, sizeof to), ==, 0);
    return fd;
}

/* Sends a whole request on a connection of its own and reads until the peer closes it. */
static char *
exchange(const AwsPeer *peer, const char *request)
{
    int fd = connect_to(peer);
    g_assert_cmpint(send(fd, request, strlen(request), MSG_NOSIGNAL), ==, (gssize)strlen(request));
    GString *answer = g_string_new(NULL);
    char part[4096];
    for (gssize got; (got = read(fd, part, sizeof part)) > 0;)
        g_string_append_len(answer, part, got);
    close(fd);
    return g_string_free(answer, FALSE);
}

void
aws_peer_lead(const AwsPeer *peer)
{
    g_auto(GStrv) envp = aws_peer_environ(peer, g_get_environ());
    static const char *const names[] = {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                        "AWS_EC2_METADATA_DISABLED"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        g_setenv(names[i], g_environ_getenv(envp, names[i]), TRUE);
    g_setenv("AWS_CONFIG_FILE", "/dev/null/none", TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/none", TRUE);
    g_unsetenv("AWS_SESSION_TOKEN");
    g_unsetenv("AWS_PROFILE");
}

JsonNode *
aws_peer_control(const AwsPeer *peer, const char *method, const char *name, const char *body)
{
    g_assert_true(g_str_has_prefix(peer->address, "http://"));
    g_autofree char *request =
        g_strdup_printf("%s /__peer/%s HTTP/1.1\r\nHost: peer\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                        method, name, body ? strlen(body) : 0, body ? body : "");
    g_autofree char *answer = exchange(peer, request);
    const char *text = strstr(answer, "\r\n\r\n");
    g_assert_nonnull(text);
    if (!g_str_has_prefix(answer, "HTTP/1.1 200 "))
        g_error("the peer refuses %s %s: %s", method, name, text + 4);
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(text + 4, &error);
    g_assert_no_error(error);
    return node;
}

void
aws_peer_plant(const AwsPeer *peer, const char *json)
{
    json_node_unref(aws_peer_control(peer, "POST", "faults", json));
}

void
aws_peer_clear(const AwsPeer *peer)
{
    json_node_unref(aws_peer_control(peer, "DELETE", "faults", NULL));
}

guint
aws_peer_calls(const AwsPeer *peer, const char *operation)
{
    g_autoptr(JsonNode) log = aws_peer_control(peer, "GET", "calls", NULL);
    JsonArray *calls = json_object_get_array_member(json_node_get_object(log), "calls");
    guint count = 0;
    for (guint i = 0; i < json_array_get_length(calls); i++)
        count += !operation || g_strcmp0(json_object_get_string_member_with_default(
                                             json_array_get_object_element(calls, i), "operation", NULL),
                                         operation) == 0;
    return count;
}

guint
aws_peer_connections(const AwsPeer *peer)
{
    g_autoptr(JsonNode) log = aws_peer_control(peer, "GET", "calls", NULL);
    JsonArray *calls = json_object_get_array_member(json_node_get_object(log), "calls");
    g_autoptr(GHashTable) numbers = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < json_array_get_length(calls); i++)
        g_hash_table_add(numbers, GINT_TO_POINTER(json_object_get_int_member(json_array_get_object_element(calls, i),
                                                                             "connection")));
    return g_hash_table_size(numbers);
}

char *
aws_peer_complaint(const AwsPeer *peer)
{
    g_autoptr(JsonNode) log = aws_peer_control(peer, "GET", "calls", NULL);
    JsonArray *calls = json_object_get_array_member(json_node_get_object(log), "calls");
    for (guint i = 0; i < json_array_get_length(calls); i++) {
        JsonObject *call = json_array_get_object_element(calls, i);
        for (guint k = 0; k < 2; k++) {
            const char *what = k ? "bad_answer" : "refused";
            if (!json_object_get_null_member(call, what))
                return g_strdup_printf("%s %s: %s %s", json_object_get_string_member(call, "method"),
                                       json_object_get_string_member(call, "path"), what,
                                       json_object_get_string_member(call, what));
        }
    }
    return NULL;
}

void
aws_peer_assert_clean(const AwsPeer *peer)
{
    g_autofree char *complaint = aws_peer_complaint(peer);
    g_assert_cmpstr(complaint, ==, NULL);
}
