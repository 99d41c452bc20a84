/* OpenSSL's error queue as GError. */
#pragma once

#include "station/error.h"

G_BEGIN_DECLS

/* Sets *error like kl_fail(), the message followed by what this thread's OpenSSL queue says, and empties the queue.
 * The queue holds reasons and algorithm names, never key material or passphrases. Returns FALSE. */
gboolean kl_openssl_fail(GError **error, KlErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

G_END_DECLS
