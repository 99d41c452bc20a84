#include "drivers/at_wp77/sim/sim_bus_model.h"

#include <string.h>

#define LANGUAGE_ENGLISH 0x0409
#define CLASS_VENDOR 0xff
#define STRINGS 3

/* Numbers and sizes of descriptors: USB 2.0, 9.6; USB 3.2, 9.6.7. */
enum { DEVICE = 1, CONFIGURATION = 2, STRING = 3, INTERFACE = 4, ENDPOINT = 5, COMPANION = 0x30 };
enum { DEVICE_SIZE = 18, CONFIGURATION_SIZE = 9, INTERFACE_SIZE = 9, ENDPOINT_SIZE = 7, COMPANION_SIZE = 6 };

static const KlSimModel kinds[] = {
    [KL_SIM_MODULE] = {0x1199, 0x68c0, 0x0006, 0, 0, KL_SIM_SPEED_HIGH, .no_lines = TRUE,
                       .manufacturer = "Sierra Wireless, Incorporated", .name = "Sierra Wireless WP7702",
                       .driver = "qcserial", .tty_interface = 3, .n_interfaces = 4,
                       .interfaces = {{0, CLASS_VENDOR, 3, TRUE},
                                      {2, CLASS_VENDOR, 3, TRUE},
                                      {3, CLASS_VENDOR, 3, TRUE},
                                      {8, CLASS_VENDOR, 3, FALSE}}},
    [KL_SIM_MODULE_BOOT] = {0x1199, 0x68c0, 0x0000, 0, 0, KL_SIM_SPEED_HIGH,
                            .manufacturer = "Sierra Wireless, Incorporated", .name = "WP77 Boot", .n_interfaces = 1,
                            .interfaces = {{0, CLASS_VENDOR, 3, FALSE}}},
    [KL_SIM_FTDI] = {0x0403, 0x6001, 0x0600, 0, 0, KL_SIM_SPEED_FULL, .manufacturer = "FTDI", .name = "FT232R USB UART",
                     .driver = "ftdi_sio", .n_interfaces = 1, .interfaces = {{0, CLASS_VENDOR, 3, TRUE}}},
    [KL_SIM_CP210X] = {0x10c4, 0xea60, 0x0100, 0, 0, KL_SIM_SPEED_FULL, .manufacturer = "Silicon Labs",
                       .name = "CP2102 USB to UART Bridge Controller", .driver = "cp210x", .n_interfaces = 1,
                       .interfaces = {{0, CLASS_VENDOR, 3, TRUE}}},
};

#define HUB(vendor, product, release, protocol, speed, maker, title)                                                   \
    {                                                                                                                  \
        vendor, product, release, KL_SIM_CLASS_HUB, protocol, speed,                                                   \
            .manufacturer = maker, .name = title, .driver = "hub", .n_interfaces = 1, .interfaces = {                  \
                {0, KL_SIM_CLASS_HUB, 1, FALSE}                                                                        \
            }                                                                                                          \
    }

static const KlSimModel hubs[2][2] = {
    {HUB(0x05e3, 0x0610, 0x9304, 1, KL_SIM_SPEED_HIGH, "GenesysLogic", "USB2.1 Hub"),
     HUB(0x05e3, 0x0626, 0x9304, 3, KL_SIM_SPEED_SUPER, "GenesysLogic", "USB3.1 Hub")},
    {HUB(0x1d6b, 0x0002, 0x0601, 1, KL_SIM_SPEED_HIGH, "Linux xhci-hcd", "xHCI Host Controller"),
     HUB(0x1d6b, 0x0003, 0x0601, 3, KL_SIM_SPEED_SUPER, "Linux xhci-hcd", "xHCI Host Controller")},
};

const KlSimModel *
kl_sim_model_of_kind(KlSimBusKind kind)
{
    return &kinds[kind];
}

const KlSimModel *
kl_sim_model_of_hub(gboolean root, gboolean super)
{
    return &hubs[root ? 1 : 0][super ? 1 : 0];
}

const char *
kl_sim_model_speed(const KlSimModel *model)
{
    static const char *const speeds[] = {"12", "480", "5000"};
    return speeds[model->speed];
}

guint16
kl_sim_model_usb(const KlSimModel *model)
{
    return model->speed == KL_SIM_SPEED_SUPER ? 0x0300 : 0x0200;
}

static void
add_u16(GByteArray *bytes, guint16 value)
{
    const guint8 low_first[] = {value & 0xff, value >> 8};
    g_byte_array_append(bytes, low_first, sizeof low_first);
}

static void
add_device(GByteArray *bytes, const KlSimModel *model, guint16 vendor, guint16 product)
{
    const guint8 packet = model->speed == KL_SIM_SPEED_SUPER ? 9 : 64; /* SuperSpeed: as a power of two */
    const guint8 head[] = {DEVICE_SIZE, DEVICE};
    const guint8 kind[] = {model->class_code, 0, model->protocol, packet};
    const guint8 strings[] = {1, 2, 3, 1}; /* manufacturer, product, serial; one configuration */
    g_byte_array_append(bytes, head, sizeof head);
    add_u16(bytes, kl_sim_model_usb(model));
    g_byte_array_append(bytes, kind, sizeof kind);
    add_u16(bytes, vendor);
    add_u16(bytes, product);
    add_u16(bytes, model->release);
    g_byte_array_append(bytes, strings, sizeof strings);
}

/* The first endpoint is the interrupt one, as usual. */
static void
add_endpoint(GByteArray *bytes, const KlSimModel *model, guint8 address, gboolean interrupt)
{
    static const guint16 bulk_sizes[] = {64, 512, 1024};
    const guint8 head[] = {ENDPOINT_SIZE, ENDPOINT, address, interrupt ? 3 : 2};
    const guint8 interval = interrupt ? 9 : 0;
    static const guint8 companion[COMPANION_SIZE] = {COMPANION_SIZE, COMPANION};
    g_byte_array_append(bytes, head, sizeof head);
    add_u16(bytes, interrupt ? 8 : bulk_sizes[model->speed]);
    g_byte_array_append(bytes, &interval, 1);
    if (model->speed == KL_SIM_SPEED_SUPER)
        g_byte_array_append(bytes, companion, sizeof companion);
}

static void
add_interface(GByteArray *bytes, const KlSimModel *model, guint index)
{
    const KlSimInterface *interface = &model->interfaces[index];
    const guint8 in = (guint8)(0x81 + 2 * index);
    const guint8 head[INTERFACE_SIZE] = {INTERFACE_SIZE,       INTERFACE, interface->number, 0, interface->endpoints,
                                         interface->class_code};
    g_byte_array_append(bytes, head, sizeof head);
    add_endpoint(bytes, model, in, TRUE);
    if (interface->endpoints == 3) {
        add_endpoint(bytes, model, in + 1, FALSE);
        add_endpoint(bytes, model, (guint8)(1 + index), FALSE);
    }
}

GByteArray *
kl_sim_model_descriptors(const KlSimModel *model, guint16 vendor, guint16 product)
{
    const guint8 current = model->speed == KL_SIM_SPEED_SUPER ? 62 : 250; /* 500 mA in units of 8 or of 2 mA */
    const guint8 configuration[] = {
        CONFIGURATION_SIZE, CONFIGURATION, 0, 0, (guint8)model->n_interfaces, 1, 0, 0xe0, current};
    GByteArray *bytes = g_byte_array_new();
    add_device(bytes, model, vendor, product);
    g_byte_array_append(bytes, configuration, sizeof configuration);
    for (guint i = 0; i < model->n_interfaces; i++)
        add_interface(bytes, model, i);
    guint total = bytes->len - DEVICE_SIZE;
    bytes->data[DEVICE_SIZE + 2] = total & 0xff;
    bytes->data[DEVICE_SIZE + 3] = (guint8)(total >> 8);
    return bytes;
}

GByteArray *
kl_sim_model_string(const KlSimModel *model, guint index)
{
    const char *const texts[STRINGS + 1] = {NULL, model->manufacturer, model->name, KL_SIM_BUS_SERIAL};
    if (index > STRINGS)
        return NULL;
    gsize n = index == 0 ? 1 : strlen(texts[index]);
    const guint8 head[] = {(guint8)(2 + 2 * n), STRING};
    GByteArray *bytes = g_byte_array_append(g_byte_array_new(), head, sizeof head);
    for (gsize i = 0; i < n; i++)
        add_u16(bytes, index == 0 ? LANGUAGE_ENGLISH : (guint8)texts[index][i]);
    return bytes;
}
