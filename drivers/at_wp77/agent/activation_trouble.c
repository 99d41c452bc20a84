#include "activation_private.h"

#include <stdio.h>
#include <stdlib.h>

#define SHIFTS_MAX 20 /* of the wait before another try */

void
kl_boot_wait(KlAgentBoot *boot, Due due, uint64_t ms)
{
    boot->due = due;
    boot->due_ms = boot->ops->now_ms(boot->data) + ms;
}

/* Exponential, with full jitter: units that lost their broker together don't come back together. */
uint64_t
kl_boot_retry_ms(KlAgentBoot *boot)
{
    uint8_t bytes[4];
    unsigned shifts = boot->tries < SHIFTS_MAX ? boot->tries : SHIFTS_MAX;
    uint64_t longest = (uint64_t)boot->times.retry_min_ms << shifts;
    if (longest > boot->times.retry_max_ms)
        longest = boot->times.retry_max_ms;
    boot->tries++;
    if (!boot->ops->random(boot->data, bytes, sizeof bytes))
        return longest;
    uint32_t chance = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return (longest * chance) >> 32;
}

static const char *
error_words(int number)
{
    switch (number) {
#define WORDS(name, value, text)                                                                                       \
    case value:                                                                                                        \
        return text;
        KL_AGENT_ERRORS(WORDS)
#undef WORDS
    default:
        return "";
    }
}

void
kl_boot_note(KlAgentBoot *boot, KlAgentBootTrouble trouble, int number, const char *words)
{
    boot->trouble = trouble;
    snprintf(boot->detail, sizeof boot->detail, "%d %s", number, words != NULL ? words : error_words(number));
}

void
kl_boot_drop_software(KlAgentBoot *boot)
{
    free(boot->software);
    boot->software = NULL;
    boot->software_size = 0;
    boot->has_notice = false;
}

void
kl_boot_disconnect(KlAgentBoot *boot)
{
    boot->linked = false;
    boot->ticket = 0;
    boot->telemetry_ticket = 0;
    boot->telemetry_due_ms = KL_BOOT_NEVER;
    kl_boot_drop_software(boot);
    boot->ops->disconnect(boot->data);
}

/* A rehearsal ends with its first trouble; in the field, the boot tries again. */
void
kl_boot_fail(KlAgentBoot *boot, Due again, KlAgentBootTrouble trouble, int number, const char *words)
{
    kl_boot_note(boot, trouble, number, words);
    boot->ticket = 0;
    if (boot->rehearsal || again == DUE_CONNECT)
        kl_boot_disconnect(boot);
    if (boot->rehearsal) {
        boot->state = KL_AGENT_BOOT_FAILED;
        boot->due = DUE_NOTHING;
        return;
    }
    if (again == DUE_CONNECT)
        boot->state = KL_AGENT_BOOT_CONNECTING;
    kl_boot_wait(boot, again, kl_boot_retry_ms(boot));
}
