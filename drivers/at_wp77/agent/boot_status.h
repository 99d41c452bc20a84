/* What a unit says of its first boot, and the words for it, once: for the agent and for the station's driver.
 * PROTOCOL.md says what each word means. Plain C. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KL_BOOT_HOST_MAX 253
#define KL_BOOT_TOPIC_MAX 256 /* bytes of a topic, as AWS IoT Core takes them */
#define KL_BOOT_DETAIL_MAX 160

/* X(name, "word"): how far the first boot has come. */
#define KL_AGENT_BOOT_STATES(X)                                                                                        \
    X(FRESH, "fresh")                                                                                                  \
    X(CONNECTING, "connecting")                                                                                        \
    X(REQUESTED, "requested")                                                                                          \
    X(CONFIRMED, "confirmed")                                                                                          \
    X(UPDATING, "updating")                                                                                            \
    X(ACTIVE, "active")                                                                                                \
    X(FAILED, "failed")

/* X(name, "word"): why the last try did not come further. */
#define KL_AGENT_BOOT_TROUBLES(X)                                                                                      \
    X(FINE, "none")                                                                                                    \
    X(UNREACHABLE, "unreachable")                                                                                      \
    X(WRONG_NAME, "wrong-name")                                                                                        \
    X(UNTRUSTED, "untrusted")                                                                                          \
    X(CLOCK, "clock")                                                                                                  \
    X(REFUSED, "refused")                                                                                              \
    X(NO_ANSWER, "no-answer")                                                                                          \
    X(BAD_PARAMETERS, "bad-parameters")                                                                                \
    X(BAD_SOFTWARE, "bad-software")                                                                                    \
    X(NOT_APPLIED, "not-applied")                                                                                      \
    X(INCOMPLETE, "incomplete")                                                                                        \
    X(OTHER, "other")

typedef enum {
#define KL_AGENT_BOOT_STATE(name, word) KL_AGENT_BOOT_##name,
    KL_AGENT_BOOT_STATES(KL_AGENT_BOOT_STATE)
#undef KL_AGENT_BOOT_STATE
} KlAgentBootState;

typedef enum {
#define KL_AGENT_BOOT_TROUBLE(name, word) KL_AGENT_TROUBLE_##name,
    KL_AGENT_BOOT_TROUBLES(KL_AGENT_BOOT_TROUBLE)
#undef KL_AGENT_BOOT_TROUBLE
} KlAgentBootTrouble;

typedef struct {
    KlAgentBootState state;
    KlAgentBootTrouble trouble;
    char detail[KL_BOOT_DETAIL_MAX + 1]; /* "NUMBER words", or empty */
    bool rehearsal;
    int64_t version;
    int64_t clock_s;
    char endpoint[KL_BOOT_HOST_MAX + 7]; /* "HOST:PORT", as stored; empty when the unit is incomplete */
    char topic[KL_BOOT_TOPIC_MAX + 1];   /* of its telemetry, or empty */
    char trust_sha256[65];               /* of the item that says whom it trusts for its broker; empty as well */
} KlAgentBootStatus;
