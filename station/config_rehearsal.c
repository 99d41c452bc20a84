/* [rehearsal]: the station's own broker, for units that rehearse their first boot. */
#include <string.h>

#include "station/config_private.h"
#include "station/keyfile.h"

#define GROUP "rehearsal"
#define HOST_MAX 253

/* HOST or HOST:PORT; port stays 0 without one. */
static gboolean
parse_address(const char *text, char **host, guint *port)
{
    const char *colon = strrchr(text, ':');
    guint64 number = 0;
    if (colon != NULL && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &number, NULL))
        return FALSE;
    *host = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    *port = (guint)number;
    gsize length = strlen(*host);
    return length > 0 && length <= HOST_MAX && strspn(*host, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-") == length;
}

static gboolean
read_address(const KlConfigSource *source, const char *key, const char *otherwise, char **host, guint *port,
             GError **error)
{
    g_autofree char *text = kl_keyfile_text(source->keys, GROUP, key);
    if (text == NULL)
        *host = g_strdup(otherwise);
    return text == NULL || parse_address(text, host, port) ||
           kl_keyfile_fail(error, source->path, GROUP, key,
                           "'%s' is not an address; allowed: HOST or HOST:PORT, HOST of A-Z a-z 0-9 . -", text);
}

static char *
read_path(const KlConfigSource *source, const char *key)
{
    g_autofree char *path = kl_keyfile_text(source->keys, GROUP, key);
    return path != NULL ? kl_config_absolute(source, path) : NULL;
}

/* An address that stands for all of this computer's is none that a unit could connect to. */
gboolean
kl_config_read_rehearsal(KlConfig *config, const KlConfigSource *source, GError **error)
{
    KlRehearsalSection *section = &config->rehearsal;
    section->software = read_path(source, "software");
    section->mosquitto = read_path(source, "mosquitto");
    if (!read_address(source, "listen", "127.0.0.1", &section->listen, &section->listen_port, error) ||
        !read_address(source, "address", NULL, &section->host, &section->port, error))
        return FALSE;
    if (!g_hostname_is_ip_address(section->listen))
        return kl_keyfile_fail(error, source->path, GROUP, "listen", "'%s' is no IP address", section->listen);
    return section->host != NULL || strcmp(section->listen, "0.0.0.0") != 0 ||
           kl_keyfile_fail(error, source->path, GROUP, "listen",
                           "0.0.0.0 needs address=, as units reach this computer");
}

void
kl_config_clear_rehearsal(KlRehearsalSection *section)
{
    g_free(section->listen);
    g_free(section->host);
    g_free(section->software);
    g_free(section->mosquitto);
}
