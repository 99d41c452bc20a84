/* The C side of the AWS peer: it starts, obeys, tells what it saw, and is gone. */
#include "tests/peers/aws_peer.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static guint16
port_of(const AwsPeer *peer)
{
    return (guint16)g_ascii_strtoull(strrchr(aws_peer_address(peer), ':') + 1, NULL, 10);
}

static int
reach(guint16 port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* An unsigned request, which the gate refuses and logs. */
static void
send_unsigned(const AwsPeer *peer)
{
    const char *request = "GET /endpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char answer[4096];
    int fd = reach(port_of(peer));
    g_assert_cmpint(write(fd, request, strlen(request)), ==, (gssize)strlen(request));
    g_assert_cmpint(read(fd, answer, sizeof answer), >, 0);
    g_assert_cmpint(memcmp(answer, "HTTP/1.1 403 ", 13), ==, 0);
    close(fd);
}

static void
test_life(void)
{
    g_autofree char *folder = NULL;
    guint16 port = 0;
    {
        g_autoptr(AwsPeer) peer = aws_peer_start(NULL);
        folder = g_strdup(aws_peer_folder(peer));
        port = port_of(peer);
        int fd = reach(port);
        g_assert_cmpint(fd, >=, 0);
        close(fd);
    }
    g_assert_cmpint(reach(port), ==, -1);
    g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
}

static void
test_control(void)
{
    g_autoptr(AwsPeer) peer = aws_peer_start(NULL);
    g_auto(GStrv) envp = aws_peer_environ(peer, g_get_environ());
    g_assert_cmpstr(g_environ_getenv(envp, "AWS_ENDPOINT_URL"), ==, aws_peer_address(peer));
    g_assert_cmpstr(g_environ_getenv(envp, "AWS_REGION"), ==, "eu-central-1");
    g_assert_nonnull(g_environ_getenv(envp, "AWS_SECRET_ACCESS_KEY"));

    aws_peer_plant(peer, "{\"operation\": \"CreateThing\", \"kind\": \"drop-after\", \"nth\": 1}");
    g_autoptr(JsonNode) planted = aws_peer_control(peer, "GET", "faults", NULL);
    g_assert_cmpint(json_array_get_length(json_object_get_array_member(json_node_get_object(planted), "planted")), ==,
                    1);
    aws_peer_clear(peer);
    g_autoptr(JsonNode) cleared = aws_peer_control(peer, "GET", "faults", NULL);
    g_assert_cmpint(json_array_get_length(json_object_get_array_member(json_node_get_object(cleared), "planted")), ==,
                    0);

    g_autoptr(JsonNode) state = aws_peer_control(peer, "GET", "state", NULL);
    g_assert_true(json_object_has_member(json_node_get_object(state), "dynamodb"));
}

static void
test_calls(void)
{
    g_autoptr(AwsPeer) peer = aws_peer_start(NULL);
    aws_peer_assert_clean(peer);
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, 0);
    send_unsigned(peer);
    send_unsigned(peer);
    g_assert_cmpuint(aws_peer_calls(peer, NULL), ==, 2);
    g_assert_cmpuint(aws_peer_calls(peer, "DescribeEndpoint"), ==, 0);
    g_assert_cmpuint(aws_peer_connections(peer), ==, 2);
}

static void
test_complaint(void)
{
    g_autoptr(AwsPeer) peer = aws_peer_start(NULL);
    g_autofree char *before = aws_peer_complaint(peer);
    g_assert_null(before);
    send_unsigned(peer);
    g_autofree char *after = aws_peer_complaint(peer);
    g_assert_cmpstr(after, ==,
                    "GET /endpoint: refused MissingAuthenticationTokenException: Missing Authentication Token");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aws-peer/life", test_life);
    g_test_add_func("/aws-peer/control", test_control);
    g_test_add_func("/aws-peer/calls", test_calls);
    g_test_add_func("/aws-peer/complaint", test_complaint);
    return g_test_run();
}
