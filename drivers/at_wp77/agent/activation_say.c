#include "activation_private.h"

#include "codec.h"

#include <stdio.h>

static bool
say(KlAgentBoot *boot, KlBootSay what, const char *id)
{
    char topic[KL_BOOT_SAY_TOPIC_MAX + 1];
    char payload[KL_BOOT_SAY_PAYLOAD_MAX + 1];
    kl_boot_say(what, boot->self.device, id, boot->record.version, topic, payload);
    int ticket = boot->ops->publish(boot->data, topic, payload);
    if (ticket == 0)
        return false;
    boot->ticket = ticket;
    return true;
}

/* The ids are those of the record, so what is said again, even after a power cut, has the same one. */
static bool
say_by_record(KlAgentBoot *boot, KlBootSay what)
{
    char id[KL_BOOT_ID_CHARS + 1];
    return kl_boot_message_id(&boot->record, what, what == KL_BOOT_SAY_VERSION ? boot->record.version : 0, id) &&
           say(boot, what, id);
}

/* Once after each power-on, an active unit asks whether there is newer software; nobody has to answer. */
static void
ask_for_newer(KlAgentBoot *boot)
{
    uint8_t bytes[KL_BOOT_ID_CHARS / 2];
    char id[KL_BOOT_ID_CHARS + 1];
    if (boot->asked || boot->rehearsal || !boot->parameters.has_key ||
        !boot->ops->random(boot->data, bytes, sizeof bytes))
        return;
    kl_hex_encode(bytes, sizeof bytes, id);
    boot->asked = say(boot, KL_BOOT_SAY_ASK, id);
}

void
kl_boot_publish_telemetry(KlAgentBoot *boot)
{
    char payload[128];
    boot->telemetry_due_ms = boot->ops->now_ms(boot->data) + boot->times.telemetry_ms;
    if (boot->telemetry_ticket != 0)
        return;
    snprintf(payload, sizeof payload, "{\"state\":{\"reported\":{\"version\":%lld,\"message\":%llu,\"clock\":%lld}}}",
             (long long)boot->record.version, (unsigned long long)boot->telemetry_sent,
             (long long)boot->ops->clock_s(boot->data));
    boot->telemetry_ticket = boot->ops->publish(boot->data, boot->parameters.topic, payload);
    boot->telemetry_sent += boot->telemetry_ticket != 0;
}

static void
become_active(KlAgentBoot *boot)
{
    boot->state = KL_AGENT_BOOT_ACTIVE;
    boot->due = DUE_NOTHING;
    ask_for_newer(boot);
    kl_boot_publish_telemetry(boot);
}

/* Says what the stage has to say. */
void
kl_boot_act(KlAgentBoot *boot)
{
    bool said = false;
    switch (boot->record.stage) {
    case KL_BOOT_STAGE_REQUEST:
        boot->state = KL_AGENT_BOOT_REQUESTED;
        said = say_by_record(boot, KL_BOOT_SAY_REQUEST);
        break;
    case KL_BOOT_STAGE_CONFIRM:
        boot->state = KL_AGENT_BOOT_CONFIRMED;
        said = say_by_record(boot, KL_BOOT_SAY_CONFIRM);
        break;
    case KL_BOOT_STAGE_UPDATE:
        if (boot->state != KL_AGENT_BOOT_ACTIVE)
            boot->state = KL_AGENT_BOOT_UPDATING;
        /* Nobody may have heard the confirmation, though the broker took it: without it there is no software. */
        said = (boot->tries == 0 || say_by_record(boot, KL_BOOT_SAY_CONFIRM)) && say_by_record(boot, KL_BOOT_SAY_ASK);
        break;
    case KL_BOOT_STAGE_REPORT:
        boot->state = KL_AGENT_BOOT_UPDATING;
        said = say_by_record(boot, KL_BOOT_SAY_VERSION);
        break;
    case KL_BOOT_STAGE_ACTIVE:
        become_active(boot);
        return;
    }
    if (said)
        kl_boot_wait(boot, DUE_ANSWER, boot->times.answer_ms);
    else
        kl_boot_fail(boot, DUE_CONNECT, KL_AGENT_TROUBLE_UNREACHABLE, KL_AGENT_E_NO_LINK, NULL);
}

/* The next stage, with the version that runs now, is kept before anything of it is said. */
void
kl_boot_advance(KlAgentBoot *boot, KlBootStage stage, int64_t version)
{
    KlBootRecord next = boot->record;
    next.stage = stage;
    next.version = version;
    int error = boot->rehearsal ? 0 : kl_boot_record_write(boot->store, boot->store_data, &next);
    if (error != 0) {
        kl_boot_fail(boot, DUE_SAY, KL_AGENT_TROUBLE_OTHER, error, NULL);
        return;
    }
    boot->record = next;
    boot->tries = 0;
    boot->trouble = KL_AGENT_TROUBLE_FINE;
    boot->detail[0] = '\0';
    kl_boot_act(boot);
}

/* What was asked for did not come. A unit whose software does not come need not be silent for that: it goes on asking.
 */
void
kl_boot_miss_answer(KlAgentBoot *boot)
{
    if (boot->record.stage != KL_BOOT_STAGE_UPDATE) {
        kl_boot_fail(boot, DUE_SAY, KL_AGENT_TROUBLE_NO_ANSWER, KL_AGENT_E_NO_REPLY, NULL);
        return;
    }
    kl_boot_note(boot, KL_AGENT_TROUBLE_NO_ANSWER, KL_AGENT_E_NO_REPLY, "no software came");
    boot->state = KL_AGENT_BOOT_ACTIVE;
    if (!boot->rehearsal)
        kl_boot_wait(boot, DUE_SAY, kl_boot_retry_ms(boot));
    if (boot->telemetry_due_ms == KL_BOOT_NEVER)
        kl_boot_publish_telemetry(boot);
}

/* What the broker took counts as said: it reaches who has to hear it, by QoS 1. */
void
kl_agent_boot_published(KlAgentBoot *boot, int ticket, bool taken)
{
    if (ticket == boot->telemetry_ticket && ticket != 0) {
        boot->telemetry_ticket = 0;
        if (taken && boot->record.stage == KL_BOOT_STAGE_ACTIVE) {
            boot->tries = 0;
            boot->trouble = KL_AGENT_TROUBLE_FINE;
            boot->detail[0] = '\0';
        }
        if (!taken && !boot->rehearsal) /* a rehearsal's broker may know nothing of that topic */
            kl_boot_note(boot, KL_AGENT_TROUBLE_REFUSED, KL_AGENT_E_NO_LINK, "its telemetry was not taken");
        return;
    }
    if (ticket != boot->ticket || ticket == 0)
        return;
    boot->ticket = 0;
    if (!taken && boot->record.stage != KL_BOOT_STAGE_ACTIVE)
        kl_boot_fail(boot, DUE_SAY, KL_AGENT_TROUBLE_REFUSED, KL_AGENT_E_NO_LINK, "a message was not taken");
    else if (boot->record.stage == KL_BOOT_STAGE_CONFIRM)
        kl_boot_advance(boot, boot->parameters.has_key ? KL_BOOT_STAGE_UPDATE : KL_BOOT_STAGE_ACTIVE,
                        boot->record.version);
    else if (boot->record.stage == KL_BOOT_STAGE_REPORT)
        kl_boot_advance(boot, KL_BOOT_STAGE_ACTIVE, boot->record.version);
}
