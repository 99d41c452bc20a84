/* The USB bus as a tree: hubs and ports with what is there, and which slot that is. */
#pragma once

#include <json-glib/json-glib.h>
#include <stdio.h>

#include "station/bus.h"
#include "station/config.h"

G_BEGIN_DECLS

typedef struct KlUsbTree KlUsbTree;

/* Devices (KlUsbDevice) that units may be behind, the places of slots, also empty ones, and the hubs above them; all:
 * everything on the bus. config and devices are borrowed and must outlive the tree. */
KlUsbTree *kl_usb_tree_new(const KlConfig *config, const GPtrArray *devices, gboolean all);
void kl_usb_tree_free(KlUsbTree *tree);

/* A table, and below it words and remedy for every kind of trouble. */
void kl_usb_tree_print(const KlUsbTree *tree, FILE *file);

/* The member "usb" of the open object: an array of places. */
void kl_usb_tree_json(const KlUsbTree *tree, JsonBuilder *builder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlUsbTree, kl_usb_tree_free)

G_END_DECLS
