/* What of the first boot survives a power cut: one small record, replaced whole, and the parameters that were received.
 * Both are kept beside the items and under names of their own: what the factory installed stays as it was. Plain C. */
#pragma once

#include "activation_message.h"

#define KL_BOOT_RECORD "boot" /* names for the item operations of KlAgentOps */
#define KL_BOOT_RECEIVED "boot-parameters"
#define KL_BOOT_SEED_SIZE 16

/* What has to be done next. */
typedef enum {
    KL_BOOT_STAGE_REQUEST = 1, /* ask for the parameters */
    KL_BOOT_STAGE_CONFIRM,     /* they are stored: confirm them */
    KL_BOOT_STAGE_UPDATE,      /* ask for the software */
    KL_BOOT_STAGE_REPORT,      /* it is applied: tell its version */
    KL_BOOT_STAGE_ACTIVE,      /* nothing: publish telemetry */
} KlBootStage;

typedef struct {
    KlBootStage stage;
    int64_t version; /* of the software that the unit runs; 0: none */
    uint8_t
        seed[KL_BOOT_SEED_SIZE]; /* random: every message's id is made of it, and the same again after a power cut */
} KlBootRecord;

/* 0, KL_AGENT_E_NO_ITEM (fresh from the factory), or an error of the store. A record that is not one is none. */
int kl_boot_record_read(const KlAgentOps *ops, void *data, KlBootRecord *record);
int kl_boot_record_write(const KlAgentOps *ops, void *data, const KlBootRecord *record);

/* Fresh from the factory again. The record goes first: what is left of a power cut in between is not looked at. */
int kl_boot_state_remove(const KlAgentOps *ops, void *data);

/* The id of a message: 16 bytes in hex, which differ from those of every other message. number tells messages of the
 * same kind apart. FALSE when hashing fails. */
bool kl_boot_message_id(const KlBootRecord *record, KlBootSay what, int64_t number, char id[KL_BOOT_ID_CHARS + 1]);
