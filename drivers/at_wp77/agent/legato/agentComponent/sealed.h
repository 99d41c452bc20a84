/* Records in the module's secure storage that survive a torn write. le_secStore does not say what a power cut during
 * le_secStore_Write leaves behind, so every record has two places, carries a sequence number and a hash, and the newest
 * place that is whole counts. Functions return 0 or a KL_AGENT_E_* number. */
#pragma once

#include "drivers/at_wp77/agent/commands.h"

/* Replaces a record of at most KL_AGENT_ITEM_MAX bytes; until it is whole, the old one counts. */
int kl_sealed_write(const char *name, const uint8_t *bytes, size_t len);

/* KL_AGENT_E_NO_ITEM when there is none. */
int kl_sealed_read(const char *name, uint8_t *bytes, size_t cap, size_t *len);

/* One that is not there is no error. */
int kl_sealed_delete(const char *name);
