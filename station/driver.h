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

    /* Stores an item ("certificate", "chain", "endpoint", "parameters"), atomically. INSTALL_REFUSED when the module
     * says no. */
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

    /* Closes the ports and frees the device. */
    void (*close)(KlDevice *device);
} KlDriver;

G_END_DECLS
