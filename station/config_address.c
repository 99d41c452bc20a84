/* The addresses of slots: which there are, and when two of them are the same port. */
#include <string.h>

#include "station/config_private.h"
#include "station/port_path.h"

#define HOST_MAX_CHARS 253
#define USB "usb:"

/* HOST:PORT of a tcp: address. */
static gboolean
is_host_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon - text > HOST_MAX_CHARS)
        return FALSE;
    if (strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-") != (gsize)(colon - text))
        return FALSE;
    guint64 port = 0;
    return g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &port, NULL);
}

/* PORTPATH or PORTPATH#INTERFACE of a usb: address. */
static gboolean
is_usb_port(const char *text)
{
    const char *hash = strchr(text, '#');
    g_autofree char *path = hash != NULL ? g_strndup(text, (gsize)(hash - text)) : g_strdup(text);
    if (!kl_port_path_is_port(path))
        return FALSE;
    guint64 number = 0;
    gboolean plain = hash == NULL || hash[1] != '0' || hash[2] == '\0';
    return hash == NULL || (plain && g_ascii_string_to_unsigned(hash + 1, 10, 0, 255, &number, NULL));
}

char *
kl_config_absolute(const KlConfigSource *source, const char *path)
{
    return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(source->folder, path, NULL);
}

char *
kl_config_address(const KlConfigSource *source, const char *text)
{
    static const char *const path_schemes[] = {"serial:", "pty:"};
    for (guint i = 0; i < G_N_ELEMENTS(path_schemes); i++) {
        gsize length = strlen(path_schemes[i]);
        if (!g_str_has_prefix(text, path_schemes[i]) || text[length] == '\0')
            continue;
        g_autofree char *path = kl_config_absolute(source, text + length);
        return g_strconcat(path_schemes[i], path, NULL);
    }
    gboolean known = (g_str_has_prefix(text, "tcp:") && is_host_port(text + strlen("tcp:"))) ||
                     (g_str_has_prefix(text, USB) && is_usb_port(text + strlen(USB)));
    return known ? g_strdup(text) : NULL;
}

gboolean
kl_config_same_port(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return TRUE;
    if (!g_str_has_prefix(a, USB) || !g_str_has_prefix(b, USB))
        return FALSE;
    /* Two interfaces of one adapter are two ports; without an interface it is whichever suits. */
    gsize length = strcspn(a, "#");
    return length == strcspn(b, "#") && strncmp(a, b, length) == 0 && (a[length] == '\0' || b[length] == '\0');
}

char *
kl_slot_usb_path(const char *address)
{
    if (address == NULL || !g_str_has_prefix(address, USB))
        return NULL;
    const char *path = address + strlen(USB);
    return g_strndup(path, strcspn(path, "#"));
}
