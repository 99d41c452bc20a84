#include "activation_message.h"

#include "codec.h"
#include "json_flat.h"
#include "softkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *before;
    const char *after;
    KlBootTopic topic;
} topics[] = {
    {"bs/device/", "/parameters/", KL_BOOT_TOPIC_PARAMETERS},
    {"bs/device/", "/parameters/topic", KL_BOOT_TOPIC_IGNORED},
    {"bs/device/", "/credentials/certificate", KL_BOOT_TOPIC_IGNORED},
    {"bs/device/", "/credentials/key", KL_BOOT_TOPIC_IGNORED},
    {"dm/device/", "/update/parameters/", KL_BOOT_TOPIC_NOTICE},
    {"dm/device/", "/update/", KL_BOOT_TOPIC_SOFTWARE},
    {"dm/device/", "/update/ok", KL_BOOT_TOPIC_IGNORED},
    {"dm/device/", "/update/request", KL_BOOT_TOPIC_IGNORED},
};

KlBootTopic
kl_boot_topic(const char *topic, const char *device)
{
    size_t device_len = strlen(device);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        size_t before = strlen(topics[i].before);
        if (strncmp(topic, topics[i].before, before) == 0 && strncmp(topic + before, device, device_len) == 0 &&
            strcmp(topic + before + device_len, topics[i].after) == 0)
            return topics[i].topic;
    }
    return KL_BOOT_TOPIC_FOREIGN;
}

/* Whether a topic may be published on: not empty, no wildcard, no control character. */
static bool
is_publishable(const char *topic)
{
    for (const char *at = topic; *at != '\0'; at++)
        if (*at == '#' || *at == '+' || (unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    return *topic != '\0';
}

/* A text member that is the base64 of what fits. 0 with *len 0 when it is not there. */
static int
read_base64(const char *text, size_t text_len, const char *name, uint8_t *out, size_t cap, size_t *len, int wrong)
{
    char base64[KL_BASE64_CHARS(KL_BOOT_SIGNATURE_MAX) + 1];
    *len = 0;
    KlJsonMember member = kl_json_text(text, text_len, name, base64, sizeof base64);
    if (member == KL_JSON_ABSENT)
        return 0;
    return member == KL_JSON_FOUND && kl_base64_decode(base64, out, cap, len) && *len > 0 ? 0 : wrong;
}

/* Whether it is the SubjectPublicKeyInfo that we would write for its point. */
static bool
is_p256(const uint8_t spki[KL_P256_SPKI_SIZE])
{
    uint8_t expected[KL_P256_SPKI_SIZE];
    return kl_p256_spki(spki + KL_P256_SPKI_SIZE - KL_P256_POINT_SIZE, expected) &&
           memcmp(spki, expected, sizeof expected) == 0;
}

int
kl_boot_parameters_read(const uint8_t *payload, size_t len, KlBootParameters *parameters)
{
    const char *text = (const char *)payload;
    size_t key_len = 0;
    *parameters = (KlBootParameters){.has_key = false};
    if (len > KL_BOOT_PARAMETERS_MAX)
        return KL_AGENT_E_MESSAGE_TOO_BIG;
    if (!kl_json_is_object(text, len))
        return KL_AGENT_E_MESSAGE_FORM;
    if (kl_json_text(text, len, "topic", parameters->topic, sizeof parameters->topic) != KL_JSON_FOUND ||
        !is_publishable(parameters->topic))
        return KL_AGENT_E_PARAMETERS_TOPIC;
    int error = read_base64(text, len, "software_key", parameters->software_key, KL_P256_SPKI_SIZE, &key_len,
                            KL_AGENT_E_PARAMETERS_KEY);
    if (error != 0 || key_len == 0)
        return error;
    parameters->has_key = key_len == KL_P256_SPKI_SIZE && is_p256(parameters->software_key);
    return parameters->has_key ? 0 : KL_AGENT_E_PARAMETERS_KEY;
}

int
kl_boot_notice_read(const uint8_t *payload, size_t len, KlBootNotice *notice)
{
    const char *text = (const char *)payload;
    char sha256[2 * KL_AGENT_HASH_SIZE + 1];
    int64_t size = 0;
    *notice = (KlBootNotice){.version = 0};
    if (len > KL_BOOT_NOTICE_MAX)
        return KL_AGENT_E_MESSAGE_TOO_BIG;
    if (!kl_json_is_object(text, len) || kl_json_number(text, len, "version", &notice->version) != KL_JSON_FOUND ||
        kl_json_number(text, len, "size", &size) != KL_JSON_FOUND ||
        kl_json_text(text, len, "sha256", sha256, sizeof sha256) != KL_JSON_FOUND ||
        !kl_hex_decode(sha256, notice->sha256, sizeof notice->sha256) ||
        read_base64(text, len, "signature", notice->signature, sizeof notice->signature, &notice->signature_len, 1) !=
            0 ||
        notice->signature_len == 0)
        return KL_AGENT_E_MESSAGE_FORM;
    notice->size = (size_t)size;
    return size <= KL_BOOT_SOFTWARE_MAX ? 0 : KL_AGENT_E_SOFTWARE_SIZE;
}

int
kl_boot_software_read(const uint8_t *payload, size_t len, uint8_t **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
    if (len > KL_BASE64_CHARS(KL_BOOT_SOFTWARE_MAX))
        return KL_AGENT_E_MESSAGE_TOO_BIG;
    size_t cap = len / 4 * 3;
    uint8_t *decoded = malloc(cap > 0 ? cap : 1);
    if (decoded == NULL)
        return KL_AGENT_E_STORE_FULL;
    if (!kl_base64_decode_chars((const char *)payload, len, decoded, cap, size)) {
        free(decoded);
        return KL_AGENT_E_MESSAGE_FORM;
    }
    *bytes = decoded;
    return 0;
}

int
kl_boot_software_check(const KlBootNotice *notice, const uint8_t *bytes, size_t size,
                       const uint8_t software_key[KL_P256_SPKI_SIZE])
{
    uint8_t digest[KL_AGENT_HASH_SIZE];
    char hex[2 * KL_AGENT_HASH_SIZE + 1];
    char text[192];
    if (size != notice->size)
        return KL_AGENT_E_SOFTWARE_SIZE;
    if (!kl_softkey_sha256(bytes, size, digest) || memcmp(digest, notice->sha256, sizeof digest) != 0)
        return KL_AGENT_E_SOFTWARE_HASH;
    kl_hex_encode(digest, sizeof digest, hex);
    int text_len = snprintf(text, sizeof text, "keyline-software\nversion=%lld\nsize=%zu\nsha256=%s\n",
                            (long long)notice->version, size, hex);
    if (text_len < 0 || (size_t)text_len >= sizeof text ||
        !kl_softkey_sha256((const uint8_t *)text, (size_t)text_len, digest) ||
        !kl_softkey_verify(software_key, digest, notice->signature, notice->signature_len))
        return KL_AGENT_E_SOFTWARE_SIGNATURE;
    return 0;
}

bool
kl_boot_address_read(const char *text, char host[KL_BOOT_HOST_MAX + 1], uint16_t *port)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
    size_t len = strspn(text, allowed);
    size_t number = KL_BOOT_PORT;
    if (len == 0 || len > KL_BOOT_HOST_MAX)
        return false;
    if (text[len] != '\0' &&
        (text[len] != ':' || !kl_decimal_decode(text + len + 1, &number) || number < 1 || number > UINT16_MAX))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *port = (uint16_t)number;
    return true;
}

void
kl_boot_say(KlBootSay what, const char *device, const char *id, int64_t version, char topic[KL_BOOT_SAY_TOPIC_MAX + 1],
            char payload[KL_BOOT_SAY_PAYLOAD_MAX + 1])
{
    static const struct {
        const char *before;
        const char *after;
    } parts[] = {
        [KL_BOOT_SAY_REQUEST] = {"bs", "register/request"},
        [KL_BOOT_SAY_CONFIRM] = {"bs", "register/ok"},
        [KL_BOOT_SAY_ASK] = {"dm", "version/request"},
        [KL_BOOT_SAY_VERSION] = {"dm", "update/ok"},
    };
    snprintf(topic, KL_BOOT_SAY_TOPIC_MAX + 1, "%s/device/%s/%s", parts[what].before, device, parts[what].after);
    if (what == KL_BOOT_SAY_VERSION)
        snprintf(payload, KL_BOOT_SAY_PAYLOAD_MAX + 1, "{\"version\":%lld,\"id\":\"%s\"}", (long long)version, id);
    else
        snprintf(payload, KL_BOOT_SAY_PAYLOAD_MAX + 1, "{\"id\":\"%s\"}", id);
}

void
kl_boot_filters(const char *device, char filters[KL_BOOT_FILTERS][KL_BOOT_SAY_TOPIC_MAX + 1])
{
    const size_t cap = KL_BOOT_SAY_TOPIC_MAX + 1;
    snprintf(filters[0], cap, "bs/device/%s/credentials/#", device);
    snprintf(filters[1], cap, "bs/device/%s/parameters/#", device);
    snprintf(filters[2], cap, "dm/device/%s/update/#", device);
}
