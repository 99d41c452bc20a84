/* Bytes from a station, or from anybody, into the agent's line discipline and its commands, over a device in memory
 * with one real key behind all its slots. Byte 1 is a restart, byte 2 cuts the power at the next change of the store.
 * Every line gets exactly one final line, no line is too long or holds anything of the key, what succeeds can be read
 * by the station's driver, and no locked key is ever lost. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "certs/csr.h"
#include "drivers/at_wp77/agent/host/host_line.h"
#include "drivers/at_wp77/agent/softkey.h"
#include "drivers/at_wp77/wp77_answers.h"
#include "drivers/at_wp77/wp77_identity.h"
#include "tests/agent_fake.h"
#include "tests/fuzz/fuzz.h"

#define RESTART 1
#define POWER_CUT 2
#define SECRET_SIZE 32

static guint8 key_der[KL_SOFTKEY_MAX];
static gsize key_length;
static guint8 key_point[65];
static guint8 secret[SECRET_SIZE];
static char secret_hex[2 * SECRET_SIZE + 1];
static KlAgentOps ops;

/* A port with an agent behind it, and the command that runs. */
typedef struct {
    Unit *unit;
    KlHostLine *line;
    KlAgentOut wire;
    gpointer wire_data;
    guint commands;
} Port;

static int
real_key_public(void *data, const char *slot, guint8 point[65])
{
    int error = fake_key_public(data, slot, point);
    memcpy(point, key_point, sizeof key_point);
    return error;
}

static int
real_key_sign(void *data, const char *slot, const guint8 digest[32], guint8 raw[64])
{
    int error = fake_key_sign(data, slot, digest, raw);
    if (error == 0 && !kl_softkey_sign(key_der, key_length, digest, raw))
        error = KL_AGENT_E_KEYSTORE;
    return error;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    g_assert_true(kl_softkey_generate(key_der, &key_length));
    g_assert_true(kl_softkey_public(key_der, key_length, key_point));
    const guint8 *at = key_der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)key_length);
    BIGNUM *number = NULL;
    g_assert_true(EVP_PKEY_get_bn_param(key, "priv", &number) == 1);
    BN_bn2binpad(number, secret, sizeof secret);
    for (gsize i = 0; i < sizeof secret; i++)
        g_snprintf(secret_hex + 2 * i, 3, "%02x", secret[i]);
    BN_free(number);
    EVP_PKEY_free(key);
    ops = fake_ops;
    ops.key_public = real_key_public;
    ops.key_sign = real_key_sign;
    return 0;
}

static void
restart(Port *port)
{
    kl_agent_free(port->unit->agent);
    port->unit->agent = kl_agent_new(&ops, &port->unit->device);
    port->unit->device.changes_left = NO_FAULT;
    kl_host_line_reset(port->line);
}

static void
assert_no_secret(GBytes *bytes)
{
    g_assert_null(memmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), secret, sizeof secret));
}

/* A response line on its way to the wire. */
static void
respond(void *data, KlAgentRsp kind, const char *text)
{
    Port *port = data;
    collect(port->unit, kind, text);
    g_assert_null(strstr(text, "PRIVATE KEY"));
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_assert_null(strstr(lower, secret_hex));
    port->wire(port->wire_data, kind, text);
}

/* The lines of an answer, by the driver of the station. */
static void
check_csr(const GPtrArray *lines, const char *common_name)
{
    static const KlProfile strict = {.allow_null_parameter = FALSE};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) der = kl_wp77_csr_parse(lines, &error);
    g_assert_no_error(error);
    assert_no_secret(der);
    g_autoptr(KlCsr) csr = kl_csr_check(der, &strict, common_name, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(csr->der, der));
}

static void
check_proof(const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) proof = kl_wp77_proof_parse(lines, &error);
    g_assert_no_error(error);
    assert_no_secret(proof);
}

static void
check_keys(const GPtrArray *lines, const KlAgentLine *command)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlKeyInfo) info = {0};
    if (command->type == KL_AGENT_READ)
        kl_wp77_key_list_parse(lines, "device", &info, &error);
    else
        kl_wp77_key_made_parse(lines, &info, &error);
    g_assert_no_error(error);
}

static void
check_items(const Unit *unit, const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) items = kl_wp77_items_parse(lines, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(items->len, ==, g_hash_table_size(unit->device.items));
    gsize total = 0;
    for (guint i = 0; i < items->len; i++)
        total += ((const KlItemInfo *)items->pdata[i])->length;
    g_assert_cmpuint(total, <=, KL_AGENT_ITEMS_TOTAL);
}

static void
check_commit(const Unit *unit, const KlAgentLine *command)
{
    const GByteArray *stored = g_hash_table_lookup(unit->device.items, command->parameters[0]);
    g_assert_nonnull(stored);
    g_assert_cmpuint(stored->len, ==, g_ascii_strtoull(command->parameters[1], NULL, 10));
    g_autofree char *hash = hash_hex(stored->data, stored->len);
    g_assert_cmpint(g_ascii_strcasecmp(hash, command->parameters[2]), ==, 0);
}

static void
check_info(const Device *device, const GPtrArray *lines)
{
    g_autoptr(GError) error = NULL;
    g_auto(KlWp77Info) info = {0};
    g_assert_true(kl_wp77_info_parse(lines, &info, &error));
    g_autoptr(KlUnit) unit = kl_wp77_unit_new(&info, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(unit->imei, ==, device->identity.imei);
}

/* What a command that ended with OK has answered and done. */
static void
check_success(const Unit *unit, const char *line, gsize len)
{
    char name[KL_AGENT_NAME_MAX + 1];
    KlAgentLine command;
    gsize end = kl_agent_lex_name(line, len, name);
    if (end == 0 || !g_str_has_prefix(name, "KL"))
        return;
    g_assert_cmpint(kl_agent_lex(line, len, end, &command), ==, 0);
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    for (guint i = 0; i + 1 < unit->lines->len; i++)
        g_ptr_array_add(lines, unit->lines->pdata[i]);
    fuzz_accepted++;
    if (command.type == KL_AGENT_TEST)
        g_assert_cmpuint(lines->len, ==, 0);
    else if (strcmp(name, "KLINFO") == 0)
        check_info(&unit->device, lines);
    else if (strcmp(name, "KLKEY") == 0)
        check_keys(lines, &command);
    else if (strcmp(name, "KLCSR") == 0)
        check_csr(lines, command.parameters[1]);
    else if (strcmp(name, "KLPROVE") == 0)
        check_proof(lines);
    else if (strcmp(name, "KLITEM") == 0)
        check_items(unit, lines);
    else if (strcmp(name, "KLCOMMIT") == 0)
        check_commit(unit, &command);
}

static GPtrArray *
locked_slots(const Unit *unit)
{
    GPtrArray *slots = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter at;
    gpointer slot, state;
    g_hash_table_iter_init(&at, unit->device.keys);
    while (g_hash_table_iter_next(&at, &slot, &state)) {
        if (strcmp(state, "locked") == 0)
            g_ptr_array_add(slots, g_strdup(slot));
    }
    return slots;
}

static void
handle(gpointer data, const char *line, gsize len, KlAgentOut out, gpointer out_data)
{
    Port *port = data;
    Unit *unit = port->unit;
    g_autoptr(GPtrArray) locked = locked_slots(unit);
    g_ptr_array_set_size(unit->lines, 0);
    unit->finals = 0;
    port->wire = out;
    port->wire_data = out_data;
    port->commands++;
    g_autofree char *copy = g_memdup2(line, len); /* a block of its own: AddressSanitizer sees reads beyond it */
    if (!kl_host_line_basic(port->line, copy, len, respond, port) &&
        !kl_agent_command(unit->agent, copy, len, respond, port))
        respond(port, KL_AGENT_FINAL, "ERROR");
    g_assert_cmpuint(unit->finals, ==, 1);
    for (guint i = 0; i < locked->len; i++)
        g_assert_cmpstr(g_hash_table_lookup(unit->device.keys, locked->pdata[i]), ==, "locked");
    if (strcmp(unit->lines->pdata[unit->lines->len - 1], "OK") == 0)
        check_success(unit, copy, len);
}

static void
discard(gpointer data, const guint8 *bytes, gsize len)
{
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    Port port = {.unit = unit_new()};
    g_autoptr(KlHostLine) line = kl_host_line_new(handle, &port, discard, NULL);
    guint crs = 0;
    port.line = line;
    restart(&port);
    for (gsize i = 0; i < size; i++) {
        if (data[i] == RESTART)
            restart(&port);
        else if (data[i] == POWER_CUT)
            port.unit->device.changes_left = 0;
        else
            kl_host_line_feed(line, &data[i], 1);
        crs += data[i] == '\r';
    }
    g_assert_cmpuint(port.commands, <=, crs);
    unit_free(port.unit);
    return 0;
}
