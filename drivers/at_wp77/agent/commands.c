#include "commands.h"

#include "codec.h"
#include "commands_boot.h"
#include "items.h"
#include "pkcs10.h"
#include "sign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_HEX_SIZE (2 * KL_AGENT_HASH_SIZE + 1)
#define CSR_PIECE_SIZE 192 /* DER bytes in one response line: 256 characters */

struct KlAgent {
    const KlAgentOps *ops;
    void *data;
    const KlAgentBootControl *boot; /* NULL: it has no first boot */
    void *boot_data;
    KlItems items;
};

/* One command on its way: its parameters, already counted and of legal length, and where its answer goes. */
typedef struct {
    KlAgent *agent;
    const char *const *parameters;
    KlAgentOut out;
    void *out_data;
} Call;

typedef struct {
    const char *name;
    KlAgentType type;
    size_t n_parameters;
    int (*run)(const Call *call);
} Command;

KlAgent *
kl_agent_new(const KlAgentOps *ops, void *ops_data)
{
    KlAgent *agent = calloc(1, sizeof *agent);
    if (agent != NULL) {
        agent->ops = ops;
        agent->data = ops_data;
    }
    return agent;
}

void
kl_agent_set_boot(KlAgent *agent, const KlAgentBootControl *boot, void *boot_data)
{
    agent->boot = boot;
    agent->boot_data = boot_data;
}

void
kl_agent_free(KlAgent *agent)
{
    free(agent);
}

static void answer(const Call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends one intermediate line. */
static void
answer(const Call *call, const char *format, ...)
{
    char line[KL_AGENT_RESPONSE_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    call->out(call->out_data, KL_AGENT_INTERMEDIATE, line);
}

static bool
is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* 1..max characters, each a letter, a digit or one of `more`. */
static bool
is_word(const char *text, size_t max, const char *more)
{
    size_t len = strlen(text);
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alphanumeric(text[i]) && strchr(more, text[i]) == NULL)
            return false;
    return true;
}

static bool
is_slot_name(const char *text)
{
    return is_word(text, KL_AGENT_SLOT_MAX, "-_");
}

static void
answer_info(const Call *call, const char *key, const char *value)
{
    kl_agent_answer_pair(call->out, call->out_data, "KLINFO", key, value);
}

static int
run_info(const Call *call)
{
    const KlAgentOps *ops = call->agent->ops;
    void *data = call->agent->data;
    KlAgentIdentity identity = {0};
    int error = ops->identity(data, &identity);
    if (error != 0)
        return error;
    char boot[KL_AGENT_BOOT_CHARS + 1] = "";
    error = ops->boot_id(data, boot);
    if (error != 0)
        return error;
    answer_info(call, "protocol", KL_AGENT_PROTOCOL);
    answer_info(call, "agent", KL_AGENT_VERSION);
    answer_info(call, "keystore", ops->backend(data, NULL));
    answer_info(call, "imei", identity.imei);
    answer_info(call, "fsn", identity.fsn);
    answer_info(call, "model", identity.model);
    answer_info(call, "firmware", identity.firmware);
    answer_info(call, "boot", boot);
    if (call->agent->boot != NULL)
        answer_info(call, "first-boot", "1");
    return 0;
}

/* Hash of the SubjectPublicKeyInfo of the slot's key, in hex. */
static int
key_hash(KlAgent *agent, const char *slot, char hex[HASH_HEX_SIZE])
{
    uint8_t point[KL_P256_POINT_SIZE];
    int error = agent->ops->key_public(agent->data, slot, point);
    if (error != 0)
        return error;
    uint8_t spki[KL_P256_SPKI_SIZE];
    if (!kl_p256_spki(point, spki))
        return KL_AGENT_E_KEYSTORE;
    uint8_t digest[KL_AGENT_HASH_SIZE];
    error = agent->ops->sha256(agent->data, spki, sizeof spki, digest);
    if (error == 0)
        kl_hex_encode(digest, sizeof digest, hex);
    return error;
}

/* 0 when the slot is free and one more key fits. */
static int
check_free_slot(KlAgent *agent, const char *slot)
{
    uint8_t point[KL_P256_POINT_SIZE];
    int error = agent->ops->key_public(agent->data, slot, point);
    if (error == 0)
        return KL_AGENT_E_SLOT_USED;
    if (error != KL_AGENT_E_NO_KEY)
        return error;
    KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
    size_t n = 0;
    error = agent->ops->key_list(agent->data, slots, &n);
    if (error != 0)
        return error;
    return n >= KL_AGENT_SLOTS_MAX ? KL_AGENT_E_SLOTS_FULL : 0;
}

static int
run_key_create(const Call *call)
{
    KlAgent *agent = call->agent;
    const char *slot = call->parameters[0];
    if (!is_slot_name(slot))
        return KL_AGENT_E_SLOT;
    if (strcmp(call->parameters[1], "ec-p256") != 0)
        return KL_AGENT_E_KEY_TYPE;
    int error = check_free_slot(agent, slot);
    if (error == 0)
        error = agent->ops->key_create(agent->data, slot);
    char hex[HASH_HEX_SIZE];
    if (error == 0)
        error = key_hash(agent, slot, hex);
    if (error == 0)
        answer(call, "+KLKEY: \"%s\",\"%s\"", hex, agent->ops->backend(agent->data, slot));
    return error;
}

static int
run_key_list(const Call *call)
{
    KlAgent *agent = call->agent;
    KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
    size_t n = 0;
    int error = agent->ops->key_list(agent->data, slots, &n);
    for (size_t i = 0; error == 0 && i < n; i++) {
        const char *slot = slots[i].name;
        char hex[HASH_HEX_SIZE];
        bool locked = false;
        error = key_hash(agent, slot, hex);
        if (error == 0)
            error = agent->ops->key_locked(agent->data, slot, &locked);
        if (error == 0)
            answer(call, "+KLKEY: \"%s\",\"%s\",\"%s\",\"%s\"", slot, hex, agent->ops->backend(agent->data, slot),
                   locked ? "locked" : "open");
    }
    return error;
}

static int
run_csr(const Call *call)
{
    KlAgent *agent = call->agent;
    if (!is_slot_name(call->parameters[0]))
        return KL_AGENT_E_SLOT;
    if (!is_word(call->parameters[1], KL_PKCS10_CN_MAX, "-._:"))
        return KL_AGENT_E_PARAMETER;
    uint8_t der[KL_PKCS10_MAX];
    size_t len = 0;
    int error = kl_sign_request(agent->ops, agent->data, call->parameters[0], call->parameters[1], der, &len);
    uint8_t digest[KL_AGENT_HASH_SIZE];
    if (error == 0)
        error = agent->ops->sha256(agent->data, der, len, digest);
    if (error != 0)
        return error;
    for (size_t offset = 0; offset < len; offset += CSR_PIECE_SIZE) {
        char text[KL_BASE64_CHARS(CSR_PIECE_SIZE) + 1];
        size_t n = len - offset < CSR_PIECE_SIZE ? len - offset : CSR_PIECE_SIZE;
        kl_base64_encode(der + offset, n, text);
        answer(call, "+KLCSR: %zu,%zu,\"%s\"", offset, len, text);
    }
    char hex[HASH_HEX_SIZE];
    kl_hex_encode(digest, sizeof digest, hex);
    answer(call, "+KLCSR: \"%s\"", hex);
    return 0;
}

static int
run_put(const Call *call)
{
    uint8_t bytes[KL_AGENT_PIECE_MAX];
    size_t offset = 0;
    size_t len = 0;
    if (!kl_decimal_decode(call->parameters[1], &offset) ||
        !kl_base64_decode(call->parameters[2], bytes, sizeof bytes, &len) || len == 0)
        return KL_AGENT_E_PARAMETER;
    return kl_items_put(&call->agent->items, call->parameters[0], offset, bytes, len);
}

static int
run_commit(const Call *call)
{
    KlAgent *agent = call->agent;
    uint8_t sha256[KL_AGENT_HASH_SIZE];
    size_t len = 0;
    if (!kl_decimal_decode(call->parameters[1], &len) || !kl_hex_decode(call->parameters[2], sha256, sizeof sha256))
        return KL_AGENT_E_PARAMETER;
    return kl_items_commit(&agent->items, agent->ops, agent->data, call->parameters[0], len, sha256);
}

static int
run_item_list(const Call *call)
{
    KlAgent *agent = call->agent;
    KlItemState states[KL_AGENT_ITEMS];
    size_t n = 0;
    int error = kl_items_list(&agent->items, agent->ops, agent->data, states, &n);
    for (size_t i = 0; error == 0 && i < n; i++) {
        char hex[HASH_HEX_SIZE];
        kl_hex_encode(states[i].sha256, sizeof states[i].sha256, hex);
        answer(call, "+KLITEM: \"%s\",\"%zu\",\"%s\"", states[i].name, states[i].len, hex);
    }
    return error;
}

static int
run_prove(const Call *call)
{
    KlAgent *agent = call->agent;
    const char *slot = call->parameters[0];
    uint8_t nonce[KL_AGENT_NONCE_SIZE];
    if (!is_slot_name(slot))
        return KL_AGENT_E_SLOT;
    if (!kl_hex_decode(call->parameters[1], nonce, sizeof nonce))
        return KL_AGENT_E_PARAMETER;
    uint8_t der[KL_ECDSA_DER_MAX];
    size_t len = 0;
    int error = kl_sign_proof(agent->ops, agent->data, slot, nonce, der, &len);
    if (error != 0)
        return error;
    char text[KL_BASE64_CHARS(KL_ECDSA_DER_MAX) + 1];
    kl_base64_encode(der, len, text);
    answer(call, "+KLPROVE: \"%s\"", text);
    return 0;
}

/* Whether any slot is locked: the items then belong to a finished unit. */
static int
any_locked(KlAgent *agent, bool *any)
{
    KlAgentSlot slots[KL_AGENT_SLOTS_MAX];
    size_t n = 0;
    *any = false;
    int error = agent->ops->key_list(agent->data, slots, &n);
    for (size_t i = 0; error == 0 && i < n && !*any; i++)
        error = agent->ops->key_locked(agent->data, slots[i].name, any);
    return error;
}

/* Items go before the key: a power cut between the two leaves a key without a certificate, from which the station can
 * go on, and never a certificate whose key is gone. */
static int
run_delete(const Call *call)
{
    KlAgent *agent = call->agent;
    const char *slot = call->parameters[0];
    if (!is_slot_name(slot))
        return KL_AGENT_E_SLOT;
    uint8_t point[KL_P256_POINT_SIZE];
    if (agent->ops->key_public(agent->data, slot, point) == KL_AGENT_E_NO_KEY)
        return KL_AGENT_E_NO_KEY;
    bool locked = true;
    int error = agent->ops->key_locked(agent->data, slot, &locked);
    if (error != 0)
        return error;
    if (locked)
        return KL_AGENT_E_LOCKED;
    bool keep_items = true;
    error = any_locked(agent, &keep_items);
    if (error == 0 && !keep_items) {
        kl_items_forget(&agent->items);
        error = agent->boot != NULL ? agent->boot->reset(agent->boot_data) : 0;
    }
    if (error == 0 && !keep_items)
        error = kl_items_remove(agent->ops, agent->data);
    return error != 0 ? error : agent->ops->key_delete(agent->data, slot);
}

static int
run_lock(const Call *call)
{
    KlAgent *agent = call->agent;
    const char *slot = call->parameters[0];
    if (!is_slot_name(slot))
        return KL_AGENT_E_SLOT;
    uint8_t point[KL_P256_POINT_SIZE];
    int error = agent->ops->key_public(agent->data, slot, point);
    bool locked = false;
    if (error == 0)
        error = agent->ops->key_locked(agent->data, slot, &locked);
    if (error == 0 && !locked)
        error = agent->ops->key_lock(agent->data, slot);
    return error;
}

static KlAgentBootCall
boot_call(const Call *call)
{
    const KlAgent *agent = call->agent;
    return (KlAgentBootCall){agent->boot, agent->boot_data, call->parameters, call->out, call->out_data};
}

static int
run_boot(const Call *call)
{
    const KlAgentBootCall boot = boot_call(call);
    return kl_agent_boot_command(&boot);
}

static int
run_boot_rehearse(const Call *call)
{
    const KlAgentBootCall boot = boot_call(call);
    return kl_agent_boot_rehearse_command(&boot);
}

static int
run_boot_status(const Call *call)
{
    const KlAgentBootCall boot = boot_call(call);
    return kl_agent_boot_status_command(&boot);
}

static const Command commands[] = {
    {"KLINFO", KL_AGENT_READ, 0, run_info},        {"KLKEY", KL_AGENT_PARAMETERS, 2, run_key_create},
    {"KLKEY", KL_AGENT_READ, 0, run_key_list},     {"KLCSR", KL_AGENT_PARAMETERS, 2, run_csr},
    {"KLPUT", KL_AGENT_PARAMETERS, 3, run_put},    {"KLCOMMIT", KL_AGENT_PARAMETERS, 3, run_commit},
    {"KLITEM", KL_AGENT_READ, 0, run_item_list},   {"KLPROVE", KL_AGENT_PARAMETERS, 2, run_prove},
    {"KLDEL", KL_AGENT_PARAMETERS, 1, run_delete}, {"KLLOCK", KL_AGENT_PARAMETERS, 1, run_lock},
    {"KLBOOT", KL_AGENT_PARAMETERS, 1, run_boot},  {"KLBOOT", KL_AGENT_PARAMETERS, 3, run_boot_rehearse},
    {"KLBOOT", KL_AGENT_READ, 0, run_boot_status},
};

const char *const *
kl_agent_command_names(size_t *n)
{
    static const char *const names[] = {"KLINFO", "KLKEY",   "KLCSR", "KLPUT",  "KLCOMMIT",
                                        "KLITEM", "KLPROVE", "KLDEL", "KLLOCK", "KLBOOT"};
    *n = sizeof names / sizeof names[0];
    return names;
}

static bool
is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return true;
    return false;
}

int
kl_agent_execute(KlAgent *agent, const char *name, KlAgentType type, const char *const *parameters, size_t n,
                 KlAgentOut out, void *out_data)
{
    if (type == KL_AGENT_TEST && is_ours(name))
        return 0;
    for (size_t i = 0; i < n; i++)
        if (strlen(parameters[i]) > KL_AGENT_PARAMETER_MAX)
            return KL_AGENT_E_TOO_LONG;
    const Call call = {agent, parameters, out, out_data};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const Command *command = &commands[i];
        if (strcmp(command->name, name) == 0 && command->type == type && command->n_parameters == n)
            return command->run(&call);
    }
    return KL_AGENT_E_SYNTAX;
}

bool
kl_agent_command(KlAgent *agent, const char *line, size_t len, KlAgentOut out, void *out_data)
{
    char name[KL_AGENT_NAME_MAX + 1];
    size_t name_end = kl_agent_lex_name(line, len, name);
    if (name_end == 0 || !is_ours(name))
        return false;
    KlAgentLine parsed;
    int error = kl_agent_lex(line, len, name_end, &parsed);
    if (error == 0) {
        const char *parameters[KL_AGENT_PARAMETERS_MAX];
        for (size_t i = 0; i < parsed.n_parameters; i++)
            parameters[i] = parsed.parameters[i];
        error = kl_agent_execute(agent, name, parsed.type, parameters, parsed.n_parameters, out, out_data);
    }
    char final[32] = "OK";
    if (error != 0)
        snprintf(final, sizeof final, "+CME ERROR: %d", error);
    out(out_data, KL_AGENT_FINAL, final);
    return true;
}
