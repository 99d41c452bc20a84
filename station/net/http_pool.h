/* curl handles for http.c, each with the one connection that it used last. */
#pragma once

#include <curl/curl.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *origin; /* where its connection leads */
    CURLM *multi; /* owns the connection */
    CURL *easy;
} KlHttpHandle;

typedef struct KlHttpPool KlHttpPool;

KlHttpPool *kl_http_pool_new(void);
void kl_http_pool_free(KlHttpPool *pool);

/* The idle handle that was last used for that origin, or a new one: so there are as many connections to a service as
 * requests were ever under way to it at once. */
KlHttpHandle *kl_http_pool_take(KlHttpPool *pool, const char *origin);
/* Gives a handle back; the one that lay idle longest is closed when there are too many. */
void kl_http_pool_give(KlHttpPool *pool, KlHttpHandle *handle);

G_END_DECLS
