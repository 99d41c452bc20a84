/* The broker that we start ourselves: its files, and its end. */
#include <glib/gstdio.h>
#include <sys/stat.h>

#include "tests/broker_rig.h"

static void
test_no_start(void)
{
    place_set_up();
    g_autofree char *ca = g_build_filename(place.dir, "ca.pem", NULL);
    const struct {
        const char *program;
        guint16 port;
        KlErrorCode code;
        const char *said;
    } rows[] = {
        {"/nonexistent/mosquitto", 0, KL_ERROR_BROKER_MISSING, "/nonexistent/mosquitto"},
        {"/bin/false", 0, KL_ERROR_BROKER_DOWN, "mosquitto: "},
        {NULL, kl_private_broker_port(place.broker), KL_ERROR_BROKER_DOWN, "Address already in use"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        const KlPrivateBrokerOptions options = {.listen = "127.0.0.1",
                                                .port = rows[i].port,
                                                .name = BROKER_NAME,
                                                .devices_ca = ca,
                                                .program = rows[i].program};
        g_assert_null(kl_private_broker_start(&options, &error));
        g_assert_error(error, KL_ERROR, (int)rows[i].code);
        g_assert_nonnull(strstr(error->message, rows[i].said));
    }
}

/* Only its owner may look into its folder, and nothing is left of it; the hash is the one that openssl finds. */
static void
test_folder(void)
{
    place_set_up();
    g_autoptr(KlPrivateBroker) broker = rig_broker(place.dir, "ca", NULL);
    g_autofree char *folder = g_path_get_dirname(kl_private_broker_ca_file(broker));
    struct stat info;
    g_assert_cmpint(stat(folder, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0700);
    g_assert_cmpint(stat(kl_private_broker_key_file(broker), &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    g_autofree char *hash = oracle(folder, "openssl x509 -in broker.pem -outform DER | sha256sum | cut -d ' ' -f 1");
    g_assert_cmpstr(g_strchomp(hash), ==, kl_private_broker_sha256(broker));
    ORACLE(folder, "openssl verify -CAfile ca.pem -purpose sslserver -verify_hostname " BROKER_NAME " broker.pem &&"
                   "openssl verify -CAfile ca.pem -purpose sslserver -verify_ip 127.0.0.1 broker.pem &&"
                   "openssl verify -CAfile ca.pem -purpose sslclient service.pem");
    kl_private_broker_free(g_steal_pointer(&broker));
    g_assert_cmpint(stat(folder, &info), !=, 0);
}

/* What the child does: has a broker, tells where, and waits to be killed. */
static int
hold_broker(const char *dir)
{
    g_autoptr(KlPrivateBroker) broker = rig_broker(dir, "ca", NULL);
    g_autofree char *folder = g_path_get_dirname(kl_private_broker_ca_file(broker));
    printf("holds %d %s\n", kl_private_broker_pid(broker), folder);
    fflush(stdout);
    pause();
    return 1;
}

static char *program;

/* It does not outlive who started it, however that ended. */
static void
test_dies(void)
{
    place_set_up();
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) child =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, program, "--hold-broker", place.dir, NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
    g_autofree char *line = NULL, *folder = NULL;
    int pid = 0;
    do {
        g_free(line);
        line = g_data_input_stream_read_line(out, NULL, NULL, &error);
        g_assert_nonnull(line);
    } while (!g_str_has_prefix(line, "holds "));
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    pid = (int)g_ascii_strtoll(words[1], NULL, 10);
    folder = g_strdup(words[2]);
    /* A process that has ended shows nothing of itself here, whoever has to look after it. */
    g_autofree char *image = g_strdup_printf("/proc/%d/exe", pid), *target = NULL;
    g_assert_nonnull(target = g_file_read_link(image, NULL));
    g_subprocess_force_exit(child);
    g_assert_true(g_subprocess_wait(child, NULL, &error));
    g_autofree char *still = NULL;
    RIG_UNTIL((g_free(still), still = g_file_read_link(image, NULL)) == NULL, (void)0);
    /* What it could not take with it goes with the next one's start, and nothing that somebody has. */
    g_assert_true(g_file_test(folder, G_FILE_TEST_IS_DIR));
    g_autoptr(KlPrivateBroker) next = rig_broker(place.dir, "ca", NULL);
    g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(kl_private_broker_ca_file(next), G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(kl_private_broker_ca_file(place.broker), G_FILE_TEST_EXISTS));
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--hold-broker") == 0)
        return hold_broker(argv[2]);
    program = argv[0];
    g_test_init(&argc, &argv, NULL);
    /* What a killed broker leaves behind goes with the next start of one by anybody who shares its place. */
    const char *shared = g_getenv("TMPDIR");
    g_autofree char *own = g_build_filename(shared != NULL ? shared : "/tmp", "kl-place-XXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp(own));
    g_setenv("TMPDIR", own, TRUE);
    g_test_add_func("/private-broker/no-start", test_no_start);
    g_test_add_func("/private-broker/folder", test_folder);
    g_test_add_func("/private-broker/dies", test_dies);
    int status = g_test_run();
    place_tear_down();
    g_assert_cmpint(g_rmdir(own), ==, 0);
    return status;
}
