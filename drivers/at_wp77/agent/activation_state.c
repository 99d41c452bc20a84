#include "activation_state.h"

#include "codec.h"
#include "softkey.h"

#include <string.h>

#define MAGIC "KLB1"
#define MAGIC_SIZE 4
#define NUMBER_SIZE 8
#define RECORD_SIZE (MAGIC_SIZE + 1 + NUMBER_SIZE + KL_BOOT_SEED_SIZE)

static void
put_number(uint8_t *at, uint64_t number)
{
    for (int i = 0; i < NUMBER_SIZE; i++)
        at[i] = (uint8_t)(number >> (56 - 8 * i));
}

static uint64_t
get_number(const uint8_t *at)
{
    uint64_t number = 0;
    for (int i = 0; i < NUMBER_SIZE; i++)
        number = number << 8 | at[i];
    return number;
}

int
kl_boot_record_read(const KlAgentOps *ops, void *data, KlBootRecord *record)
{
    uint8_t bytes[RECORD_SIZE];
    size_t len = 0;
    int error = ops->item_read(data, KL_BOOT_RECORD, bytes, sizeof bytes, &len);
    if (error != 0)
        return error;
    const uint8_t *at = bytes + MAGIC_SIZE;
    if (len != sizeof bytes || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0 || *at < KL_BOOT_STAGE_REQUEST ||
        *at > KL_BOOT_STAGE_ACTIVE)
        return KL_AGENT_E_NO_ITEM;
    record->stage = (KlBootStage)*at;
    record->version = (int64_t)get_number(at + 1);
    memcpy(record->seed, at + 1 + NUMBER_SIZE, sizeof record->seed);
    return 0;
}

int
kl_boot_record_write(const KlAgentOps *ops, void *data, const KlBootRecord *record)
{
    uint8_t bytes[RECORD_SIZE] = MAGIC;
    bytes[MAGIC_SIZE] = (uint8_t)record->stage;
    put_number(bytes + MAGIC_SIZE + 1, (uint64_t)record->version);
    memcpy(bytes + MAGIC_SIZE + 1 + NUMBER_SIZE, record->seed, sizeof record->seed);
    return ops->item_write(data, KL_BOOT_RECORD, bytes, sizeof bytes);
}

int
kl_boot_state_remove(const KlAgentOps *ops, void *data)
{
    int error = ops->item_delete(data, KL_BOOT_RECORD);
    return error != 0 ? error : ops->item_delete(data, KL_BOOT_RECEIVED);
}

bool
kl_boot_message_id(const KlBootRecord *record, KlBootSay what, int64_t number, char id[KL_BOOT_ID_CHARS + 1])
{
    uint8_t bytes[KL_BOOT_SEED_SIZE + 1 + NUMBER_SIZE];
    uint8_t digest[KL_AGENT_HASH_SIZE];
    memcpy(bytes, record->seed, KL_BOOT_SEED_SIZE);
    bytes[KL_BOOT_SEED_SIZE] = (uint8_t)what;
    put_number(bytes + KL_BOOT_SEED_SIZE + 1, (uint64_t)number);
    if (!kl_softkey_sha256(bytes, sizeof bytes, digest))
        return false;
    kl_hex_encode(digest, KL_BOOT_ID_CHARS / 2, id);
    return true;
}
