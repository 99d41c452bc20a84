#include "activation_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t
given_or(uint32_t given, uint32_t otherwise)
{
    return given != 0 ? given : otherwise;
}

KlAgentBoot *
kl_agent_boot_new(const KlAgentOps *store, void *store_data, const KlAgentBootOps *ops, void *data,
                  const KlAgentBootTimes *times)
{
    static const KlAgentBootTimes none = {0};
    KlAgentBoot *boot = calloc(1, sizeof *boot);
    if (boot == NULL)
        return NULL;
    if (times == NULL)
        times = &none;
    boot->store = store;
    boot->store_data = store_data;
    boot->ops = ops;
    boot->data = data;
    boot->telemetry_due_ms = KL_BOOT_NEVER;
    boot->times = (KlAgentBootTimes){
        .link_ms = given_or(times->link_ms, 20000),
        .answer_ms = given_or(times->answer_ms, 10000),
        .retry_min_ms = given_or(times->retry_min_ms, 1000),
        .retry_max_ms = given_or(times->retry_max_ms, 900000),
        .telemetry_ms = given_or(times->telemetry_ms, 60000),
    };
    return boot;
}

void
kl_agent_boot_free(KlAgentBoot *boot)
{
    if (boot == NULL)
        return;
    kl_boot_drop_software(boot);
    free(boot);
}

/* --- beginning and end --- */

static void
begin(KlAgentBoot *boot, bool rehearsal)
{
    boot->rehearsal = rehearsal;
    boot->state = KL_AGENT_BOOT_CONNECTING;
    boot->trouble = KL_AGENT_TROUBLE_FINE;
    boot->detail[0] = '\0';
    boot->tries = 0;
    boot->telemetry_sent = 0;
    kl_boot_wait(boot, DUE_CONNECT, 0);
}

static void
stop(KlAgentBoot *boot)
{
    kl_boot_disconnect(boot);
    boot->state = KL_AGENT_BOOT_FRESH;
    boot->trouble = KL_AGENT_TROUBLE_FINE;
    boot->detail[0] = '\0';
    boot->rehearsal = false;
    boot->asked = false;
    boot->due = DUE_NOTHING;
    boot->record = (KlBootRecord){.version = 0};
    boot->parameters = (KlBootParameters){.has_key = false};
    boot->self = (KlBootSelf){.port = 0};
}

/* Whether it is, or is to be, in the field. */
static bool
has_begun(const KlAgentBoot *boot)
{
    return boot->state != KL_AGENT_BOOT_FRESH && !boot->rehearsal;
}

static int
new_record(KlAgentBoot *boot)
{
    boot->record = (KlBootRecord){.stage = KL_BOOT_STAGE_REQUEST};
    return boot->ops->random(boot->data, boot->record.seed, sizeof boot->record.seed) ? 0 : KL_AGENT_E_CRYPTO;
}

/* The parameters that were received. When they are lost, the unit asks for them again. */
static void
recall_parameters(KlAgentBoot *boot)
{
    uint8_t bytes[KL_BOOT_PARAMETERS_MAX];
    size_t len = 0;
    if (boot->record.stage == KL_BOOT_STAGE_REQUEST)
        return;
    if (boot->store->item_read(boot->store_data, KL_BOOT_RECEIVED, bytes, sizeof bytes, &len) != 0 ||
        kl_boot_parameters_read(bytes, len, &boot->parameters) != 0)
        boot->record.stage = KL_BOOT_STAGE_REQUEST;
}

int
kl_agent_boot_resume(KlAgentBoot *boot)
{
    int error = kl_boot_record_read(boot->store, boot->store_data, &boot->record);
    if (error != 0)
        return error == KL_AGENT_E_NO_ITEM ? 0 : error;
    recall_parameters(boot);
    begin(boot, false);
    return 0;
}

int
kl_agent_boot_start(KlAgentBoot *boot)
{
    if (boot->rehearsal)
        return KL_AGENT_E_BOOT_BEGUN;
    if (has_begun(boot))
        return 0;
    int error = boot->ops->self(boot->data, &boot->self);
    if (error == 0)
        error = new_record(boot);
    if (error == 0)
        error = kl_boot_record_write(boot->store, boot->store_data, &boot->record);
    if (error == 0)
        begin(boot, false);
    return error;
}

int
kl_agent_boot_rehearse(KlAgentBoot *boot, const char *address, const uint8_t pin[KL_AGENT_HASH_SIZE])
{
    if (has_begun(boot))
        return KL_AGENT_E_BOOT_BEGUN;
    stop(boot);
    int error = new_record(boot);
    if (error != 0)
        return error;
    snprintf(boot->address, sizeof boot->address, "%s", address);
    memcpy(boot->pin, pin, sizeof boot->pin);
    begin(boot, true);
    return 0;
}

/* Back to the first stage with no software, durably, before the hook is asked: after a power cut, the unit is one that
 * has begun, and a reset goes through all of this again. */
static int
take_software_back(KlAgentBoot *boot, KlBootRecord record)
{
    record.stage = KL_BOOT_STAGE_REQUEST;
    record.version = 0;
    int error = kl_boot_record_write(boot->store, boot->store_data, &record);
    if (error == 0 && !boot->ops->revert(boot->data))
        error = KL_AGENT_E_NOT_APPLIED;
    return error;
}

int
kl_agent_boot_reset(KlAgentBoot *boot)
{
    KlBootRecord record;
    stop(boot);
    int error = kl_boot_record_read(boot->store, boot->store_data, &record);
    if (error == 0)
        error = take_software_back(boot, record);
    return error != 0 && error != KL_AGENT_E_NO_ITEM ? error : kl_boot_state_remove(boot->store, boot->store_data);
}

void
kl_agent_boot_status(const KlAgentBoot *boot, KlAgentBootStatus *status)
{
    *status = (KlAgentBootStatus){
        .state = boot->state,
        .trouble = boot->trouble,
        .rehearsal = boot->rehearsal,
        .version = boot->record.version,
        .clock_s = boot->ops->clock_s(boot->data),
    };
    memcpy(status->detail, boot->detail, sizeof status->detail);
    memcpy(status->topic, boot->parameters.topic, sizeof status->topic);
    KlBootSelf self;
    if (boot->ops->self(boot->data, &self) != 0)
        return;
    snprintf(status->endpoint, sizeof status->endpoint, "%s:%u", self.host, self.port);
    memcpy(status->trust_sha256, self.trust_sha256, sizeof status->trust_sha256);
}

/* --- what happens --- */

static void
try_connect(KlAgentBoot *boot)
{
    const KlBootTarget target = {
        .self = &boot->self,
        .address = boot->rehearsal ? boot->address : NULL,
        .pin = boot->rehearsal ? boot->pin : NULL,
    };
    int error = boot->ops->self(boot->data, &boot->self);
    if (error != 0) {
        kl_boot_fail(boot, DUE_CONNECT, KL_AGENT_TROUBLE_INCOMPLETE, error, NULL);
        return;
    }
    boot->state = KL_AGENT_BOOT_CONNECTING;
    kl_boot_wait(boot, DUE_LINK, boot->times.link_ms);
    boot->ops->connect(boot->data, &target);
}

void
kl_agent_boot_connected(KlAgentBoot *boot)
{
    char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1];
    if (boot->due != DUE_LINK)
        return;
    kl_boot_filters(boot->self.device, filters);
    boot->ops->subscribe(boot->data, filters);
}

void
kl_agent_boot_subscribed(KlAgentBoot *boot, bool granted)
{
    if (boot->due != DUE_LINK)
        return;
    if (!granted) {
        kl_boot_fail(boot, DUE_CONNECT, KL_AGENT_TROUBLE_REFUSED, KL_AGENT_E_NO_LINK, "a subscription was not granted");
        return;
    }
    boot->linked = true;
    kl_boot_act(boot);
}

void
kl_agent_boot_lost(KlAgentBoot *boot, KlAgentBootTrouble trouble, const char *words)
{
    bool expected = boot->due == DUE_LINK || boot->linked;
    if (expected)
        kl_boot_fail(boot, DUE_CONNECT, trouble, KL_AGENT_E_NO_LINK, words);
}

static void
do_due(KlAgentBoot *boot, Due due)
{
    switch (due) {
    case DUE_CONNECT:
        try_connect(boot);
        break;
    case DUE_LINK:
        kl_boot_fail(boot, DUE_CONNECT, KL_AGENT_TROUBLE_UNREACHABLE, KL_AGENT_E_NO_REPLY, NULL);
        break;
    case DUE_SAY:
        kl_boot_act(boot);
        break;
    case DUE_ANSWER:
        kl_boot_miss_answer(boot);
        break;
    case DUE_NOTHING:
        break;
    }
}

static uint64_t
next_ms(const KlAgentBoot *boot)
{
    uint64_t due_ms = boot->due != DUE_NOTHING ? boot->due_ms : KL_BOOT_NEVER;
    return due_ms < boot->telemetry_due_ms ? due_ms : boot->telemetry_due_ms;
}

uint64_t
kl_agent_boot_tick(KlAgentBoot *boot)
{
    uint64_t now = boot->ops->now_ms(boot->data);
    if (boot->due != DUE_NOTHING && now >= boot->due_ms) {
        Due due = boot->due;
        boot->due = DUE_NOTHING;
        do_due(boot, due);
    }
    if (now >= boot->telemetry_due_ms)
        kl_boot_publish_telemetry(boot);
    return next_ms(boot);
}
