#include "commands_boot.h"

#include "activation_message.h"
#include "codec.h"

#include <stdio.h>
#include <string.h>

void
kl_agent_answer_pair(KlAgentOut out, void *out_data, const char *name, const char *key, const char *value)
{
    char safe[300];
    char line[KL_AGENT_RESPONSE_MAX + 1];
    size_t n = 0;
    for (; value[n] != '\0' && n + 1 < sizeof safe; n++)
        safe[n] = (value[n] < 0x20 || value[n] > 0x7e || value[n] == '"') ? '?' : value[n];
    safe[n] = '\0';
    snprintf(line, sizeof line, "+%s: \"%s\",\"%s\"", name, key, safe);
    out(out_data, KL_AGENT_INTERMEDIATE, line);
}

static void
answer_text(const KlAgentBootCall *call, const char *key, const char *value)
{
    kl_agent_answer_pair(call->out, call->out_data, "KLBOOT", key, value);
}

int
kl_agent_boot_command(const KlAgentBootCall *call)
{
    if (call->boot == NULL)
        return KL_AGENT_E_SYNTAX;
    if (strcmp(call->parameters[0], "start") == 0)
        return call->boot->start(call->data);
    if (strcmp(call->parameters[0], "reset") == 0)
        return call->boot->reset(call->data);
    return KL_AGENT_E_PARAMETER;
}

int
kl_agent_boot_rehearse_command(const KlAgentBootCall *call)
{
    const char *address = call->parameters[1];
    char host[KL_BOOT_HOST_MAX + 1];
    uint16_t port = 0;
    uint8_t sha256[KL_AGENT_HASH_SIZE];
    if (call->boot == NULL)
        return KL_AGENT_E_SYNTAX;
    if (strcmp(call->parameters[0], "rehearse") != 0 || strchr(address, ':') == NULL ||
        !kl_boot_address_read(address, host, &port) || !kl_hex_decode(call->parameters[2], sha256, sizeof sha256))
        return KL_AGENT_E_PARAMETER;
    return call->boot->rehearse(call->data, address, sha256);
}

static void
answer_number(const KlAgentBootCall *call, const char *key, long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", number);
    answer_text(call, key, text);
}

int
kl_agent_boot_status_command(const KlAgentBootCall *call)
{
#define WORD(name, word) word,
    static const char *const states[] = {KL_AGENT_BOOT_STATES(WORD)};
    static const char *const troubles[] = {KL_AGENT_BOOT_TROUBLES(WORD)};
#undef WORD
    KlAgentBootStatus status;
    if (call->boot == NULL)
        return KL_AGENT_E_SYNTAX;
    call->boot->status(call->data, &status);
    answer_text(call, "state", states[status.state]);
    answer_text(call, "trouble", troubles[status.trouble]);
    answer_text(call, "detail", status.detail);
    answer_number(call, "rehearsal", status.rehearsal);
    answer_number(call, "version", status.version);
    answer_number(call, "clock", status.clock_s);
    answer_text(call, "endpoint", status.endpoint);
    answer_text(call, "topic", status.topic);
    answer_text(call, "trust", status.trust_sha256);
    return 0;
}
