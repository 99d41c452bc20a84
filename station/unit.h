/* A unit: the identity of one device. Immutable once identified. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *imei;          /* 15 digits with a right Luhn digit */
    char *fsn;           /* factory serial number, 1..14 of [A-Z0-9] */
    char *model;         /* as the module says it: "WP7702", "FX30S" */
    char *firmware;      /* as the module says it: "SWI9X06Y_02.32.02.00" */
    char *agent_version; /* version of our agent on the module */
    char *keystore;      /* which backend makes keys there: "iks" or "software" */
    char *boot_id;       /* differs after each start of the agent; not part of the identity */
    char *device_id;     /* the product's name for it; NULL until the station has given it */
} KlUnit;

KlUnit *kl_unit_copy(const KlUnit *unit);
void kl_unit_free(KlUnit *unit);

/* TRUE when both are the same physical unit: same IMEI and same FSN. */
gboolean kl_unit_same(const KlUnit *a, const KlUnit *b);

/* TRUE for 15 digits of which the last is the Luhn check digit of the others (3GPP TS 23.003, annex B). */
gboolean kl_imei_valid(const char *imei);

/* TRUE for 1..14 characters of [A-Z0-9] (le_info_GetPlatformSerialNumber). */
gboolean kl_fsn_valid(const char *fsn);

/* TRUE for 1..64 characters of [A-Za-z0-9_.:-]: safe in a common name, a thing name, an MQTT topic and in JSON. */
gboolean kl_device_id_valid(const char *device_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlUnit, kl_unit_free)

G_END_DECLS
