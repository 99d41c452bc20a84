/* The messages of the first boot, in and out: pure, and as hostile as they come. Plain C. */
#pragma once

#include "commands.h"
#include "pkcs10.h"

#define KL_BOOT_PORT 8883           /* of an endpoint that names none */
#define KL_BOOT_DEVICE_MAX 128      /* characters of a device id, as of a thing's name at AWS */
#define KL_BOOT_PARAMETERS_MAX 2048 /* as of the item "parameters" */
#define KL_BOOT_SOFTWARE_MAX 98304  /* bytes of software; in Base64 the 131072 that AWS IoT Core takes in a message */
#define KL_BOOT_NOTICE_MAX 1024     /* bytes of what is said of a software */
#define KL_BOOT_SIGNATURE_MAX 128
#define KL_BOOT_ID_CHARS 32

/* What comes on a topic. */
typedef enum {
    KL_BOOT_TOPIC_FOREIGN,    /* nothing for this unit */
    KL_BOOT_TOPIC_IGNORED,    /* its own publication, a credential, or the parameters' topic once more */
    KL_BOOT_TOPIC_PARAMETERS, /* bs/device/ID/parameters/ */
    KL_BOOT_TOPIC_NOTICE,     /* dm/device/ID/update/parameters/ */
    KL_BOOT_TOPIC_SOFTWARE,   /* dm/device/ID/update/ */
} KlBootTopic;

KlBootTopic kl_boot_topic(const char *topic, const char *device);

/* What a unit reads out of its parameters, which may have much more in them. */
typedef struct {
    char topic[KL_BOOT_TOPIC_MAX + 1]; /* of its telemetry */
    bool has_key;                      /* without a key, a unit takes no software */
    uint8_t software_key[KL_P256_SPKI_SIZE];
} KlBootParameters;

/* 0, or KL_AGENT_E_MESSAGE_TOO_BIG, _MESSAGE_FORM, _PARAMETERS_TOPIC, _PARAMETERS_KEY. */
int kl_boot_parameters_read(const uint8_t *payload, size_t len, KlBootParameters *parameters);

/* What is said of a software. */
typedef struct {
    int64_t version;
    size_t size;
    uint8_t sha256[KL_AGENT_HASH_SIZE];
    uint8_t signature[KL_BOOT_SIGNATURE_MAX];
    size_t signature_len;
} KlBootNotice;

/* 0, or KL_AGENT_E_MESSAGE_TOO_BIG, _MESSAGE_FORM, _SOFTWARE_SIZE (more than a unit takes). */
int kl_boot_notice_read(const uint8_t *payload, size_t len, KlBootNotice *notice);

/* The software itself, out of its Base64; *bytes is the caller's, to be freed. 0, or KL_AGENT_E_MESSAGE_TOO_BIG,
 * _MESSAGE_FORM, _STORE_FULL (no memory). */
int kl_boot_software_read(const uint8_t *payload, size_t len, uint8_t **bytes, size_t *size);

/* Whether the software is what was said of it, by that key. 0, or KL_AGENT_E_SOFTWARE_SIZE, _HASH, _SIGNATURE. */
int kl_boot_software_check(const KlBootNotice *notice, const uint8_t *bytes, size_t size,
                           const uint8_t software_key[KL_P256_SPKI_SIZE]);

/* What a unit publishes. */
typedef enum {
    KL_BOOT_SAY_REQUEST, /* bs/device/ID/register/request */
    KL_BOOT_SAY_CONFIRM, /* bs/device/ID/register/ok */
    KL_BOOT_SAY_ASK,     /* dm/device/ID/version/request */
    KL_BOOT_SAY_VERSION, /* dm/device/ID/update/ok */
} KlBootSay;

#define KL_BOOT_SAY_TOPIC_MAX (KL_BOOT_DEVICE_MAX + 32)
#define KL_BOOT_SAY_PAYLOAD_MAX 96

void kl_boot_say(KlBootSay what, const char *device, const char *id, int64_t version,
                 char topic[KL_BOOT_SAY_TOPIC_MAX + 1], char payload[KL_BOOT_SAY_PAYLOAD_MAX + 1]);

/* Takes "HOST:PORT" or "HOST" apart. FALSE when it is neither. */
bool kl_boot_address_read(const char *text, char host[KL_BOOT_HOST_MAX + 1], uint16_t *port);

/* What a unit subscribes to. */
#define KL_BOOT_FILTERS 3
void kl_boot_filters(const char *device, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1]);
