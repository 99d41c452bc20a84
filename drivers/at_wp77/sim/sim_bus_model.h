/* What devices on the rigged bus say of themselves: ids, strings, interfaces, descriptors. */
#pragma once

#include "drivers/at_wp77/sim/sim_bus.h"

G_BEGIN_DECLS

#define KL_SIM_CLASS_HUB 9
#define KL_SIM_INTERFACES_MAX 4

typedef struct {
    guint8 number;
    guint8 class_code;
    guint8 endpoints; /* 1: one interrupt endpoint; 3: two bulk endpoints besides */
    gboolean tty;
} KlSimInterface;

typedef enum { KL_SIM_SPEED_FULL, KL_SIM_SPEED_HIGH, KL_SIM_SPEED_SUPER } KlSimSpeed;

typedef struct {
    guint16 vendor;
    guint16 product;
    guint16 release; /* bcdDevice */
    guint8 class_code;
    guint8 protocol;
    KlSimSpeed speed;
    gboolean no_lines; /* interface 0 can't set its control lines */
    const char *manufacturer;
    const char *name;
    const char *driver;  /* of its interfaces; NULL: none */
    guint tty_interface; /* the one that answers */
    guint n_interfaces;
    KlSimInterface interfaces[KL_SIM_INTERFACES_MAX];
} KlSimModel;

/* Static. */
const KlSimModel *kl_sim_model_of_kind(KlSimBusKind kind);
const KlSimModel *kl_sim_model_of_hub(gboolean root, gboolean super);

/* "1.5", "12", ... as sysfs has it. Static. */
const char *kl_sim_model_speed(const KlSimModel *model);

/* bcdUSB. */
guint16 kl_sim_model_usb(const KlSimModel *model);

/* The device descriptor and the configuration descriptor with all below it, as sysfs' `descriptors` attribute has them.
 * The ids may be other ones than the model's. The caller frees it. */
GByteArray *kl_sim_model_descriptors(const KlSimModel *model, guint16 vendor, guint16 product);

/* A string descriptor (0: the languages), or NULL. The caller frees it. */
GByteArray *kl_sim_model_string(const KlSimModel *model, guint index);

G_END_DECLS
