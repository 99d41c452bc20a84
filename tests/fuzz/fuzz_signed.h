/* Requests and certificates that are signed rightly whatever is in them: a fuzzer does not find signatures, and most of
 * the checks come behind them. */
#pragma once

#include "certs/openssl_auto.h"

/* A new P-256 key. */
EVP_PKEY *fuzz_key_new(void);

/* data is (about) SEQUENCE { what is signed, algorithm, signature }, as in RFC 2986 and RFC 5280. Returns the same with
 * the algorithm ecdsa-with-SHA256 and a right signature by key, or NULL when the first value can't be cut out. With
 * own_key, the first P-256 point in it is replaced by that of key, as in a request. */
GBytes *fuzz_signed(EVP_PKEY *key, const guint8 *data, gsize size, gboolean own_key);
