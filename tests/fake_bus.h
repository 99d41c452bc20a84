/* A USB bus made of words, for tests of what looks at one. */
#pragma once

#include <string.h>

#include "station/bus.h"
#include "station/error.h"

G_BEGIN_DECLS

/* "1-1h4 1-1.2m7=/dev/ttyUSB2!PORT_DENIED": path, kind (h hub, m module, a adapter, b boot loader, o other), address
 * (of a hub also its ports), tty, trouble. */
static inline KlUsbDevice *
fake_device(const char *word)
{
    static const char letters[] = "ohmab";
    static const char *const titles[] = {"something", "hub", "WP77 module", "FTDI adapter", "WP77 module"};
    gsize length = g_str_has_prefix(word, "usb") ? strlen("usb") : 0;
    length += strcspn(word + length, letters);
    KlUsbDevice *device = g_new0(KlUsbDevice, 1);
    device->path = g_strndup(word, length);
    device->kind = (KlUsbKind)(strchr(letters, word[length]) - letters);
    device->title = g_strdup(titles[device->kind]);
    device->address = (guint)g_ascii_strtoull(word + length + 1, NULL, 10);
    device->ports = device->kind == KL_USB_HUB ? device->address : 0;
    device->vendor = device->kind == KL_USB_ADAPTER ? 0x0403 : 0x1199;
    device->product = device->kind == KL_USB_ADAPTER ? 0x6001 : 0x68c0;
    const char *tty = strchr(word, '=');
    const char *trouble = strchr(word, '!');
    device->tty = tty != NULL ? g_strndup(tty + 1, strcspn(tty + 1, "!")) : NULL;
    if (trouble != NULL) {
        device->trouble = kl_error_name((KlErrorCode)kl_error_from_name(trouble + 1));
        device->detail = g_strdup_printf("%s: as told", device->path);
    }
    return device;
}

static inline GPtrArray *
fake_devices(const char *text)
{
    GPtrArray *devices = g_ptr_array_new_with_free_func((GDestroyNotify)kl_usb_device_free);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (guint i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0')
            g_ptr_array_add(devices, fake_device(words[i]));
    }
    return devices;
}

G_END_DECLS
