#include "station/bus.h"

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
