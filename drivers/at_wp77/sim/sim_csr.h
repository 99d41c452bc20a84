/* Certificate requests that no agent would make. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A well-formed PKCS#10 request (DER), rightly signed, over a new RSA key of 512 bits. NULL when OpenSSL fails. */
GBytes *kl_sim_rsa512_csr(const char *common_name);

G_END_DECLS
