/* The first boot of a unit, as a machine of states without any I/O of its own: connect, announce itself, store the
 * parameters, confirm, ask for its software, check it and have it applied, tell its version, publish telemetry. It
 * tries again for ever, and goes on where it was after a power cut. PROTOCOL.md says what a station sees of it. Plain
 * C11; a boot belongs to one thread at a time. */
#pragma once

#include "activation_state.h"

#define KL_BOOT_NEVER UINT64_MAX

/* Who the unit is, by what is stored in it. */
typedef struct {
    char device[KL_BOOT_DEVICE_MAX + 1]; /* common name of its certificate */
    char host[KL_BOOT_HOST_MAX + 1];     /* of its endpoint: what its broker's certificate has to be for */
    uint16_t port;
    char trust_sha256[2 * KL_AGENT_HASH_SIZE + 1]; /* of the item that says whom it trusts */
} KlBootSelf;

/* Where to connect. */
typedef struct {
    const KlBootSelf *self;
    const char *address; /* "HOST:PORT" in place of the endpoint, or NULL */
    const uint8_t *pin;  /* a rehearsal's: SHA-256 of the broker's certificate, or NULL */
} KlBootTarget;

/* What the machine works with. What comes back is told by the functions below, never from within one of these. */
typedef struct {
    int (*self)(void *data, KlBootSelf *self); /* 0 or KL_AGENT_E_BOOT_INCOMPLETE */
    void (*connect)(void *data, const KlBootTarget *target);
    void (*disconnect)(void *data); /* nothing more comes of that connection */
    void (*subscribe)(void *data, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1]);
    int (*publish)(void *data, const char *topic, const char *payload); /* QoS 1: its ticket, from 1 up; 0: it can't */
    bool (*random)(void *data, uint8_t *bytes, size_t len);
    uint64_t (*now_ms)(void *data); /* never goes back */
    int64_t (*clock_s)(void *data); /* the unit's clock: seconds since 1970 */
    /* The hook that makes the software the one that runs: all of it or nothing, and the same once more does no harm. */
    bool (*apply)(void *data, int64_t version, const uint8_t *bytes, size_t len);
    bool (*revert)(void *data); /* the software of the factory runs again */
} KlAgentBootOps;

/* Zero means what is said last. */
typedef struct {
    uint32_t link_ms;      /* for a connection to be made; 20 s */
    uint32_t answer_ms;    /* for an answer; 10 s */
    uint32_t retry_min_ms; /* the first wait before trying again is up to this long; 1 s */
    uint32_t retry_max_ms; /* each next one up to twice as long, up to this; 15 min */
    uint32_t telemetry_ms; /* between two of its messages; 60 s */
} KlAgentBootTimes;

typedef struct KlAgentBoot KlAgentBoot;

/* Everything is borrowed and outlives the boot; times may be NULL. NULL when memory is short. */
KlAgentBoot *kl_agent_boot_new(const KlAgentOps *store, void *store_data, const KlAgentBootOps *ops, void *data,
                               const KlAgentBootTimes *times);
void kl_agent_boot_free(KlAgentBoot *boot);

/* After power-on: goes on where it was. Nothing on a unit that was never started. 0, or an error of the store. */
int kl_agent_boot_resume(KlAgentBoot *boot);

/* Begins; nothing when it has begun. KL_AGENT_E_BOOT_BEGUN during a rehearsal, _BOOT_INCOMPLETE, errors of the store.
 */
int kl_agent_boot_start(KlAgentBoot *boot);

/* Rehearses, from the beginning when it is being rehearsed; nothing of it is stored. KL_AGENT_E_BOOT_BEGUN on a unit
 * whose first boot has begun. */
int kl_agent_boot_rehearse(KlAgentBoot *boot, const char *address, const uint8_t pin[KL_AGENT_HASH_SIZE]);

/* Stops whatever runs; the unit is as from the factory. An error of the store: it is stopped, but may not be so. */
int kl_agent_boot_reset(KlAgentBoot *boot);

void kl_agent_boot_status(const KlAgentBoot *boot, KlAgentBootStatus *status);

/* --- what happens --- */

/* The broker has taken the unit (CONNACK). */
void kl_agent_boot_connected(KlAgentBoot *boot);
void kl_agent_boot_subscribed(KlAgentBoot *boot, bool granted);
void kl_agent_boot_published(KlAgentBoot *boot, int ticket, bool taken);
/* The connection was not made or is gone; words may be NULL. */
void kl_agent_boot_lost(KlAgentBoot *boot, KlAgentBootTrouble trouble, const char *words);
/* 0, or why the message was not what it should be; the boot lives on. */
int kl_agent_boot_message(KlAgentBoot *boot, const char *topic, const uint8_t *payload, size_t len, bool retained);

/* Does what is due, and says when (in now_ms) the next thing is: KL_BOOT_NEVER for nothing. */
uint64_t kl_agent_boot_tick(KlAgentBoot *boot);
