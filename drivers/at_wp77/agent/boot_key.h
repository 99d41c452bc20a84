/* A key of the unit's keystore as OpenSSL takes it for TLS: its signatures are made where the key is, by
 * KlAgentOps.key_sign; the key itself never leaves. Plain C. */
#pragma once

#include "commands.h"

#include <openssl/evp.h>

/* The key of a slot; ops and data are borrowed and outlive it. NULL when the slot has no usable key. */
EVP_PKEY *kl_boot_key(const KlAgentOps *ops, void *data, const char *slot);
