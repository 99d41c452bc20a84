/* The unit's keys: in the module's IoT Keystore when it works, else in software, kept in secure storage. A sealed index
 * says which slots there are, where each key is and whether it is locked. The functions are those of KlAgentOps. */
#pragma once

#include "drivers/at_wp77/agent/commands.h"

int kl_keys_create(void *data, const char *slot);
int kl_keys_public(void *data, const char *slot, uint8_t point[65]);
int kl_keys_sign(void *data, const char *slot, const uint8_t digest[KL_AGENT_HASH_SIZE], uint8_t raw[64]);
int kl_keys_delete(void *data, const char *slot);
int kl_keys_list(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], size_t *n);
int kl_keys_lock(void *data, const char *slot);
int kl_keys_locked(void *data, const char *slot, bool *locked);
const char *kl_keys_backend(void *data, const char *slot);
