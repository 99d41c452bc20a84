/* Contract: the software that units get, by the name in their registration row. Safe from several threads. What is here
 * may be changed by others at any time; each call sees one state of it. */
#pragma once

#include "station/activation/activation.h"
#include "station/op.h"

G_BEGIN_DECLS

#define KL_SOFTWARE_MAX 98304    /* bytes: in Base64, the 131072 that AWS IoT Core takes in a message */
#define KL_SOFTWARE_NAME_MAX 128 /* bytes of a name, as of a profile's firmware= */

typedef struct KlSoftwareShelf KlSoftwareShelf;

typedef struct {
    /* The software of that name, which may be any text. RECORD_UNKNOWN: there is none. CONFIG_INVALID: what is kept
     * under the name is not what it should be (a place that must not be looked at, too long, no version, no
     * signature). Any other error: it can't be read now. */
    KlSoftware *(*find)(KlSoftwareShelf *shelf, const char *name, KlOp *op, GError **error);
    void (*free)(KlSoftwareShelf *shelf);
} KlSoftwareShelfClass;

struct KlSoftwareShelf {
    const KlSoftwareShelfClass *klass;
};

static inline void
kl_software_shelf_free(KlSoftwareShelf *shelf)
{
    shelf->klass->free(shelf);
}

/* One entry of the table Devicemanager_update: device (the software's name), bucket and file as in the seed, and the
 * version and the signature of what is in the file. */
typedef struct {
    char *bucket;
    char *file;
    gint64 version;
    char *signature;
} KlSoftwareEntry;

void kl_software_entry_clear(KlSoftwareEntry *entry);

/* Whether an entry may be followed: bucket [a-z0-9][a-z0-9.-]{2,62}, file relative and without empty, "." and ".."
 * parts, version 0..KL_ACTIVATION_VERSION_MAX, signature the Base64 of 8 to 128 bytes. CONFIG_INVALID. */
gboolean kl_software_entry_check(const KlSoftwareEntry *entry, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSoftwareShelf, kl_software_shelf_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlSoftwareEntry, kl_software_entry_clear)

G_END_DECLS
