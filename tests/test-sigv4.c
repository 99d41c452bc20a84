/* Signatures: thousands of random requests, against Debian's botocore; and the small parts that they are made of. */
#include "station/net/sigv4.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define REQUESTS 4000
#define PAIRS 5
#define PYTHON "/usr/bin/python3" /* Debian's own, which has python3-botocore */

typedef struct {
    char *method, *host, *path, *body, *region, *service, *id;
    KlPair query[PAIRS + 1];
    KlPair headers[PAIRS + 1];
    KlSecret *secret, *token;
    gint64 time;
} Sample;

/* length characters out of set. */
static char *
random_text(GRand *rand, const char *set, guint length)
{
    GString *text = g_string_new(NULL);
    gsize size = strlen(set);
    for (guint i = 0; i < length; i++)
        g_string_append_c(text, set[g_rand_int_range(rand, 0, (gint32)size)]);
    return g_string_free(text, FALSE);
}

static const char *
pick(GRand *rand, const char *const *list, guint count)
{
    return list[g_rand_int_range(rand, 0, (gint32)count)];
}

#define PICK(rand, ...)                                                                                                \
    pick(rand, (const char *const[]){__VA_ARGS__}, G_N_ELEMENTS(((const char *const[]){__VA_ARGS__})))

#define ANY "abcXYZ019-_.~ /+&=%?#:;,@!$'()*[]\"<>{}|\\^`"
#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"

/* Segments of all kinds, as they are sent: encoded once. */
static char *
random_path(GRand *rand)
{
    GString *path = g_string_new("/");
    for (gint32 left = g_rand_int_range(rand, 0, 5); left > 0; left--) {
        g_autofree char *any = random_text(rand, ANY "\xc3\xa4", (guint)g_rand_int_range(rand, 0, 8));
        g_autofree char *encoded = kl_uri_encode(any, FALSE);
        g_string_append(path, PICK(rand, encoded, encoded, encoded, ".", "..", "", "things", "a.b"));
        g_string_append(path, left > 1 ? "/" : PICK(rand, "", "/"));
    }
    return g_string_free(path, FALSE);
}

static void
random_pairs(GRand *rand, KlPair *pairs, gboolean headers)
{
    gint32 count = g_rand_int_range(rand, 0, PAIRS + 1);
    for (gint32 i = 0; i < count; i++) {
        guint length = (guint)g_rand_int_range(rand, 0, 12);
        if (headers) {
            const char *name =
                PICK(rand, "Content-Type", "X-Amz-Target", "x-amzn-principal", "X-Amz-Meta-A", "x-amz-meta-b",
                     "User-Agent", "Expect", "Zebra", "accept", "X-Amz-Meta-Twice", "X-Amz-Meta-Twice");
            pairs[i] = (KlPair){g_strdup(name), random_text(rand, "ab  \t,;:=/\"X9", length)};
        } else {
            g_autofree char *suffix = random_text(rand, ANY, (guint)g_rand_int_range(rand, 0, 4));
            pairs[i] = (KlPair){g_strconcat(PICK(rand, "a", "A", "newStatus", "a-b", ""), suffix, NULL),
                                random_text(rand, ANY, length)};
        }
    }
}

static Sample *
sample_new(GRand *rand)
{
    Sample *sample = g_new0(Sample, 1);
    sample->method = g_strdup(PICK(rand, "GET", "POST", "PUT", "DELETE", "PATCH"));
    sample->host =
        g_strdup(PICK(rand, "iot.eu-central-1.amazonaws.com", "127.0.0.1:4566", "dynamodb.us-east-1.amazonaws.com"));
    sample->path = random_path(rand);
    sample->body = random_text(rand, ANY "\r\n\t", (guint)g_rand_int_range(rand, 0, 200));
    sample->region = g_strdup(PICK(rand, "eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1"));
    sample->service = g_strdup(PICK(rand, "iot", "dynamodb", "acm-pca", "sts", "iotdata", "s3"));
    sample->id = random_text(rand, "ABCDEFGHIJKLMNOP234567", 20);
    g_autofree char *secret = random_text(rand, WORD, (guint)g_rand_int_range(rand, 1, 90));
    g_autofree char *token = random_text(rand, WORD "==", (guint)g_rand_int_range(rand, 1, 1200));
    sample->secret = kl_secret_new(secret, strlen(secret));
    sample->token = g_rand_boolean(rand) ? kl_secret_new(token, strlen(token)) : NULL;
    sample->time = g_rand_int_range(rand, 0, G_MAXINT32);
    random_pairs(rand, sample->query, FALSE);
    random_pairs(rand, sample->headers, TRUE);
    return sample;
}

static void
free_pairs(KlPair *pairs)
{
    for (; pairs->name != NULL; pairs++) {
        g_free((char *)pairs->name);
        g_free((char *)pairs->value);
    }
}

static void
sample_free(gpointer data)
{
    Sample *sample = data;
    char *texts[] = {sample->method, sample->host,    sample->path, sample->body,
                     sample->region, sample->service, sample->id};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    free_pairs(sample->query);
    free_pairs(sample->headers);
    kl_secret_free(sample->secret);
    kl_secret_free(sample->token);
    g_free(sample);
}

static void
add_pairs(JsonBuilder *builder, const char *name, const KlPair *pairs)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
    for (; pairs->name != NULL; pairs++) {
        json_builder_begin_array(builder);
        json_builder_add_string_value(builder, pairs->name);
        json_builder_add_string_value(builder, pairs->value);
        json_builder_end_array(builder);
    }
    json_builder_end_array(builder);
}

static char *
sample_json(const Sample *sample)
{
    const KlPair texts[] = {
        {"method", sample->method},
        {"host", sample->host},
        {"path", sample->path},
        {"body", sample->body},
        {"region", sample->region},
        {"service", sample->service},
        {"id", sample->id},
        {"secret", kl_secret_peek(sample->secret)},
        {"token", sample->token != NULL ? kl_secret_peek(sample->token) : ""},
    };
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_builder_set_member_name(builder, texts[i].name);
        json_builder_add_string_value(builder, texts[i].value);
    }
    json_builder_set_member_name(builder, "time");
    json_builder_add_int_value(builder, sample->time);
    add_pairs(builder, "query", sample->query);
    add_pairs(builder, "headers", sample->headers);
    json_builder_end_object(builder);
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}

static char *
sign(const Sample *sample)
{
    g_autofree char *query = kl_uri_query(sample->query);
    const KlSigv4Request request = {.method = sample->method,
                                    .host = sample->host,
                                    .path = sample->path,
                                    .query = query,
                                    .headers = sample->headers,
                                    .body = sample->body,
                                    .body_length = strlen(sample->body)};
    const KlSigv4Key key = {sample->id, sample->secret, sample->token, sample->region, sample->service};
    g_auto(KlSigv4Signature) signature = {0};
    kl_sigv4_sign(&request, &key, sample->time, &signature);
    return g_strdup_printf("%s %s", signature.authorization, signature.amz_date);
}

/* What botocore makes of the lines. */
static char *
ask_botocore(const char *lines)
{
    g_autofree char *script = g_test_build_filename(G_TEST_DIST, "sigv4_oracle.py", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) python =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, PYTHON, script, NULL);
    g_assert_no_error(error);
    char *answer = NULL;
    g_subprocess_communicate_utf8(python, lines, NULL, &answer, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_subprocess_get_exit_status(python), ==, 0);
    return answer;
}

static void
test_botocore(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)g_test_rand_int());
    g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func(sample_free);
    g_autoptr(GString) lines = g_string_new(NULL);
    for (guint i = 0; i < REQUESTS; i++) {
        g_ptr_array_add(samples, sample_new(rand));
        g_autofree char *line = sample_json(samples->pdata[i]);
        g_string_append_printf(lines, "%s\n", line);
    }
    g_autofree char *answer = ask_botocore(lines->str);
    g_auto(GStrv) expected = g_strsplit(answer, "\n", -1);
    g_assert_cmpuint(g_strv_length(expected), ==, REQUESTS + 1);
    for (guint i = 0; i < REQUESTS; i++) {
        g_autofree char *ours = sign(samples->pdata[i]);
        if (strcmp(ours, expected[i]) != 0) {
            g_autofree char *line = sample_json(samples->pdata[i]);
            g_test_message("%s", line);
        }
        g_assert_cmpstr(ours, ==, expected[i]);
    }
}

static void
test_uri(void)
{
    static const struct {
        const char *text, *encoded, *kept;
    } table[] = {
        {"", "", ""},
        {"AZaz09-_.~", "AZaz09-_.~", "AZaz09-_.~"},
        {"a b/c", "a%20b%2Fc", "a%20b/c"},
        {"iot:Data-ATS", "iot%3AData-ATS", "iot%3AData-ATS"},
        {"\xc3\xa4%+", "%C3%A4%25%2B", "%C3%A4%25%2B"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *encoded = kl_uri_encode(table[i].text, FALSE);
        g_autofree char *kept = kl_uri_encode(table[i].text, TRUE);
        g_assert_cmpstr(encoded, ==, table[i].encoded);
        g_assert_cmpstr(kept, ==, table[i].kept);
    }
    g_autofree char *path = kl_uri_path("things", "a/b c", "principals", NULL);
    g_assert_cmpstr(path, ==, "/things/a%2Fb%20c/principals");
    g_autofree char *root = kl_uri_path(NULL, NULL);
    g_assert_cmpstr(root, ==, "/");
    const KlPair pairs[] = {{"b", "1"}, {"a", "2"}, {"a", "10"}, {"B", "/"}, {NULL, NULL}};
    g_autofree char *query = kl_uri_query(pairs);
    g_assert_cmpstr(query, ==, "B=%2F&a=10&a=2&b=1");
    g_autofree char *none = kl_uri_query(NULL);
    g_assert_cmpstr(none, ==, "");
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sigv4/uri", test_uri);
    g_test_add_func("/sigv4/botocore", test_botocore);
    return g_test_run();
}
