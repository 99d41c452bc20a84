#include "activation_private.h"

#include <stdlib.h>

static int
take_parameters(KlAgentBoot *boot, const uint8_t *payload, size_t len)
{
    KlBootParameters parameters;
    if (boot->record.stage != KL_BOOT_STAGE_REQUEST)
        return 0;
    int error = kl_boot_parameters_read(payload, len, &parameters);
    if (error != 0) {
        kl_boot_fail(boot, DUE_SAY, KL_AGENT_TROUBLE_BAD_PARAMETERS, error, NULL);
        return error;
    }
    if (!boot->rehearsal)
        error = boot->store->item_write(boot->store_data, KL_BOOT_RECEIVED, payload, len);
    if (error != 0) {
        kl_boot_fail(boot, DUE_SAY, KL_AGENT_TROUBLE_OTHER, error, NULL);
        return error;
    }
    boot->parameters = parameters;
    kl_boot_advance(boot, KL_BOOT_STAGE_CONFIRM, boot->record.version);
    return 0;
}

/* A software that did not come to anything: an active unit goes on with the one that it has. */
static int
refuse_software(KlAgentBoot *boot, KlAgentBootTrouble trouble, int error)
{
    kl_boot_drop_software(boot);
    if (boot->record.stage == KL_BOOT_STAGE_ACTIVE)
        kl_boot_note(boot, trouble, error, NULL);
    else
        kl_boot_fail(boot, DUE_SAY, trouble, error, NULL);
    return error;
}

/* Once both of its messages are there, in whichever order. */
static int
judge_software(KlAgentBoot *boot)
{
    if (!boot->has_notice || boot->software == NULL)
        return 0;
    const KlBootNotice notice = boot->notice;
    int64_t running = boot->record.version;
    int error = kl_boot_software_check(&notice, boot->software, boot->software_size, boot->parameters.software_key);
    if (error == 0 && notice.version < running)
        error = KL_AGENT_E_SOFTWARE_OLD;
    if (error != 0)
        return refuse_software(boot, KL_AGENT_TROUBLE_BAD_SOFTWARE, error);
    bool applied = notice.version == running || boot->rehearsal ||
                   boot->ops->apply(boot->data, notice.version, boot->software, boot->software_size);
    if (!applied)
        return refuse_software(boot, KL_AGENT_TROUBLE_NOT_APPLIED, KL_AGENT_E_NOT_APPLIED);
    kl_boot_drop_software(boot);
    boot->asked = true;
    /* Told even if it runs already: perhaps nobody heard of that before. */
    kl_boot_advance(boot, KL_BOOT_STAGE_REPORT, notice.version);
    return 0;
}

static int
take_software(KlAgentBoot *boot, KlBootTopic topic, const uint8_t *payload, size_t len)
{
    int error;
    if (!boot->parameters.has_key ||
        (boot->record.stage != KL_BOOT_STAGE_UPDATE && boot->record.stage != KL_BOOT_STAGE_ACTIVE))
        return 0;
    if (topic == KL_BOOT_TOPIC_NOTICE) {
        error = kl_boot_notice_read(payload, len, &boot->notice);
        boot->has_notice = error == 0;
    } else {
        free(boot->software);
        error = kl_boot_software_read(payload, len, &boot->software, &boot->software_size);
    }
    return error != 0 ? refuse_software(boot, KL_AGENT_TROUBLE_BAD_SOFTWARE, error) : judge_software(boot);
}

int
kl_agent_boot_message(KlAgentBoot *boot, const char *topic, const uint8_t *payload, size_t len, bool retained)
{
    KlBootTopic kind = kl_boot_topic(topic, boot->self.device);
    if (payload == NULL) /* an empty message has none */
        payload = (const uint8_t *)"";
    if (kind == KL_BOOT_TOPIC_FOREIGN || retained)
        return KL_AGENT_E_MESSAGE_FOREIGN;
    if (!boot->linked || kind == KL_BOOT_TOPIC_IGNORED)
        return 0;
    return kind == KL_BOOT_TOPIC_PARAMETERS ? take_parameters(boot, payload, len)
                                            : take_software(boot, kind, payload, len);
}
