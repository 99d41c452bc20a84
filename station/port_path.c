#include "station/port_path.h"

#include <string.h>

#define ROOT "usb"

/* Reads a number of 1 to 255 without a leading zero; what follows it, or NULL. */
static const char *
skip_number(const char *text)
{
    gsize digits = strspn(text, G_CSET_DIGITS);
    if (digits == 0 || digits > 3 || *text == '0')
        return NULL;
    return g_ascii_strtoull(text, NULL, 10) <= 255 ? text + digits : NULL;
}

gboolean
kl_port_path_is_port(const char *text)
{
    const char *at = skip_number(text);
    if (at == NULL || *at != '-')
        return FALSE;
    for (guint level = 1; level <= KL_PORT_PATH_LEVELS; level++) {
        at = skip_number(at + 1);
        if (at == NULL || *at == '\0')
            return at != NULL;
        if (*at != '.')
            return FALSE;
    }
    return FALSE;
}

gboolean
kl_port_path_is_hub(const char *text)
{
    if (!g_str_has_prefix(text, ROOT))
        return kl_port_path_is_port(text);
    const char *end = skip_number(text + strlen(ROOT));
    return end != NULL && *end == '\0';
}

char *
kl_port_path_below(const char *hub, const char *ports)
{
    gboolean root = g_str_has_prefix(hub, ROOT);
    g_autofree char *path =
        root ? g_strconcat(hub + strlen(ROOT), "-", ports, NULL) : g_strconcat(hub, ".", ports, NULL);
    return kl_port_path_is_hub(hub) && kl_port_path_is_port(path) ? g_steal_pointer(&path) : NULL;
}

char *
kl_port_path_hub(const char *port)
{
    const char *dot = strrchr(port, '.');
    if (dot != NULL)
        return g_strndup(port, (gsize)(dot - port));
    return g_strdup_printf(ROOT "%.*s", (int)strcspn(port, "-"), port);
}

guint
kl_port_path_number(const char *port)
{
    const char *last = strrchr(port, '.') != NULL ? strrchr(port, '.') : strchr(port, '-');
    return last != NULL ? (guint)g_ascii_strtoull(last + 1, NULL, 10) : 0;
}

const char *
kl_port_path_rest(const char *port, const char *hub)
{
    gboolean root = g_str_has_prefix(hub, ROOT);
    const char *prefix = root ? hub + strlen(ROOT) : hub;
    gsize length = strlen(prefix);
    return strncmp(port, prefix, length) == 0 && port[length] == (root ? '-' : '.') ? port + length + 1 : NULL;
}

int
kl_port_path_compare(const char *a, const char *b)
{
    if (g_str_has_prefix(a, ROOT))
        a += strlen(ROOT);
    if (g_str_has_prefix(b, ROOT))
        b += strlen(ROOT);
    while (*a != '\0' && *b != '\0') {
        guint64 first = g_ascii_strtoull(a, (char **)&a, 10);
        guint64 second = g_ascii_strtoull(b, (char **)&b, 10);
        if (first != second)
            return first < second ? -1 : 1;
        a += *a != '\0';
        b += *b != '\0';
    }
    return (*a != '\0') - (*b != '\0');
}
