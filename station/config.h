/* The station's configuration: station.conf in the station folder. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *name;  /* "01", from [slot 01] */
    char *agent; /* address, see KlTransportOpen */
    char *modem; /* address or NULL */
} KlSlotConfig;

typedef struct {
    char *dir;             /* the station folder, absolute */
    char *name;            /* [station] name */
    char *product;         /* [station] product: the default profile */
    char *line_file;       /* [station] line: a further file with [slot ...] groups, absolute, or NULL */
    guint columns;         /* [station] columns: of the fixture, 1..64, for the window; 0: as it fits */
    char *ca_key;          /* [ca] key: "file" (ca/ca.key) or a pkcs11: URI */
    char *passphrase_file; /* [ca] passphrase-file: absolute, or NULL: ask */
    GPtrArray *slots;      /* KlSlotConfig, sorted by name */
} KlConfig;

/* station.conf:
 *   [station] name=        1..64 characters, for records
 *             product=     products/PRODUCT.conf: 1..64 of [A-Za-z0-9_.-]
 *             line=        optional: a further file, with [slot ...] groups only
 *   [ca]      key=         optional: "file" (the default) or a pkcs11: URI
 *             passphrase-file=  optional
 *   [slot NN] agent=       NN: 1..32 of [A-Za-z0-9_.-]; serial:PATH, pty:PATH or tcp:HOST:PORT
 *             modem=       optional, the same kinds; may be the same as agent
 * Relative paths count from the folder of the file that they stand in. No two slots share a port.
 */

/* Reads DIR/station.conf and the line file it names. STATION_MISSING when there is none; CONFIG_INVALID names file,
 * line and what is allowed: unknown groups and keys, duplicate slots, addresses without a known scheme are all errors.
 */
KlConfig *kl_config_load(const char *dir, GError **error);
void kl_config_free(KlConfig *config);

/* Borrowed, or NULL with SLOT_UNKNOWN. */
const KlSlotConfig *kl_config_slot(const KlConfig *config, const char *name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlConfig, kl_config_free)

G_END_DECLS
