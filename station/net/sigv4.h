/* AWS Signature Version 4 for requests signed by header. Pure: no clock, no I/O, no global state.
 * Source: AWS General Reference, "Create a signed AWS API request". libcurl's own signer (7.88) is not used: it takes
 * path and query into the canonical request as they are and gets most of the official vectors wrong. */
#pragma once

#include "station/net/uri.h"
#include "station/secret.h"

G_BEGIN_DECLS

#define KL_SHA256_HEX 65 /* bytes of a SHA-256 in hex, with its NUL */

typedef struct {
    const char *access_key_id;
    const KlSecret *secret_key;
    const KlSecret *session_token; /* NULL for long-lived keys */
    const char *region;
    const char *service; /* the signing name: "iot", "dynamodb" */
} KlSigv4Key;

/* What goes over the wire, as it will be sent. */
typedef struct {
    const char *method;    /* "POST" */
    const char *host;      /* as in the Host header */
    const char *path;      /* begins with '/', percent-encoded once */
    const char *query;     /* of kl_uri_query() */
    const KlPair *headers; /* all but Host and those that signing makes; may be NULL */
    const void *body;      /* NULL for none */
    gsize body_length;
} KlSigv4Request;

/* What signing adds to the headers. */
typedef struct {
    char amz_date[17];                  /* X-Amz-Date: 20150830T123600Z */
    char content_sha256[KL_SHA256_HEX]; /* X-Amz-Content-SHA256, signed and to be sent when the service is "s3" */
    char *authorization;                /* Authorization */
} KlSigv4Signature;

/* Signs a request for the time, in seconds since 1970. The session token (X-Amz-Security-Token) is signed where there
 * is one. Headers of the same name count as one, joined by commas in their order. User-Agent and Expect are not signed.
 */
void kl_sigv4_sign(const KlSigv4Request *request, const KlSigv4Key *key, gint64 time, KlSigv4Signature *signature);

void kl_sigv4_signature_clear(KlSigv4Signature *signature);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlSigv4Signature, kl_sigv4_signature_clear)

G_END_DECLS
