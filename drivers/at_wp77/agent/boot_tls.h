/* The unit's side of mutual TLS: its certificate with the key in the keystore, and the judgement of its broker's
 * certificate. Plain C and OpenSSL. */
#pragma once

#include "activation.h"
#include "boot_credential.h"

#include <openssl/ssl.h>

/* What a handshake is judged by, and what came of it. Its user keeps it as long as the context is used. */
typedef struct {
    char host[KL_BOOT_HOST_MAX + 1]; /* what the broker's certificate has to be for */
    int64_t clock_s;                 /* by this clock, it has to be valid */
    bool pinned;
    uint8_t pin[KL_AGENT_HASH_SIZE]; /* pinned: its SHA-256, in place of trust */

    bool verified; /* the broker is the right one */
    bool done;     /* the handshake is over */
    KlAgentBootTrouble trouble;
    char words[KL_BOOT_DETAIL_MAX + 1];
} KlBootTls;

/* A context for connections to that broker, as that unit. The caller frees it. NULL when OpenSSL fails. */
SSL_CTX *kl_boot_tls_new(const KlBootCredential *credential, KlBootTls *tls);
