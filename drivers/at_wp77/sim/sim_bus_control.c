/* What devices answer to control transfers: USB 2.0, 9.4 and 11.24; USB 3.2, 10.16. */
#include <errno.h>
#include <string.h>

#include "drivers/at_wp77/sim/sim_bus_private.h"

enum { GET_STATUS = 0, CLEAR_FEATURE = 1, SET_FEATURE = 3, GET_DESCRIPTOR = 6 };
enum { FROM_DEVICE = 0x80, FROM_HUB = 0xa0, FROM_PORT = 0xa3, TO_PORT = 0x23 };
enum { PORT_POWER = 8 };
enum { DESCRIPTOR_DEVICE = 1, DESCRIPTOR_CONFIGURATION = 2, DESCRIPTOR_STRING = 3 };
enum { DESCRIPTOR_HUB = 0x29, DESCRIPTOR_HUB_SUPER = 0x2a, HUB_SUPER_SIZE = 12 };
enum { STATUS_CONNECTED = 1 << 0, STATUS_ENABLED = 1 << 1, STATUS_HIGH_SPEED = 1 << 10 };
enum { STATUS_POWER = 1 << 8, STATUS_POWER_SUPER = 1 << 9 };
#define DEVICE_DESCRIPTOR_SIZE 18

typedef struct {
    KlSimBus *bus;
    KlSimDevice *device;
    guint8 type;
    guint8 request;
    guint value;
    guint index;
    guint length;
    KlSimPreloadReply *reply;
} Transfer;

static void
give(Transfer *transfer, const guint8 *bytes, gsize len)
{
    gsize n = MIN(MIN(len, transfer->length), KL_SIM_PRELOAD_DATA_MAX);
    memcpy(transfer->reply->data, bytes, n);
    transfer->reply->length = (gint32)n;
    transfer->reply->status = 0;
}

static void
give_descriptor(Transfer *transfer)
{
    const KlSimDevice *device = transfer->device;
    guint kind = transfer->value >> 8;
    if (kind == DESCRIPTOR_STRING) {
        g_autoptr(GByteArray) string = kl_sim_model_string(device->model, transfer->value & 0xff);
        if (string != NULL)
            give(transfer, string->data, string->len);
        return;
    }
    g_autoptr(GByteArray) all = kl_sim_model_descriptors(device->model, device->vendor, device->product);
    if (kind == DESCRIPTOR_DEVICE)
        give(transfer, all->data, DEVICE_DESCRIPTOR_SIZE);
    else if (kind == DESCRIPTOR_CONFIGURATION)
        give(transfer, all->data + DEVICE_DESCRIPTOR_SIZE, all->len - DEVICE_DESCRIPTOR_SIZE);
}

/* wHubCharacteristics, bits 1..0: how power is switched. */
static guint8
power_switching(const KlSimDevice *hub)
{
    switch (hub->power) {
    case KL_SIM_HUB_GANGED:
        return 0;
    case KL_SIM_HUB_PER_PORT:
    case KL_SIM_HUB_PRETEND:
        return 1;
    case KL_SIM_HUB_NONE:
        break;
    }
    return 2;
}

static void
give_hub_descriptor(Transfer *transfer)
{
    const KlSimDevice *hub = transfer->device;
    gboolean super = kl_sim_device_is_super(hub);
    guint8 bytes[HUB_SUPER_SIZE] = {0, 0, (guint8)hub->n_ports, power_switching(hub), 0, 50, 100};
    if (transfer->value >> 8 != (super ? DESCRIPTOR_HUB_SUPER : DESCRIPTOR_HUB))
        return;
    guint bitmap = hub->n_ports / 8 + 1; /* bit 0 is reserved */
    bytes[0] = (guint8)(super ? HUB_SUPER_SIZE : 7 + 2 * bitmap);
    bytes[1] = (guint8)(transfer->value >> 8);
    /* DeviceRemovable is all 0, PortPwrCtrlMask all 1. */
    if (!super)
        memset(bytes + 7 + bitmap, 0xff, bitmap);
    give(transfer, bytes, bytes[0]);
}

static gboolean
is_port(const Transfer *transfer)
{
    return transfer->index >= 1 && transfer->index <= transfer->device->n_ports;
}

static void
give_port_status(Transfer *transfer)
{
    const KlSimDevice *hub = transfer->device;
    gboolean super = kl_sim_device_is_super(hub);
    if (!is_port(transfer))
        return;
    g_autofree char *path = kl_sim_device_child(hub, transfer->index);
    guint status = 0;
    if ((hub->ports_on & (1u << transfer->index)) != 0)
        status |= super ? STATUS_POWER_SUPER : STATUS_POWER;
    const KlSimDevice *child = kl_sim_bus_find(transfer->bus, path);
    if (child != NULL)
        status |= STATUS_CONNECTED | STATUS_ENABLED;
    if (child != NULL && child->model->speed == KL_SIM_SPEED_HIGH)
        status |= STATUS_HIGH_SPEED;
    const guint8 bytes[] = {status & 0xff, (guint8)(status >> 8), 0, 0};
    give(transfer, bytes, sizeof bytes);
}

/* All below a port of the USB 2 half leaves the bus. */
static void
clear_port(KlSimBus *bus, const KlSimDevice *hub, guint port, KlSimBusEvent event)
{
    g_autofree char *path = kl_sim_device_child(hub, port);
    KlSimDevice *child = kl_sim_bus_find(bus, path);
    if (child != NULL)
        kl_sim_bus_take_off(bus, child);
    kl_sim_bus_tell_watches(bus, path, event);
}

/* A port that is off on the USB 2 half shows no device; the power itself goes with what the hub switches. */
static void
switch_port(Transfer *transfer, gboolean on)
{
    KlSimDevice *hub = transfer->device;
    guint32 bit = 1u << transfer->index;
    if (!is_port(transfer) || transfer->value != PORT_POWER)
        return;
    KlSimDevice *high = kl_sim_device_is_super(hub) && hub->peer != NULL ? hub->peer : hub;
    guint32 before = kl_sim_bus_live_ports(high);
    hub->ports_on = on ? hub->ports_on | bit : hub->ports_on & ~bit;
    guint32 lost = before & ~kl_sim_bus_live_ports(high);
    if (!on && hub == high)
        clear_port(transfer->bus, high, transfer->index, KL_SIM_BUS_TAKEN);
    for (guint port = 1; port <= high->n_ports; port++)
        if (lost & (1u << port))
            clear_port(transfer->bus, high, port, KL_SIM_BUS_CUT);
    transfer->reply->status = 0;
}

static void
carry_out(Transfer *transfer)
{
    gboolean is_hub = transfer->device->n_ports > 0;
    if (transfer->type == FROM_DEVICE && transfer->request == GET_DESCRIPTOR)
        give_descriptor(transfer);
    else if (is_hub && transfer->type == FROM_HUB && transfer->request == GET_DESCRIPTOR)
        give_hub_descriptor(transfer);
    else if (is_hub && transfer->type == FROM_PORT && transfer->request == GET_STATUS)
        give_port_status(transfer);
    else if (is_hub && transfer->type == TO_PORT &&
             (transfer->request == SET_FEATURE || transfer->request == CLEAR_FEATURE))
        switch_port(transfer, transfer->request == SET_FEATURE);
}

void
kl_sim_bus_control(KlSimBus *bus, const KlSimPreloadRequest *request, KlSimPreloadReply *reply)
{
    const guint8 *setup = request->setup;
    Transfer transfer = {
        .bus = bus,
        .device = kl_sim_bus_find_number(bus, request->bus, request->number),
        .type = setup[0],
        .request = setup[1],
        .value = setup[2] | (guint)setup[3] << 8,
        .index = setup[4] | (guint)setup[5] << 8,
        .length = setup[6] | (guint)setup[7] << 8,
        .reply = reply,
    };
    reply->status = transfer.device != NULL ? EPIPE : ENODEV;
    if (transfer.device != NULL)
        carry_out(&transfer);
}
