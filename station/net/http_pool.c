#include "station/net/http_pool.h"

#include <pthread.h>
#include <string.h>

#define IDLE_MAX 256 /* as many as keyline-activation may have workers: each keeps its connection */

struct KlHttpPool {
    pthread_mutex_t mutex;
    GPtrArray *idle; /* the latest last */
};

static void
init_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        g_error("libcurl can't be set up");
}

static KlHttpHandle *
handle_new(const char *origin)
{
    KlHttpHandle *handle = g_new0(KlHttpHandle, 1);
    handle->origin = g_strdup(origin);
    handle->multi = curl_multi_init();
    handle->easy = curl_easy_init();
    if (handle->multi == NULL || handle->easy == NULL)
        g_error("out of memory");
    curl_multi_setopt(handle->multi, CURLMOPT_MAXCONNECTS, 1L);
    return handle;
}

static void
handle_free(gpointer data)
{
    KlHttpHandle *handle = data;
    curl_easy_cleanup(handle->easy);
    curl_multi_cleanup(handle->multi);
    g_free(handle->origin);
    g_free(handle);
}

KlHttpPool *
kl_http_pool_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    KlHttpPool *pool = g_new0(KlHttpPool, 1);
    pthread_mutex_init(&pool->mutex, NULL);
    pool->idle = g_ptr_array_new();
    return pool;
}

void
kl_http_pool_free(KlHttpPool *pool)
{
    g_ptr_array_set_free_func(pool->idle, handle_free);
    g_ptr_array_unref(pool->idle);
    pthread_mutex_destroy(&pool->mutex);
    g_free(pool);
}

KlHttpHandle *
kl_http_pool_take(KlHttpPool *pool, const char *origin)
{
    KlHttpHandle *handle = NULL;
    pthread_mutex_lock(&pool->mutex);
    for (guint i = pool->idle->len; i > 0 && handle == NULL; i--) {
        KlHttpHandle *idle = pool->idle->pdata[i - 1];
        if (strcmp(idle->origin, origin) == 0)
            handle = g_ptr_array_steal_index(pool->idle, i - 1);
    }
    pthread_mutex_unlock(&pool->mutex);
    return handle != NULL ? handle : handle_new(origin);
}

void
kl_http_pool_give(KlHttpPool *pool, KlHttpHandle *handle)
{
    KlHttpHandle *oldest = NULL;
    pthread_mutex_lock(&pool->mutex);
    g_ptr_array_add(pool->idle, handle);
    if (pool->idle->len > IDLE_MAX)
        oldest = g_ptr_array_steal_index(pool->idle, 0);
    pthread_mutex_unlock(&pool->mutex);
    if (oldest != NULL)
        handle_free(oldest);
}
