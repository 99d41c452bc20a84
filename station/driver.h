/* Contract: how a kind of module is driven. All calls block, belong to one thread (the slot's worker) and take the
 * operation's limits in KlOp. A second module is one more folder beside at_wp77. */
#pragma once

#include "station/op.h"
#include "station/transport.h"
#include "station/unit.h"

G_BEGIN_DECLS

/* The driver's handle of an open unit. */
typedef struct KlDevice KlDevice;

/* Where a slot's unit answers: addresses for KlTransportOpen. modem may be NULL, or the same as agent. */
typedef struct {
    const char *agent;
    const char *modem;
} KlPorts;

/* What a module says of the key in one of its key slots. */
typedef struct {
    gboolean exists;
    gboolean locked;
    char *spki_sha256; /* lower-case hex; NULL when there is no key */
    char *backend;     /* "iks" or "software"; NULL when there is no key */
} KlKeyInfo;

void kl_key_info_clear(KlKeyInfo *info);

/* What a module says of an item that it stores. */
typedef struct {
    char *name;
    gsize length;
    char *sha256; /* lower-case hex, computed by the module over what is stored */
} KlItemInfo;

void kl_item_info_free(KlItemInfo *info);

/* How far a unit's first boot has come, as the unit says. */
typedef enum {
    KL_BOOT_FRESH,      /* as from the factory: it has not been started */
    KL_BOOT_CONNECTING, /* looking for its broker */
    KL_BOOT_REQUESTED,  /* has announced itself, and waits for its parameters */
    KL_BOOT_CONFIRMED,  /* has its parameters, and has confirmed them */
    KL_BOOT_UPDATING,   /* has asked for its software */
    KL_BOOT_ACTIVE,     /* done: publishes its telemetry */
    KL_BOOT_FAILED,     /* a rehearsal that came to its end; in the field, a unit tries again and again */
} KlBootState;

/* Why the last try did not come further. */
typedef enum {
    KL_BOOT_FINE,
    KL_BOOT_UNREACHABLE,    /* nobody answers at the broker's address */
    KL_BOOT_WRONG_NAME,     /* the broker's certificate is for another name than the unit's endpoint */
    KL_BOOT_UNTRUSTED,      /* the broker's certificate is of nobody that the unit trusts */
    KL_BOOT_CLOCK,          /* by the unit's clock, the broker's certificate is not valid */
    KL_BOOT_REFUSED,        /* the broker does not take the unit: its certificate, or what it subscribes to */
    KL_BOOT_NO_ANSWER,      /* no parameters, or no software, came */
    KL_BOOT_BAD_PARAMETERS, /* what came is not what a unit can use */
    KL_BOOT_BAD_SOFTWARE,   /* size, hash or signature of its software are wrong */
    KL_BOOT_NOT_APPLIED,    /* the software could not be applied */
    KL_BOOT_INCOMPLETE,     /* the unit misses its certificate, endpoint or trust */
    KL_BOOT_OTHER,          /* the unit's own trouble, or a reason that this station does not know */
} KlBootTrouble;

typedef struct {
    KlBootState state;
    KlBootTrouble trouble;
    char *detail; /* the unit's own words for the trouble, or NULL */
    gboolean rehearsal;
    gint64 version;     /* of the software that the unit says it runs */
    gint64 clock_s;     /* the unit's clock: seconds since 1970 */
    char *endpoint;     /* "HOST:PORT" as the unit has stored it; NULL when it misses something */
    char *trust_sha256; /* of the item by which it trusts its broker, in hex ("trust", else "chain"); NULL likewise */
} KlBootInfo;

void kl_boot_info_clear(KlBootInfo *info);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlBootInfo, kl_boot_info_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlKeyInfo, kl_key_info_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlItemInfo, kl_item_info_free)

#define KL_NONCE_SIZE 32

typedef struct {
    const char *id;
    const char *title;

    /* Opens the ports, finds out which of them answers what, brings them into a known state. Errors: those of
     * KlTransportOpen, NO_ANSWER, ANSWER_GARBLED, NO_AGENT, AGENT_VERSION, UNIT_STARTING (it can't tell yet who it is).
     * The caller closes the device. */
    KlDevice *(*open)(const KlPorts *ports, KlTransportOpen open_transport, KlOp *op, GError **error);

    /* Asks the unit who it is, over every port that it has, and compares. device_id is NULL in the answer.
     * Errors: IDENTITY_UNREADABLE, IDENTITY_MISMATCH, and those of the wire. */
    KlUnit *(*identify)(KlDevice *device, KlOp *op, GError **error);

    /* What is in the key slot. Clear *info after use. */
    gboolean (*key_status)(KlDevice *device, const char *key_slot, KlKeyInfo *info, KlOp *op, GError **error);

    /* Has the module make a P-256 key of its own. KEY_SLOT_USED when the slot has one already. */
    gboolean (*generate_key)(KlDevice *device, const char *key_slot, KlKeyInfo *info, KlOp *op, GError **error);

    /* A PKCS#10 request (DER, hash checked on the wire, content not checked) over that key, with that common name. */
    GBytes *(*get_csr)(KlDevice *device, const char *key_slot, const char *common_name, KlOp *op, GError **error);

    /* Stores an item ("certificate", "chain", "trust", "endpoint", "parameters"), atomically. INSTALL_REFUSED when the
     * module says no. */
    gboolean (*install)(KlDevice *device, const char *item, GBytes *data, KlOp *op, GError **error);

    /* What is stored now: an array of KlItemInfo. */
    GPtrArray *(*read_back)(KlDevice *device, KlOp *op, GError **error);

    /* The module's ECDSA signature (DER) over SHA-256("keyline-prove" || nonce || IMEI digits) with the slot's key. */
    GBytes *(*prove)(KlDevice *device, const char *key_slot, const guint8 nonce[KL_NONCE_SIZE], KlOp *op,
                     GError **error);

    /* Removes the key and all items. Refused (REPROVISION_LOCKED) when the slot is locked. */
    gboolean (*erase)(KlDevice *device, const char *key_slot, KlOp *op, GError **error);

    /* Locks the key for good: no change, no delete. Idempotent. */
    gboolean (*lock)(KlDevice *device, const char *key_slot, KlOp *op, GError **error);

    /* Rehearses the first boot: the unit connects to address ("HOST:PORT") in place of its endpoint, where the broker's
     * certificate has that SHA-256 and the endpoint's name; everything else is as in the field, but nothing of it
     * lasts: no parameters are stored and no software is applied. Returns once it has begun. BOOT_REFUSED,
     * AGENT_VERSION (an agent that knows no first boot). */
    gboolean (*rehearse)(KlDevice *device, const char *address, const char *broker_sha256, KlOp *op, GError **error);

    /* How far it has come. Clear *info after use. */
    gboolean (*boot_status)(KlDevice *device, KlBootInfo *info, KlOp *op, GError **error);

    /* Stops the first boot, and makes the unit as it was before it: KL_BOOT_FRESH. Idempotent. */
    gboolean (*boot_reset)(KlDevice *device, KlOp *op, GError **error);

    /* Closes the ports and frees the device. */
    void (*close)(KlDevice *device);
} KlDriver;

G_END_DECLS
