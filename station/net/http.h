/* One HTTP exchange at a time for each calling thread, over connections that all threads share. Knows nothing of AWS.
 * TLS is always verified, redirects are never followed, nothing is ever sent twice: what became of a request is told
 * apart so that the caller can decide. */
#pragma once

#include "station/net/origin.h"
#include "station/net/uri.h"
#include "station/op.h"

G_BEGIN_DECLS

typedef struct KlHttp KlHttp;

/* What became of the request. */
typedef enum {
    KL_HTTP_ANSWERED,   /* the whole answer came */
    KL_HTTP_NEVER_LEFT, /* no byte of it went out: it surely did nothing */
    KL_HTTP_LOST,       /* it went out, at least in part, and no whole answer came: it may have been obeyed */
} KlHttpFate;

/* Why there is no answer. */
typedef enum {
    KL_HTTP_FINE,
    KL_HTTP_BROKEN,    /* no connection, or it broke */
    KL_HTTP_UNTRUSTED, /* the server's certificate could not be verified */
    KL_HTTP_TIMEOUT,   /* connecting, silence, or all of it took too long */
    KL_HTTP_STOPPED,   /* the operation was cancelled */
    KL_HTTP_GARBLED,   /* that was no HTTP, or too much of it */
    KL_HTTP_INVALID,   /* the request itself can't be sent: a bad address, control characters in a header */
} KlHttpCause;

typedef struct {
    const char *method;    /* GET, POST, PUT, PATCH, DELETE */
    const char *origin;    /* of kl_origin_parse() */
    const char *path;      /* percent-encoded, begins with '/' */
    const char *query;     /* percent-encoded, without '?'; NULL or "" for none */
    const KlPair *headers; /* NULL for none */
    const void *body;
    gsize body_length;
    gboolean metadata; /* to the machine's metadata service: see KL_ORIGIN_METADATA; never through a proxy */
    guint connect_ms;  /* 0: 5 s */
    guint stall_ms;    /* without a byte from the server; 0: 20 s */
    guint total_ms;    /* 0: 60 s; the operation's deadline holds as well */
    gsize answer_max;  /* bytes of body; 0: 4 MiB */
} KlHttpRequest;

typedef struct {
    KlHttpFate fate;
    KlHttpCause cause;
    char *detail;       /* one technical line when not ANSWERED */
    int status;         /* 0 when not ANSWERED */
    GPtrArray *headers; /* "name: value" lines of the answer */
    GByteArray *body;   /* NUL behind its end; wiped when cleared */
    gint64 took_us;
} KlHttpAnswer;

/* ca_bundle: a PEM file with the CAs to trust in place of the system's, or NULL. */
KlHttp *kl_http_new(const char *ca_bundle);
/* No request may be under way. */
void kl_http_free(KlHttp *http);

/* Sends the request and waits for its answer, the operation's cancel, or a time limit. Blocking; safe from any thread.
 * The proxy comes from the environment, as curl has it, and is never asked for a loopback address. Connections are
 * kept for the next request to the same origin, from whatever thread. */
void kl_http_send(KlHttp *http, const KlHttpRequest *request, KlOp *op, KlHttpAnswer *answer);

/* The value of the answer's header (in any case of letters), or NULL. Valid while the answer lives. */
const char *kl_http_header(const KlHttpAnswer *answer, const char *name);

/* Connections opened so far: for tests and benchmarks. */
guint kl_http_connections(KlHttp *http);

void kl_http_answer_clear(KlHttpAnswer *answer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlHttp, kl_http_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlHttpAnswer, kl_http_answer_clear)

G_END_DECLS
