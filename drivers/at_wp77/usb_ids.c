#include "drivers/at_wp77/usb_ids.h"

#include "station/config.h"

#define HUB_CLASS 9

static const struct {
    guint16 vendor, product;
    KlUsbKind kind;
    const char *title;
} known[] = {
    {KL_USB_SIERRA, 0x68c0, KL_USB_MODULE, "WP77 module"}, {0x0403, 0x6001, KL_USB_ADAPTER, "FTDI adapter"},
    {0x0403, 0x6010, KL_USB_ADAPTER, "FTDI adapter"},      {0x0403, 0x6011, KL_USB_ADAPTER, "FTDI adapter"},
    {0x0403, 0x6014, KL_USB_ADAPTER, "FTDI adapter"},      {0x0403, 0x6015, KL_USB_ADAPTER, "FTDI adapter"},
    {0x10c4, 0xea60, KL_USB_ADAPTER, "CP210x adapter"},    {0x10c4, 0xea70, KL_USB_ADAPTER, "CP210x adapter"},
    {0x10c4, 0xea71, KL_USB_ADAPTER, "CP210x adapter"},    {0x067b, 0x2303, KL_USB_ADAPTER, "PL2303 adapter"},
    {0x1a86, 0x7523, KL_USB_ADAPTER, "CH340 adapter"},
};

static gboolean
is_one_of(const KlUsbPlace *place, const GArray *ids)
{
    for (guint i = 0; ids != NULL && i < ids->len; i++) {
        const KlUsbId *id = &g_array_index(ids, KlUsbId, i);
        if (id->vendor == place->vendor && (id->any_product || id->product == place->product))
            return TRUE;
    }
    return FALSE;
}

/* By the ids alone. */
static KlUsbKind
kind_by_id(const KlUsbPlace *place, const KlUsbRules *rules, const char **title)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].vendor == place->vendor && known[i].product == place->product) {
            *title = known[i].title;
            return known[i].kind;
        }
    }
    if (rules != NULL && is_one_of(place, rules->modules)) {
        *title = "module";
        return KL_USB_MODULE;
    }
    if (rules != NULL && is_one_of(place, rules->adapters)) {
        *title = "USB-serial adapter";
        return KL_USB_ADAPTER;
    }
    *title = "device";
    return KL_USB_OTHER;
}

KlUsbKind
kl_usb_kind(const KlUsbPlace *place, const KlUsbRules *rules, const char **title)
{
    if (place->device_class == HUB_CLASS) {
        *title = "hub";
        return KL_USB_HUB;
    }
    KlUsbKind kind = kind_by_id(place, rules, title);
    /* A boot loader may have a product id of its own. */
    gboolean single = place->interfaces == 1 && place->tty[0] == '\0';
    if (kl_usb_place_in_boot(place) || (kind == KL_USB_MODULE && single)) {
        *title = "module in its boot loader";
        return KL_USB_BOOT;
    }
    return kind;
}
