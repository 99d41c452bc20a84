/* The only two things that the agent signs. Internal to the agent; plain C. */
#pragma once

#include "commands.h"
#include "pkcs10.h"

/* A certificate request (DER) for the slot's key. */
int kl_sign_request(const KlAgentOps *ops, void *data, const char *slot, const char *cn, uint8_t der[KL_PKCS10_MAX],
                    size_t *len);

/* The proof that this module holds the slot's key: an ECDSA signature (DER) over
 * SHA-256("keyline-prove" || nonce || the 15 digits of the IMEI). */
int kl_sign_proof(const KlAgentOps *ops, void *data, const char *slot, const uint8_t nonce[KL_AGENT_NONCE_SIZE],
                  uint8_t der[KL_ECDSA_DER_MAX], size_t *len);
