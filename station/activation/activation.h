/* First boot and the device manager, as rules without any I/O: from a device's row and its message to the row's next
 * state, to what is published, and to what has to be done or told. The seed's system, with what it got wrong put right:
 * station/activation/README.md has the table of all transitions. */
#pragma once

#include "station/activation/topic.h"
#include "station/registration.h"

G_BEGIN_DECLS

#define KL_ACTIVATION_PAYLOAD_MAX 8192             /* bytes of a message that is looked at */
#define KL_ACTIVATION_ID_MAX 64                    /* characters of a message's id, each one a visible one of ASCII */
#define KL_ACTIVATION_VERSION_MAX 9007199254740991 /* 2^53 - 1: any reader of JSON has it right */

/* How a unit comes by its credentials. */
typedef enum {
    KL_CREDENTIALS_FACTORY,     /* it has its own key and certificate: nothing travels */
    KL_CREDENTIALS_CSR,         /* it sends a request, and gets a certificate */
    KL_CREDENTIALS_CREATE_KEYS, /* the seed's way: a key over MQTT */
} KlCredentials;

typedef struct {
    KlCredentials credentials;
    gint64 connections_alarm;                       /* more requests of an activated unit than this raise an alarm */
    gboolean dangerous_send_private_keys_over_mqtt; /* goes with CREATE_KEYS, and with nothing else */
} KlActivationRules;

/* A message as it came. Borrows everything. */
typedef struct {
    const char *topic;
    const char *payload; /* any bytes; may be NULL with length 0 */
    gsize length;
    gboolean retained;
    gboolean again;     /* it was handled before: this one is a redelivery */
    const char *id;     /* what the carrier knows it by, the same whenever it brings it; NULL: by nothing. Of a message
                           that has an id of its own, it is not looked at */
    const char *sender; /* common name of the certificate it came under; NULL: the broker has checked it */
} KlActivationMessage;

/* What became of a message: the journal's word for it, and a counter's. */
typedef enum {
    KL_ACTIVATION_ANSWERED,       /* false -> requested, or requested again: parameters go out */
    KL_ACTIVATION_ACTIVATED,      /* requested -> ok */
    KL_ACTIVATION_COUNTED,        /* an activated unit asks or confirms again: connections + 1 */
    KL_ACTIVATION_SOFTWARE,       /* its software goes out */
    KL_ACTIVATION_VERSION,        /* it runs that version */
    KL_ACTIVATION_REPEATED,       /* a redelivery that changes nothing */
    KL_ACTIVATION_OWN,            /* our own publication: not even counted */
    KL_ACTIVATION_UNKNOWN_DEVICE, /* no row: nothing is answered */
    KL_ACTIVATION_EARLY_CONFIRM,  /* a confirm before any request: a replay, or a clone */
    KL_ACTIVATION_NOT_ACTIVE,     /* asks for software, or tells a version, before it is activated */
    KL_ACTIVATION_RETAINED,       /* retained messages are never a unit that speaks now */
    KL_ACTIVATION_OVERSIZED,      /* longer than KL_ACTIVATION_PAYLOAD_MAX */
    KL_ACTIVATION_MALFORMED,      /* not this system's topic, or a payload that is not what the topic asks for */
    KL_ACTIVATION_FOREIGN,        /* sent under another device's certificate */
    KL_ACTIVATION_BAD_ROW,        /* the row is not one that can be gone on from */
    KL_ACTIVATION_NO_SOFTWARE,    /* it may have software, but there is none by the name in its row */
    KL_ACTIVATION_N_VERDICTS
} KlActivationVerdict;

/* "answered", "unknown-device", ... for the journal. Static. */
const char *kl_activation_verdict_name(KlActivationVerdict verdict);

/* What to publish: QoS 1, not retained. */
typedef struct {
    char *topic;
    GBytes *payload;
} KlPublication;

typedef struct {
    KlActivationVerdict verdict;
    char device[KL_ACTIVATION_DEVICE_MAX + 1]; /* "" when the topic named none */
    char *detail;                              /* technical, for the journal, or NULL */
    KlRegistration *row;     /* what the row is to be, or NULL: as it is. To be put in the place of exactly the row that
                                was given; when that has changed, the message is judged again by the new one */
    GPtrArray *publications; /* KlPublication, in order; after the row is kept */
    GBytes *csr;             /* CREDENTIALS_CSR: the request (DER) to be signed, published before all else; or NULL */
    gboolean make_key;       /* CREDENTIALS_CREATE_KEYS: a new key and certificate are to be published first; or, if the
                                unit has a certificate already, that one, as nobody has its key any more */
    gboolean key_gone;       /* an answer with that certificate, and without a key */
    gboolean alarm;          /* connections went past the threshold */
} KlActivation;

/* The id that the message has (an object with a text "id"), or else its carrier's, before any row is looked up. A
 * device gives each of its messages another id, and the same one when it sends that message again. The caller frees;
 * NULL for none.
 */
char *kl_activation_message_id(const KlActivationMessage *message);

/* Judges one message. row: of the device that the topic names, NULL when there is none. Never fails: whatever comes has
 * a verdict. The caller frees. */
KlActivation *kl_activation_judge(const KlActivationRules *rules, const KlActivationMessage *message,
                                  const KlRegistration *row);
void kl_activation_free(KlActivation *activation);

/* A piece of software as a unit gets it. */
typedef struct {
    gint64 version; /* 0..KL_ACTIVATION_VERSION_MAX */
    GBytes *content;
    char *signature; /* Base64, over kl_software_signed_text() */
} KlSoftware;

void kl_software_free(KlSoftware *software);
KlSoftware *kl_software_copy(const KlSoftware *software);

/* What a software's signature is over: version, size and SHA-256, as text. The caller frees. */
char *kl_software_signed_text(gint64 version, GBytes *content);

/* An empty KlPublication array that owns what is in it, and one more in it; takes the topic over. */
GPtrArray *kl_publications_new(void);
void kl_publications_add(GPtrArray *publications, char *topic, const void *payload, gsize length);
void kl_publications_add_bytes(GPtrArray *publications, char *topic, GBytes *payload);

/* The publications that bring it: its parameters first, then the content in Base64 as the seed sends it. */
GPtrArray *kl_software_publications(const char *device, const KlSoftware *software);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlActivation, kl_activation_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSoftware, kl_software_free)

G_END_DECLS
