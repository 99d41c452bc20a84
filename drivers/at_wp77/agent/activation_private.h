/* What the files of the first boot share. */
#pragma once

#include "activation.h"

/* What happens when the time has come. */
typedef enum {
    DUE_NOTHING,
    DUE_CONNECT, /* connect */
    DUE_LINK,    /* give up connecting */
    DUE_SAY,     /* say again what the stage has to say */
    DUE_ANSWER,  /* give up waiting for an answer */
} Due;

struct KlAgentBoot {
    const KlAgentOps *store;
    void *store_data;
    const KlAgentBootOps *ops;
    void *data;
    KlAgentBootTimes times;

    KlAgentBootState state;
    KlAgentBootTrouble trouble;
    char detail[KL_BOOT_DETAIL_MAX + 1];
    bool rehearsal;
    char address[KL_AGENT_PARAMETER_MAX + 1]; /* of a rehearsal */
    uint8_t pin[KL_AGENT_HASH_SIZE];

    KlBootSelf self;
    KlBootRecord record;
    KlBootParameters parameters;
    bool linked; /* connected and subscribed */
    Due due;
    uint64_t due_ms;
    unsigned tries; /* without getting any further */
    int ticket;     /* of what was published and is not acknowledged; 0: nothing */
    int telemetry_ticket;
    uint64_t telemetry_sent;
    uint64_t telemetry_due_ms; /* KL_BOOT_NEVER: there is none yet */
    bool asked;                /* for newer software, since power-on */
    bool has_notice;
    KlBootNotice notice;
    uint8_t *software; /* NULL: it has not come */
    size_t software_size;
};

/* --- activation_trouble.c: time and troubles --- */

void kl_boot_wait(KlAgentBoot *boot, Due due, uint64_t ms);

/* The wait before another try: exponential, with full jitter. */
uint64_t kl_boot_retry_ms(KlAgentBoot *boot);

/* Remembers what is wrong; words NULL: the number's own. */
void kl_boot_note(KlAgentBoot *boot, KlAgentBootTrouble trouble, int number, const char *words);

void kl_boot_drop_software(KlAgentBoot *boot);
void kl_boot_disconnect(KlAgentBoot *boot);

/* Ends a rehearsal with its first trouble; in the field, tries that again after a while. */
void kl_boot_fail(KlAgentBoot *boot, Due again, KlAgentBootTrouble trouble, int number, const char *words);

/* --- activation_say.c: what the unit says --- */

/* Says what the stage has to say. */
void kl_boot_act(KlAgentBoot *boot);

/* Goes on to the next stage, which is kept, with the version that runs now, before anything of it is said. */
void kl_boot_advance(KlAgentBoot *boot, KlBootStage stage, int64_t version);

void kl_boot_publish_telemetry(KlAgentBoot *boot);

/* What was asked for did not come. */
void kl_boot_miss_answer(KlAgentBoot *boot);
