/* Where requests may go: "https://HOST[:PORT]", and http:// only where nobody else can listen. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    KL_ORIGIN_SERVICE,  /* https anywhere; http to a loopback address only (a test peer, a local proxy) */
    KL_ORIGIN_METADATA, /* the machine's own metadata service: http to a loopback or link-local address, too */
} KlOriginUse;

/* text in its one way of writing: lower case, no slash at the end, no default port. NULL with CONFIG_INVALID for
 * anything else than scheme, host and port, and for http:// to where the use does not allow it. */
char *kl_origin_parse(const char *text, KlOriginUse use, GError **error);

/* "HOST[:PORT]" of an origin, as it stands in the Host header. */
const char *kl_origin_host(const char *origin);

/* TRUE when the origin is this machine itself. */
gboolean kl_origin_is_loopback(const char *origin);

G_END_DECLS
