#include "station/net/origin.h"

#include <curl/curl.h>
#include <gio/gio.h>
#include <string.h>

#include "station/error.h"

#define TEXT_MAX 300

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CURLU, curl_url_cleanup)

static char *
url_part(const CURLU *url, CURLUPart part)
{
    char *text = NULL;
    if (curl_url_get((CURLU *)url, part, &text, 0) != CURLUE_OK)
        return NULL;
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

static gboolean
is_loopback(const char *host)
{
    g_autofree char *bare = host[0] == '[' ? g_strndup(host + 1, strcspn(host + 1, "]")) : g_strdup(host);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(bare);
    return strcmp(bare, "localhost") == 0 || (address != NULL && g_inet_address_get_is_loopback(address));
}

/* Link-local addresses, and the one that EC2 uses for IPv6. */
static gboolean
is_metadata(const char *host)
{
    g_autofree char *bare = host[0] == '[' ? g_strndup(host + 1, strcspn(host + 1, "]")) : g_strdup(host);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(bare);
    return strcmp(bare, "fd00:ec2::254") == 0 || (address != NULL && g_inet_address_get_is_link_local(address));
}

/* Letters, digits and what stands in names and addresses: nothing that could steer a log or be taken apart elsewhere.
 */
static gboolean
is_plain(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && strchr(".-_:/[]", *at) == NULL)
            return FALSE;
    }
    return *text != '\0' && strlen(text) <= TEXT_MAX;
}

static gboolean
fail(GError **error, const char *why)
{
    return kl_fail(error, KL_ERROR_CONFIG_INVALID, "an endpoint's address: %s", why);
}

char *
kl_origin_parse(const char *text, KlOriginUse use, GError **error)
{
    if (!is_plain(text)) {
        fail(error, "it is empty, too long, or has other characters than https://HOST:PORT needs");
        return NULL;
    }
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autoptr(CURLU) url = curl_url();
    if (curl_url_set(url, CURLUPART_URL, lower, 0) != CURLUE_OK) {
        fail(error, "it is not https://HOST or https://HOST:PORT");
        return NULL;
    }
    g_autofree char *scheme = url_part(url, CURLUPART_SCHEME);
    g_autofree char *host = url_part(url, CURLUPART_HOST);
    g_autofree char *port = url_part(url, CURLUPART_PORT);
    g_autofree char *path = url_part(url, CURLUPART_PATH);
    gboolean secure = g_strcmp0(scheme, "https") == 0;
    if (host == NULL || (!secure && g_strcmp0(scheme, "http") != 0)) {
        fail(error, "it does not begin with https://");
        return NULL;
    }
    if (path != NULL && strcmp(path, "/") != 0) {
        fail(error, "there is a path behind the host");
        return NULL;
    }
    if (!secure && !is_loopback(host) && !(use == KL_ORIGIN_METADATA && is_metadata(host))) {
        fail(error, "http:// is for this machine's own addresses only; use https://");
        return NULL;
    }
    if (g_strcmp0(port, secure ? "443" : "80") == 0)
        g_clear_pointer(&port, g_free);
    return g_strconcat(scheme, "://", host, port != NULL ? ":" : NULL, port, NULL);
}

const char *
kl_origin_host(const char *origin)
{
    return strstr(origin, "://") + strlen("://");
}

gboolean
kl_origin_is_loopback(const char *origin)
{
    const char *authority = kl_origin_host(origin);
    gsize length = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":");
    g_autofree char *host = g_strndup(authority, length);
    return is_loopback(host);
}
