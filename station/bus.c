#include "station/bus.h"

#include <string.h>

#define SCHEME "usb:"

void
kl_usb_device_free(KlUsbDevice *device)
{
    if (device == NULL)
        return;
    g_free(device->path);
    g_free(device->title);
    g_free(device->tty);
    g_free(device->detail);
    g_free(device);
}

char *
kl_bus_place(const char *address)
{
    if (!g_str_has_prefix(address, SCHEME))
        return NULL;
    const char *path = address + strlen(SCHEME);
    return g_strndup(path, strcspn(path, "#"));
}
