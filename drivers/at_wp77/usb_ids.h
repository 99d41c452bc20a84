/* What a USB device is, by its ids. */
#pragma once

#include "drivers/at_wp77/usb_place.h"
#include "station/bus.h"

G_BEGIN_DECLS

/* Ids besides those that the driver knows: arrays of KlUsbId (station/config.h), borrowed, each may be NULL. */
typedef struct {
    const GArray *modules, *adapters;
} KlUsbRules;

/* The kind of what stands at a place; *title (static) is for people. rules may be NULL. */
KlUsbKind kl_usb_kind(const KlUsbPlace *place, const KlUsbRules *rules, const char **title);

G_END_DECLS
