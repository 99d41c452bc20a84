/* Keys: from the right source, renewed in time, never twice at once, and gone from memory's sight in messages. */
#include "station/net/aws_credentials.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "station/error.h"
#include "station/net/credential_sources.h"
#include "tests/rig/net_server.h"

#define SECRET "s3cr3tThatNobodyMaySee"

static char *dir;

static char *
put(const char *name, const char *text, int mode)
{
    char *path = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
    return path;
}

/* An expiry that many seconds from now, as the sources write it. */
static char *
expiry(gint64 seconds)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) then = g_date_time_add_seconds(now, (double)seconds);
    return g_date_time_format(then, "%Y-%m-%dT%H:%M:%SZ");
}

static char *
process_json(const char *id, gint64 seconds)
{
    g_autofree char *when = expiry(seconds);
    return g_strdup_printf("{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"" SECRET
                           "\", \"SessionToken\": \"token\", \"Expiration\": \"%s\"}",
                           id, when);
}

static KlAwsKeys *
get_once(const char *profile, GError **error)
{
    const KlAwsSettings settings = {.region = "eu-west-1", .profile = profile};
    g_autoptr(KlAwsConfig) config = kl_aws_config_load(&settings, error);
    g_assert_nonnull(config);
    g_autoptr(KlHttp) http = kl_http_new(NULL);
    g_autoptr(KlAwsCredentials) credentials = kl_aws_credentials_new(config, http);
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    KlAwsKeys *keys = kl_aws_credentials_get(credentials, &op, error);
    if (error != NULL && *error != NULL) {
        g_test_message("%s", (*error)->message);
        g_assert_null(strstr((*error)->message, SECRET));
    }
    return keys;
}

static void
prepare(const char *config, const char *shared)
{
    static const char *const unset[] = {"AWS_PROFILE",
                                        "AWS_DEFAULT_PROFILE",
                                        "AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
    for (guint i = 0; i < G_N_ELEMENTS(unset); i++)
        g_unsetenv(unset[i]);
    g_setenv("AWS_EC2_METADATA_DISABLED", "true", TRUE);
    g_autofree char *config_path = put("config", config, 0600);
    g_autofree char *shared_path = put("credentials", shared, 0600);
    g_setenv("AWS_CONFIG_FILE", config_path, TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", shared_path, TRUE);
}

/* --- which source --- */

#define KEYS(id) "aws_access_key_id=" id "\naws_secret_access_key = " SECRET "\n"

static void
test_order(void)
{
    g_autoptr(GError) error = NULL;
    prepare("[default]\n" KEYS("CONFIG") "[profile b]\n" KEYS("B") "aws_session_token=tok\n",
            "[default]\n" KEYS("SHARED"));
    g_autoptr(KlAwsKeys) shared = get_once(NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(shared->access_key_id, ==, "SHARED");
    g_assert_cmpstr(kl_secret_peek(shared->secret_key), ==, SECRET);
    g_assert_null(shared->session_token);

    g_setenv("AWS_ACCESS_KEY_ID", "ENVIRONMENT", TRUE);
    g_autoptr(KlAwsKeys) half = get_once(NULL, NULL);
    g_assert_cmpstr(half->access_key_id, ==, "SHARED"); /* half a pair is none */
    g_setenv("AWS_SECRET_ACCESS_KEY", SECRET, TRUE);
    g_autoptr(KlAwsKeys) environment = get_once(NULL, NULL);
    g_assert_cmpstr(environment->access_key_id, ==, "ENVIRONMENT");
    g_autoptr(KlAwsKeys) profile = get_once("b", NULL);
    g_assert_cmpstr(profile->access_key_id, ==, "B");
    g_assert_cmpstr(kl_secret_peek(profile->session_token), ==, "tok");
}

static void
test_none(void)
{
    g_autoptr(GError) error = NULL;
    prepare("[default]\nregion=x\n", "");
    g_assert_null(get_once(NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS);
}

/* --- credential_process --- */

static void
test_process(void)
{
    g_autofree char *json = process_json("PROCESS", 3600);
    g_autofree char *answer = put("answer", json, 0600);
    const struct {
        const char *command; /* %s: the file with a good answer */
        const char *message; /* NULL: the keys come */
    } table[] = {
        {"cat %s", NULL},
        {"sh -c 'cat \"$0\"; echo noise >&2' %s", NULL},
        {"cat %s & echo", "failed (status 1)"}, /* there is no shell: cat is given a file '&' */
        {"false %s", "failed (status 1)"},
        {"sh -c 'cat \"$0\"; exit 3' %s", "failed (status 3)"},
        {"sh -c 'cat \"$0\"; kill -9 $$' %s", "failed (status -1)"},
        {"/nonexistent/helper %s", "can't be started"},
        {"cat '%s", "can't be started"},
        {"echo %s", "not a JSON object"},
        {"echo {} %s", "not a JSON object"},
        {"sh -c 'echo {}' %s", "no keys"},
        {"sh -c 'echo {\\\"AccessKeyId\\\":1,\\\"SecretAccessKey\\\":\\\"x\\\"}' %s", "no keys"},
        {"sh -c 'sed s/PROCESS/a\\ b/ \"$0\"' %s", "characters that no key has"},
        {"sh -c 'sed s/2[0-9]*-/soon/ \"$0\"' %s", "its expiry is no time"},
        {"sh -c 'sed s/2[0-9]*-/2001-/ \"$0\"' %s", "its keys have expired"},
        {"head -c 100000 /dev/zero %s", "prints too much"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_auto(GStrv) parts = g_strsplit(table[i].command, "%s", -1);
        g_autofree char *command = g_strjoinv(answer, parts);
        g_autofree char *config = g_strdup_printf("[default]\ncredential_process = %s\n", command);
        prepare(config, "");
        g_autoptr(GError) error = NULL;
        g_autoptr(KlAwsKeys) keys = get_once(NULL, &error);
        g_assert_true((keys != NULL) == (table[i].message == NULL));
        if (keys != NULL) {
            g_assert_cmpstr(keys->access_key_id, ==, "PROCESS");
            g_assert_cmpstr(kl_secret_peek(keys->session_token), ==, "token");
            continue;
        }
        g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS);
        g_assert_nonnull(strstr(error->message, table[i].message));
    }
}

/* A program that takes its signals by a descriptor has them blocked; its helper must not. */
static void
test_process_signals(void)
{
    g_autofree char *json = process_json("PROCESS", 3600);
    g_autofree char *answer = put("answer", json, 0600);
    /* No shell: some clear the mask themselves. */
    g_autofree char *config = g_strdup_printf(
        "[default]\ncredential_process = awk '/^SigBlk:.0*$/ { ok = 1 } FNR != NR && ok' /proc/self/status %s\n",
        answer);
    g_autoptr(GError) error = NULL;
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    prepare(config, "");
    g_assert_cmpint(pthread_sigmask(SIG_BLOCK, &term, &before), ==, 0);
    g_autoptr(KlAwsKeys) keys = get_once(NULL, &error);
    g_assert_cmpint(pthread_sigmask(SIG_SETMASK, &before, NULL), ==, 0);
    g_assert_no_error(error);
    g_assert_nonnull(keys);
}

/* A helper that hangs, or closes its output and stays, or leaves a child that keeps the output open, is ended with all
 * that it started. */
static void
test_process_hangs(void)
{
    static const char *const commands[] = {"sleep 1000", "sh -c 'exec >&-; exec sleep 1000'",
                                           "sh -c 'sleep 1000 & wait'"};
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(GError) error = NULL;
        KlOp op = {.deadline_us = g_get_monotonic_time() + 200 * 1000};
        g_assert_null(kl_keys_from_process(commands[i], &op, &error));
        g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    }
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_cancellable_cancel(cancel);
    KlOp op = {.cancel = cancel};
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_keys_from_process("sleep 1000", &op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
}

/* --- renewing --- */

/* A helper that counts its runs and gives keys for as long as its file "lifetime" says. */
static KlAwsConfig *
counting_config(const char *json)
{
    g_autofree char *answer = put("answer", json, 0600);
    g_autofree char *runs = g_build_filename(dir, "runs", NULL);
    g_unlink(runs);
    g_autofree char *config =
        g_strdup_printf("[default]\ncredential_process = sh -c 'echo x >>\"$0\"; cat \"$1\"' %s %s\n", runs, answer);
    prepare(config, "");
    const KlAwsSettings settings = {.region = "eu-west-1"};
    return kl_aws_config_load(&settings, NULL);
}

static guint
count_runs(void)
{
    g_autofree char *path = g_build_filename(dir, "runs", NULL);
    g_autofree char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? (guint)strlen(text) / 2 : 0;
}

static void *
get_in_thread(void *data)
{
    KlOp op = {0};
    return kl_aws_credentials_get(data, &op, NULL);
}

static void
test_renewing(void)
{
    static const struct {
        gint64 lifetime;
        guint runs; /* after two rounds */
        gboolean usable;
    } table[] = {{3600, 1, TRUE}, {120, 1, TRUE}, {5, 1, FALSE}};
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *json = process_json("ID", table[i].lifetime);
        g_autoptr(KlAwsConfig) config = counting_config(json);
        g_autoptr(KlHttp) http = kl_http_new(NULL);
        g_autoptr(KlAwsCredentials) credentials = kl_aws_credentials_new(config, http);
        for (guint round = 0; round < 2; round++) {
            pthread_t threads[8];
            for (guint t = 0; t < G_N_ELEMENTS(threads); t++)
                g_assert_cmpint(pthread_create(&threads[t], NULL, get_in_thread, credentials), ==, 0);
            for (guint t = 0; t < G_N_ELEMENTS(threads); t++) {
                void *keys = NULL;
                pthread_join(threads[t], &keys);
                g_assert_true((keys != NULL) == table[i].usable);
                kl_aws_keys_unref(keys);
            }
        }
        g_assert_cmpuint(count_runs(), ==, table[i].runs);
        /* The service says that they hold no longer: one new look, however many say so. */
        KlOp op = {0};
        g_autoptr(KlAwsKeys) keys = kl_aws_credentials_get(credentials, &op, NULL);
        if (keys == NULL)
            continue;
        kl_aws_credentials_expired(credentials, keys);
        g_autoptr(KlAwsKeys) other = kl_aws_credentials_get(credentials, &op, NULL);
        g_assert_true(other != keys);
        kl_aws_credentials_expired(credentials, keys);
        g_autoptr(KlAwsKeys) same = kl_aws_credentials_get(credentials, &op, NULL);
        g_assert_true(same == other);
        g_assert_cmpuint(count_runs(), ==, table[i].runs + 1);
    }
}

/* --- the instance --- */

static const char *role_answer;

static NetAct
metadata(const char *request, gpointer data)
{
    static const NetAct refused = {NET_REPLY, 401, NULL, ""};
    static const NetAct token = {NET_REPLY, 200, NULL, "tok-en=="};
    static const NetAct role = {NET_REPLY, 200, NULL, "line role\n"};
    static const NetAct plain_role = {NET_REPLY, 200, NULL, "line-role\nother"};
    NetAct keys = {NET_REPLY, 200, NULL, role_answer};
    if (g_str_has_prefix(request, "PUT /latest/api/token "))
        return strstr(request, "\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n") != NULL ? token : refused;
    if (strstr(request, "\r\nX-aws-ec2-metadata-token: tok-en==\r\n") == NULL)
        return refused;
    if (g_str_has_prefix(request, "GET /latest/meta-data/iam/security-credentials/ "))
        return data != NULL ? role : plain_role;
    return g_str_has_prefix(request, "GET /latest/meta-data/iam/security-credentials/line-role ") ? keys : refused;
}

static void
test_instance(void)
{
    g_autofree char *when = expiry(3600);
    g_autofree char *good =
        g_strdup_printf("{\"Code\":\"Success\",\"AccessKeyId\":\"INSTANCE\",\"SecretAccessKey\":\"" SECRET
                        "\",\"Token\":\"tok\",\"Expiration\":\"%s\"}",
                        when);
    g_autoptr(NetServer) server = net_server_start();
    prepare("", "");
    g_setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", net_server_origin(server), TRUE);
    net_server_answer(server, metadata, NULL);
    role_answer = good;
    g_autoptr(GError) error = NULL;
    g_assert_null(get_once(NULL, &error)); /* it is switched off */
    g_assert_cmpuint(net_server_requests(server), ==, 0);

    g_setenv("AWS_EC2_METADATA_DISABLED", "false", TRUE);
    g_clear_error(&error);
    g_autoptr(KlAwsKeys) keys = get_once(NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(keys->access_key_id, ==, "INSTANCE");
    g_assert_cmpstr(kl_secret_peek(keys->session_token), ==, "tok");
    g_assert_cmpint(keys->expires, >, 0);

    role_answer = "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}";
    g_assert_null(get_once(NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS);
    g_clear_error(&error);
    net_server_answer(server, metadata, server); /* a role with a blank in its name: nobody is asked for its keys */
    g_assert_null(get_once(NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CLOUD_CREDENTIALS);
    g_assert_cmpuint(net_server_requests(server), ==, 2);
    g_clear_error(&error);
    g_setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1", TRUE);
    g_assert_null(get_once(NULL, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
}

static void
remove_all(void)
{
    g_autoptr(GDir) open = g_dir_open(dir, 0, NULL);
    for (const char *name = NULL; (name = g_dir_read_name(open)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(dir);
    g_free(dir);
}

int
main(int argc, char **argv)
{
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-XXXXXX", NULL);
    g_test_add_func("/net-credentials/order", test_order);
    g_test_add_func("/net-credentials/none", test_none);
    g_test_add_func("/net-credentials/process", test_process);
    g_test_add_func("/net-credentials/process-signals", test_process_signals);
    g_test_add_func("/net-credentials/process-hangs", test_process_hangs);
    g_test_add_func("/net-credentials/renewing", test_renewing);
    g_test_add_func("/net-credentials/instance", test_instance);
    int status = g_test_run();
    remove_all();
    return status;
}
