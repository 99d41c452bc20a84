/* The agent: makes keys and certificate requests on the module, stores what the station sends, proves that it holds the
 * key. PROTOCOL.md (one folder up) defines the commands. Plain C11 and libc: the same source runs on the module
 * (legato/) and on a host (host/); what differs between them is behind KlAgentOps. An agent belongs to one thread. */
#pragma once

#include "agent_errors.h"
#include "boot_status.h"
#include "lex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KL_AGENT_PROTOCOL "1" /* changes when an older station could misunderstand this agent */
#define KL_AGENT_VERSION "1.0.0"

#define KL_AGENT_RESPONSE_MAX 480 /* bytes of a response line, line ends not included */
#define KL_AGENT_SLOT_MAX 32      /* characters of a slot name */
#define KL_AGENT_SLOTS_MAX 8      /* keys in one unit */
#define KL_AGENT_ITEM_MAX 4096    /* bytes of the largest item */
#define KL_AGENT_ITEMS_TOTAL                                                                                           \
    7168 /* bytes of all items together; 1 KiB of the default 8 KiB quota is left for keys and locks */
#define KL_AGENT_PIECE_MAX 90 /* bytes of one piece: 120 characters of base64 */
#define KL_AGENT_NONCE_SIZE 32
#define KL_AGENT_HASH_SIZE 32
#define KL_AGENT_BOOT_CHARS 16

typedef struct {
    char imei[16];      /* 15 digits */
    char fsn[15];       /* factory serial number, up to 14 characters */
    char model[65];     /* "WP7702" */
    char firmware[129]; /* "SWI9X06Y_02.32.02.00" */
} KlAgentIdentity;

typedef struct {
    char name[KL_AGENT_SLOT_MAX + 1];
} KlAgentSlot;

/* What a device has to offer. Every function but backend returns 0 or a KL_AGENT_E_* number, and is given the ops_data
 * of kl_agent_new. Slot and item names have been checked before. No function may let a private key out. */
typedef struct {
    /* Makes a P-256 key in a slot that has none. When it fails or power is cut, the slot has no key or the whole key.
     */
    int (*key_create)(void *data, const char *slot);

    /* The uncompressed public point of the slot's key. KL_AGENT_E_NO_KEY when there is none. */
    int (*key_public)(void *data, const char *slot, uint8_t point[65]);

    /* ECDSA over a SHA-256 digest; raw is r || s, 32 bytes each, as le_iks_ecc_Ecdsa_GenSig gives it. */
    int (*key_sign)(void *data, const char *slot, const uint8_t digest[KL_AGENT_HASH_SIZE], uint8_t raw[64]);

    int (*key_delete)(void *data, const char *slot);

    /* The slots that have a key, in a stable order. */
    int (*key_list)(void *data, KlAgentSlot slots[KL_AGENT_SLOTS_MAX], size_t *n);

    /* Locks the key of a slot for good, durably. */
    int (*key_lock)(void *data, const char *slot);
    int (*key_locked)(void *data, const char *slot, bool *locked);

    /* "iks" or "software": where that slot's key is, or, for NULL, where the next key would be made. */
    const char *(*backend)(void *data, const char *slot);

    /* Replaces an item. When it fails or power is cut at any instant, the item is the old one or the new one, whole.
     * KL_AGENT_E_STORE_FULL when there is no room for it. */
    int (*item_write)(void *data, const char *name, const uint8_t *bytes, size_t len);

    /* Reads what is really stored, never a copy in memory. KL_AGENT_E_NO_ITEM when it is not there. */
    int (*item_read)(void *data, const char *name, uint8_t *bytes, size_t cap, size_t *len);

    /* Removes an item; one that is not there is no error. */
    int (*item_delete)(void *data, const char *name);

    int (*identity)(void *data, KlAgentIdentity *identity);

    /* Random, made anew at each start of the agent: 16 hex digits. */
    int (*boot_id)(void *data, char id[KL_AGENT_BOOT_CHARS + 1]);

    int (*sha256)(void *data, const uint8_t *bytes, size_t len, uint8_t digest[KL_AGENT_HASH_SIZE]);
} KlAgentOps;

typedef enum {
    KL_AGENT_INTERMEDIATE,
    KL_AGENT_FINAL, /* "OK", "ERROR" or "+CME ERROR: <n>" */
} KlAgentRsp;

/* Takes one response line, without line ends. The text is valid during the call only. */
typedef void (*KlAgentOut)(void *out_data, KlAgentRsp kind, const char *text);

typedef struct KlAgent KlAgent;

/* ops and ops_data are borrowed and outlive the agent. NULL when memory is short. */
KlAgent *kl_agent_new(const KlAgentOps *ops, void *ops_data);

/* Frees the agent; what was staged is gone, as after a power cut. */
void kl_agent_free(KlAgent *agent);

/* The unit's first boot (activation.h), as commands and the machine's owner share it: any thread may call these. Each
 * returns 0 or a KL_AGENT_E_* number. */
typedef struct {
    int (*start)(void *data);
    int (*rehearse)(void *data, const char *address, const uint8_t broker_sha256[KL_AGENT_HASH_SIZE]);
    int (*reset)(void *data);
    void (*status)(void *data, KlAgentBootStatus *status);
} KlAgentBootControl;

/* Gives the agent its first boot, which is borrowed and outlives it. An agent without one does not know KLBOOT. */
void kl_agent_set_boot(KlAgent *agent, const KlAgentBootControl *boot, void *boot_data);

/* The names of all commands ("KLINFO", ...), each once. Static. */
const char *const *kl_agent_command_names(size_t *n);

/* Runs a command whose line was taken apart already (le_atServer does). `name` is upper-case and without "AT+". Gives
 * the intermediate lines to out. Returns 0 (the final result is OK) or the KL_AGENT_E_* number of the final result;
 * KL_AGENT_E_SYNTAX for a name that is none of ours. */
int kl_agent_execute(KlAgent *agent, const char *name, KlAgentType type, const char *const *parameters, size_t n,
                     KlAgentOut out, void *out_data);

/* Runs one command line (from "AT" to before the CR). FALSE, with nothing written, when it is none of the agent's
 * commands; else TRUE after the intermediate lines and exactly one final line. An error is always "+CME ERROR: <n>"
 * here: a line discipline that is under AT+CMEE=0 shows it as "ERROR". */
bool kl_agent_command(KlAgent *agent, const char *line, size_t len, KlAgentOut out, void *out_data);
