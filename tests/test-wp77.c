/* The driver against the real host agent. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/wp77_bench.h"

static void
assert_code(const GError *error, KlErrorCode code)
{
    g_assert_nonnull(error);
    g_test_message("%s: %s", kl_error_name(kl_error_code(error)), error->message);
    g_assert_cmpstr(kl_error_name(kl_error_code(error)), ==, kl_error_name(code));
}

#define ATI_HEAD                                                                                                       \
    "Manufacturer: Sierra Wireless, Incorporated|Model: " MODEL "|Revision: " FIRMWARE                                 \
    " c2e98c jenkins 2019/08/30 07:28:21|"
#define ATI_TAIL "IMEI SV:  4|FSN: " FSN "|+GCAP: +CGSM,+DS|OK"
#define ATI ATI_HEAD "IMEI: " IMEI "|" ATI_TAIL

static void
assert_unit(Bench *bench, const char *model)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlUnit) unit = kl_wp77_driver.identify(bench->device, &bench->op, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(unit->imei, ==, IMEI);
    g_assert_cmpstr(unit->fsn, ==, FSN);
    g_assert_cmpstr(unit->model, ==, model);
    g_assert_cmpstr(unit->firmware, ==, FIRMWARE);
    g_assert_cmpstr(unit->keystore, ==, "iks");
    g_assert_cmpstr(unit->agent_version, ==, KL_AGENT_VERSION);
    g_assert_cmpuint(strlen(unit->boot_id), ==, KL_AGENT_BOOT_CHARS);
    g_assert_null(unit->device_id);
}

static GBytes *
sha256_of(const void *data, gsize length)
{
    guint8 digest[32];
    g_assert_true(EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL));
    return g_bytes_new(digest, sizeof digest);
}

/* By OpenSSL: the request is signed by the key that was announced; returns that key. */
static EVP_PKEY *
check_request(GBytes *csr, const char *spki_sha256)
{
    gsize length = 0;
    const guchar *at = g_bytes_get_data(csr, &length);
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)length);
    g_assert_nonnull(request);
    EVP_PKEY *key = X509_REQ_get_pubkey(request);
    g_assert_cmpint(X509_REQ_verify(request, key), ==, 1);
    guchar *spki = NULL;
    int spki_length = i2d_PUBKEY(key, &spki);
    g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, spki, (gsize)spki_length);
    g_assert_cmpstr(hash, ==, spki_sha256);
    OPENSSL_free(spki);
    X509_REQ_free(request);
    return key;
}

static void
check_proof(EVP_PKEY *key, GBytes *signature, const guint8 nonce[KL_NONCE_SIZE])
{
    g_autoptr(GByteArray) message = g_byte_array_new();
    g_byte_array_append(message, (const guint8 *)"keyline-prove", 13);
    g_byte_array_append(message, nonce, KL_NONCE_SIZE);
    g_byte_array_append(message, (const guint8 *)IMEI, 15);
    g_autoptr(GBytes) digest = sha256_of(message->data, message->len);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    g_assert_cmpint(EVP_PKEY_verify_init(context), ==, 1);
    g_assert_cmpint(EVP_PKEY_verify(context, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature),
                                    g_bytes_get_data(digest, NULL), 32),
                    ==, 1);
    EVP_PKEY_CTX_free(context);
}

static void
install_ok(Bench *bench, const char *item, GBytes *data)
{
    g_autoptr(GError) error = NULL;
    bench->progress = 0;
    kl_wp77_driver.install(bench->device, item, data, &bench->op, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(bench->progress, ==, 1.0);
}

static GBytes *
some_data(gsize length)
{
    guint8 *bytes = g_malloc(length);
    for (gsize i = 0; i < length; i++)
        bytes[i] = (guint8)(i * 7 + (i >> 8));
    return g_bytes_new_take(bytes, length);
}

static void
assert_stored(Bench *bench, const char *item, GBytes *data)
{
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, data);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) items = kl_wp77_driver.read_back(bench->device, &bench->op, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < items->len; i++) {
        const KlItemInfo *info = g_ptr_array_index(items, i);
        if (strcmp(info->name, item) != 0)
            continue;
        g_assert_cmpuint(info->length, ==, g_bytes_get_size(data));
        g_assert_cmpstr(info->sha256, ==, sha256);
        return;
    }
    g_assert_not_reached();
}

/* Everything that a job does, in its order. */
static void
test_whole_life(void)
{
    static const guint8 nonce[KL_NONCE_SIZE] = {0, 1, 2, 0xff};
    static const gsize lengths[] = {1, 89, 90, 91, 180, 701, 4096};
    const KlDriver *driver = &kl_wp77_driver;
    g_auto(Bench) bench;
    g_auto(KlKeyInfo) none = {0};
    g_auto(KlKeyInfo) made = {0};
    g_auto(KlKeyInfo) status = {0};
    bench_init(&bench);
    bench.wire[0].modem = ATI;
    open_ok(&bench);
    assert_unit(&bench, MODEL);
    g_assert_true(driver->key_status(bench.device, "device", &none, &bench.op, NULL));
    g_assert_false(none.exists);
    g_assert_true(driver->generate_key(bench.device, "device", &made, &bench.op, NULL));
    g_assert_cmpstr(made.backend, ==, "iks");
    g_autoptr(GBytes) csr = driver->get_csr(bench.device, "device", "FX30S-000123", &bench.op, NULL);
    EVP_PKEY *key = check_request(csr, made.spki_sha256);
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GBytes) data = some_data(lengths[i]);
        install_ok(&bench, "certificate", data);
        assert_stored(&bench, "certificate", data);
    }
    g_autoptr(GBytes) proof = driver->prove(bench.device, "device", nonce, &bench.op, NULL);
    check_proof(key, proof, nonce);
    EVP_PKEY_free(key);
    g_assert_true(driver->lock(bench.device, "device", &bench.op, NULL));
    g_assert_true(driver->lock(bench.device, "device", &bench.op, NULL));
    g_assert_true(driver->key_status(bench.device, "device", &status, &bench.op, NULL));
    g_assert_true(status.exists && status.locked);
    g_assert_cmpstr(status.spki_sha256, ==, made.spki_sha256);
    g_assert_cmpint(bench.op.device_us, >, 0);
}

static void
test_refusals(void)
{
    static const guint8 nonce[KL_NONCE_SIZE] = {0};
    const KlDriver *driver = &kl_wp77_driver;
    g_auto(Bench) bench;
    g_auto(KlKeyInfo) info = {0};
    g_auto(KlKeyInfo) again = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) data = some_data(257);
    bench_init(&bench);
    open_ok(&bench);
    g_assert_null(driver->get_csr(bench.device, "device", "x", &bench.op, &error));
    assert_code(error, KL_ERROR_KEY_LOST);
    g_clear_error(&error);
    g_assert_null(driver->prove(bench.device, "device", nonce, &bench.op, &error));
    assert_code(error, KL_ERROR_KEY_LOST);
    g_clear_error(&error);
    g_assert_false(driver->install(bench.device, "endpoint", data, &bench.op, &error));
    assert_code(error, KL_ERROR_INSTALL_REFUSED);
    g_assert_nonnull(strstr(error->message, "520"));
    g_clear_error(&error);
    g_assert_true(driver->erase(bench.device, "device", &bench.op, NULL)); /* nothing there: done already */
    g_assert_true(driver->generate_key(bench.device, "device", &info, &bench.op, NULL));
    g_assert_false(driver->generate_key(bench.device, "device", &again, &bench.op, &error));
    assert_code(error, KL_ERROR_KEY_SLOT_USED);
    g_assert_false(again.exists);
    g_clear_error(&error);
    g_assert_true(driver->erase(bench.device, "device", &bench.op, NULL));
    g_assert_true(driver->key_status(bench.device, "device", &again, &bench.op, NULL));
    g_assert_false(again.exists);
    g_assert_true(driver->generate_key(bench.device, "device", &again, &bench.op, NULL));
    g_assert_true(driver->lock(bench.device, "device", &bench.op, NULL));
    g_assert_false(driver->erase(bench.device, "device", &bench.op, &error));
    assert_code(error, KL_ERROR_REPROVISION_LOCKED);
    g_clear_error(&error);
    g_assert_null(driver->get_csr(bench.device, "device", "a\",\"b", &bench.op, &error));
    assert_code(error, KL_ERROR_INTERNAL);
}

static void
test_two_ports(gconstpointer crossed)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    bench.wire[1].modem = "Model: FX30S|Revision: " FIRMWARE " x y|IMEI: " IMEI "|FSN: " FSN "|OK";
    bench_open(&bench, crossed != NULL, &error);
    g_assert_no_error(error);
    assert_unit(&bench, "FX30S"); /* the modem decides the model */
    g_autofree char *text = kl_transcript_text(bench.op.transcript);
    g_assert_cmpint(strstr(text, "crossed") != NULL, ==, crossed != NULL);
    g_assert_nonnull(strstr(text, "agent > AT+KLINFO?"));
    g_assert_nonnull(strstr(text, "modem > ATI"));
}

static void
test_imei_by_cgsn(void)
{
    g_auto(Bench) bench;
    bench_init(&bench);
    bench.wire[1].modem = ATI_HEAD "MEID: 1|" ATI_TAIL;
    bench.wire[1].cgsn = IMEI "|OK";
    open_ok(&bench);
    assert_unit(&bench, MODEL);
}

/* A modem on a port of its own is compared, even when the agent's port has one too. */
static void
test_second_modem(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    bench.wire[0].modem = ATI;
    bench.wire[1].modem = ATI_HEAD "IMEI: " OTHER_IMEI "|" ATI_TAIL;
    open_ok(&bench);
    g_assert_null(kl_wp77_driver.identify(bench.device, &bench.op, &error));
    assert_code(error, KL_ERROR_IDENTITY_MISMATCH);
}

/* Units that open but are not one sound unit. */
static void
test_identities(void)
{
    static const struct {
        const char *modem; /* on the second port */
        const char *info;  /* in place of the agent's KLINFO, or NULL */
        KlErrorCode code;
    } identities[] = {
        {ATI_HEAD "IMEI: " OTHER_IMEI "|" ATI_TAIL, NULL, KL_ERROR_IDENTITY_MISMATCH},
        {"Model: WP7702|IMEI: " IMEI "|FSN: 4L936370140911|OK", NULL, KL_ERROR_IDENTITY_MISMATCH},
        {ATI_HEAD "IMEI: 352653090215246|" ATI_TAIL, NULL, KL_ERROR_IDENTITY_UNREADABLE},
        {ATI_HEAD "IMEI: |" ATI_TAIL, NULL, KL_ERROR_IDENTITY_UNREADABLE},
        {ATI, "352653090215246 " FSN, KL_ERROR_IDENTITY_UNREADABLE},
        {ATI, IMEI " 4l93", KL_ERROR_IDENTITY_UNREADABLE},
        {ATI, " " FSN, KL_ERROR_IDENTITY_UNREADABLE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(identities); i++) {
        g_autofree char *lines = NULL; /* outlives the bench, whose thread reads it */
        g_auto(Bench) bench;
        g_autoptr(GError) error = NULL;
        bench_init(&bench);
        bench.wire[1].modem = identities[i].modem;
        if (identities[i].info != NULL) {
            g_auto(GStrv) words = g_strsplit(identities[i].info, " ", 2);
            lines =
                g_strdup_printf("+KLINFO: \"protocol\",\"1\"|+KLINFO: \"agent\",\"1\"|+KLINFO: \"keystore\",\"iks\"|"
                                "+KLINFO: \"imei\",\"%s\"|+KLINFO: \"fsn\",\"%s\"|+KLINFO: \"model\",\"M\"|"
                                "+KLINFO: \"firmware\",\"F\"|+KLINFO: \"boot\",\"b\"|OK",
                                words[0], words[1]);
            bench.wire[0].at = "AT+KLINFO?";
            bench.wire[0].instead = lines;
            bench.wire[0].strikes = 99;
        }
        open_ok(&bench);
        g_assert_null(kl_wp77_driver.identify(bench.device, &bench.op, &error));
        assert_code(error, identities[i].code);
    }
}

/* Units that can't be opened; one port, what KLINFO gets on it. */
static void
test_open_failures(void)
{
    static const struct {
        const char *at;
        const char *instead;
        guint strikes;
        KlErrorCode code;
    } failures[] = {
        {"AT+KLINFO?", "ERROR", 99, KL_ERROR_NO_AGENT},
        {"AT+KLINFO?", "+CME ERROR: 4", 99, KL_ERROR_NO_AGENT},
        {"AT+KLINFO?", "+CME ERROR: 531", 99, KL_ERROR_UNIT_STARTING},
        {"AT+KLINFO?", "+CME ERROR: 526", 99, KL_ERROR_COMMAND_REFUSED},
        {"AT+KLINFO?", "+CME ERROR: 999", 99, KL_ERROR_COMMAND_REFUSED},
        {"AT+KLINFO?", "OK", 99, KL_ERROR_ANSWER_GARBLED},
        {"AT+KLINFO?", "+KLINFO: \"protocol\",\"1\"|OK", 99, KL_ERROR_ANSWER_GARBLED},
        {"AT+KLINFO?", "+KLINFO: \"protocol\",\"2\"|OK", 99, KL_ERROR_AGENT_VERSION},
        {"AT+KLINFO?", "!", 1, KL_ERROR_PORT_GONE},
        {"ATI", "!", 1, KL_ERROR_PORT_GONE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(failures); i++) {
        g_auto(Bench) bench;
        g_autoptr(GError) error = NULL;
        bench_init(&bench);
        bench.wire[0].at = failures[i].at;
        bench.wire[0].instead = failures[i].instead;
        bench.wire[0].strikes = failures[i].strikes;
        g_assert_null(bench_open(&bench, FALSE, &error));
        assert_code(error, failures[i].code);
    }
}

static void
test_silent_ports(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    g_assert_null(bench_open_at(&bench, "mute:", NULL, &error));
    assert_code(error, KL_ERROR_NO_ANSWER);
    g_clear_error(&error);
    bench.wire[0].modem = ATI;
    wire_start(&bench.wire[0]);
    bench.wire[1].modem = ATI;
    wire_start(&bench.wire[1]);
    g_assert_null(bench_open_at(&bench, "mute:", bench.wire[1].address, &error)); /* a modem, no agent */
    assert_code(error, KL_ERROR_NO_AGENT);
    g_clear_error(&error);
    g_assert_nonnull(bench_open_at(&bench, "mute:", bench.wire[0].address, &error)); /* one port does for both */
    assert_unit(&bench, MODEL);
    kl_wp77_driver.close(g_steal_pointer(&bench.device));
    g_assert_nonnull(bench_open_at(&bench, bench.wire[0].address, bench.wire[0].address, &error)); /* named twice */
    kl_wp77_driver.close(g_steal_pointer(&bench.device));
    g_assert_null(bench_open_at(&bench, "pty:/nowhere", NULL, &error));
    assert_code(error, KL_ERROR_PORT_MISSING);
}

static void
test_two_agents(void)
{
    KlAgentIdentity other = {.imei = OTHER_IMEI, .fsn = FSN, .model = MODEL, .firmware = FIRMWARE};
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    g_autofree char *dir = g_build_filename(bench.dir, "other", NULL);
    KlHostStore *store = kl_host_store_open(dir, &other, "iks", NULL);
    bench.wire[1].agent = kl_agent_new(&kl_host_store_ops, store);
    g_assert_null(bench_open(&bench, FALSE, &error));
    assert_code(error, KL_ERROR_IDENTITY_MISMATCH);
    wire_stop(&bench.wire[1]);
    kl_agent_free(bench.wire[1].agent);
    kl_host_store_free(store);
    g_autoptr(GDir) left = g_dir_open(dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(left)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        g_unlink(path);
    }
    g_rmdir(dir);
}

/* A station was killed with a command in flight: its OK comes to the next station's first command. */
static void
test_stale_reply(void)
{
    g_auto(Bench) bench;
    bench_init(&bench);
    bench.wire[0].lags = TRUE;
    open_ok(&bench);
    assert_unit(&bench, MODEL);
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_wp77_driver.get_csr(bench.device, "device", "x", &bench.op, &error));
    assert_code(error, KL_ERROR_KEY_LOST); /* and not the OK of something else */
}

static void
test_install_faults(void)
{
    static const struct {
        const char *at;
        const char *instead;
        guint strikes;
        int code; /* -1: installed */
        const char *text;
    } faults[] = {
        {"AT+KLPUT=\"certificate\",\"180\"", "OK", 1, -1, NULL}, /* the piece is lost: ORDER, sent again */
        {"AT+KLPUT=\"certificate\",\"180\"", "OK", 2, KL_ERROR_INSTALL_REFUSED, "agent error 518"},
        {"AT+KLCOMMIT", "+CME ERROR: 522", 1, -1, NULL},
        {"AT+KLCOMMIT", "+CME ERROR: 522", 2, KL_ERROR_INSTALL_REFUSED, "agent error 522"},
        {"AT+KLCOMMIT", "+CME ERROR: 524", 1, KL_ERROR_INSTALL_REFUSED, "the unit's store failed (agent error 524)"},
        {"AT+KLCOMMIT", "ERROR", 1, KL_ERROR_INSTALL_REFUSED, "ERROR"},
        {"AT+KLPUT=\"certificate\",\"180\"", "!", 1, KL_ERROR_PORT_GONE, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_auto(Bench) bench;
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) data = some_data(500);
        bench_init(&bench);
        bench.op.progress = NULL; /* it starts over */
        bench.wire[0].at = faults[i].at;
        bench.wire[0].instead = faults[i].instead;
        bench.wire[0].strikes = faults[i].strikes;
        open_ok(&bench);
        gboolean ok = kl_wp77_driver.install(bench.device, "certificate", data, &bench.op, &error);
        g_assert_cmpint(ok, ==, faults[i].code == -1);
        if (ok)
            assert_stored(&bench, "certificate", data);
        else
            assert_code(error, (KlErrorCode)faults[i].code);
        if (faults[i].text != NULL)
            g_assert_nonnull(strstr(error->message, faults[i].text));
    }
}

static void
test_cancelled_between_commands(void)
{
    g_auto(Bench) bench;
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    bench_init(&bench);
    open_ok(&bench);
    bench.op.cancel = cancel;
    g_cancellable_cancel(cancel);
    g_assert_null(kl_wp77_driver.read_back(bench.device, &bench.op, &error));
    assert_code(error, KL_ERROR_CANCELLED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wp77/whole-life", test_whole_life);
    g_test_add_func("/wp77/refusals", test_refusals);
    g_test_add_data_func("/wp77/two-ports/straight", NULL, test_two_ports);
    g_test_add_data_func("/wp77/two-ports/crossed", "crossed", test_two_ports);
    g_test_add_func("/wp77/imei-by-cgsn", test_imei_by_cgsn);
    g_test_add_func("/wp77/second-modem", test_second_modem);
    g_test_add_func("/wp77/identities", test_identities);
    g_test_add_func("/wp77/open-failures", test_open_failures);
    g_test_add_func("/wp77/silent-ports", test_silent_ports);
    g_test_add_func("/wp77/two-agents", test_two_agents);
    g_test_add_func("/wp77/stale-reply", test_stale_reply);
    g_test_add_func("/wp77/install-faults", test_install_faults);
    g_test_add_func("/wp77/cancelled-between-commands", test_cancelled_between_commands);
    return g_test_run();
}
