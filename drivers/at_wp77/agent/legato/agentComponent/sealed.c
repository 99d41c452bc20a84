#include "sealed.h"

#include "interfaces.h"
#include "legato.h"

#include "drivers/at_wp77/agent/softkey.h"

/* A record: magic, sequence number, length (both big-endian), hash of the other header fields and the bytes, the bytes.
 */
#define MAGIC "KLS1"
#define FIELDS_SIZE 12
#define HEADER_SIZE (FIELDS_SIZE + KL_AGENT_HASH_SIZE)
#define RECORD_MAX (HEADER_SIZE + KL_AGENT_ITEM_MAX)
#define PLACES 2

typedef struct {
    uint8_t bytes[RECORD_MAX];
    size_t size;
} Record;

/* What one place of a record holds; the record itself stays in storage. */
typedef struct {
    bool whole;
    uint32_t sequence;
} Place;

static void
place_name(const char *name, int place, char out[80])
{
    snprintf(out, 80, "%s.%d", name, place);
}

static void
put_number(uint8_t *at, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t
get_number(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The hash lies between the fields and the bytes, so it is taken with its own place zeroed. */
static bool
hash_record(Record *record, uint8_t digest[KL_AGENT_HASH_SIZE])
{
    memset(record->bytes + FIELDS_SIZE, 0, KL_AGENT_HASH_SIZE);
    return kl_softkey_sha256(record->bytes, record->size, digest);
}

static bool
is_whole(Record *record)
{
    if (record->size < HEADER_SIZE || memcmp(record->bytes, MAGIC, 4) != 0 ||
        get_number(record->bytes + 8) != record->size - HEADER_SIZE)
        return false;
    uint8_t stored[KL_AGENT_HASH_SIZE];
    uint8_t digest[KL_AGENT_HASH_SIZE];
    memcpy(stored, record->bytes + FIELDS_SIZE, sizeof stored);
    return hash_record(record, digest) && memcmp(stored, digest, sizeof stored) == 0;
}

/* Reads one place. One that is absent or torn is not whole; that is no error. */
static int
read_place(const char *name, int place, Record *record, Place *state)
{
    char path[80];
    place_name(name, place, path);
    *state = (Place){.whole = false};
    record->size = sizeof record->bytes;
    le_result_t result = le_secStore_Read(path, record->bytes, &record->size);
    if (result == LE_NOT_FOUND || result == LE_OVERFLOW)
        return 0;
    if (result != LE_OK) {
        LE_ERROR("secure storage can't be read: %s", LE_RESULT_TXT(result));
        return KL_AGENT_E_STORE;
    }
    state->whole = is_whole(record);
    state->sequence = state->whole ? get_number(record->bytes + 4) : 0;
    return 0;
}

/* The place that counts, or -1 when neither is whole; record is overwritten. */
static int
find_newest(const char *name, Record *record, int *newest, uint32_t *sequence)
{
    *newest = -1;
    *sequence = 0;
    for (int i = 0; i < PLACES; i++) {
        Place state;
        int error = read_place(name, i, record, &state);
        if (error != 0)
            return error;
        if (state.whole && (*newest < 0 || state.sequence > *sequence)) {
            *newest = i;
            *sequence = state.sequence;
        }
    }
    return 0;
}

static int
delete_place(const char *name, int place)
{
    char path[80];
    place_name(name, place, path);
    le_result_t result = le_secStore_Delete(path);
    return result == LE_OK || result == LE_NOT_FOUND ? 0 : KL_AGENT_E_STORE;
}

int
kl_sealed_write(const char *name, const uint8_t *bytes, size_t len)
{
    static Record record;
    int newest;
    uint32_t sequence;
    if (len > KL_AGENT_ITEM_MAX)
        return KL_AGENT_E_TOO_BIG;
    int error = find_newest(name, &record, &newest, &sequence);
    if (error != 0)
        return error;
    uint8_t digest[KL_AGENT_HASH_SIZE];
    memcpy(record.bytes, MAGIC, 4);
    put_number(record.bytes + 4, sequence + 1);
    put_number(record.bytes + 8, (uint32_t)len);
    memcpy(record.bytes + HEADER_SIZE, bytes, len);
    record.size = HEADER_SIZE + len;
    if (!hash_record(&record, digest))
        return KL_AGENT_E_CRYPTO;
    memcpy(record.bytes + FIELDS_SIZE, digest, sizeof digest);
    int target = newest == 0 ? 1 : 0;
    char path[80];
    place_name(name, target, path);
    le_result_t result = le_secStore_Write(path, record.bytes, record.size);
    kl_softkey_wipe(record.bytes, sizeof record.bytes);
    if (result != LE_OK) {
        LE_ERROR("secure storage can't be written: %s", LE_RESULT_TXT(result));
        return result == LE_NO_MEMORY ? KL_AGENT_E_STORE_FULL : KL_AGENT_E_STORE;
    }
    /* The old place only takes room now; if it can't be removed, the newer one counts all the same. */
    if (newest >= 0)
        delete_place(name, newest);
    return 0;
}

int
kl_sealed_read(const char *name, uint8_t *bytes, size_t cap, size_t *len)
{
    static Record record;
    int newest;
    uint32_t sequence;
    Place state;
    int error = find_newest(name, &record, &newest, &sequence);
    if (error == 0 && newest < 0)
        error = KL_AGENT_E_NO_ITEM;
    if (error == 0)
        error = read_place(name, newest, &record, &state);
    if (error == 0 && (!state.whole || record.size - HEADER_SIZE > cap))
        error = KL_AGENT_E_STORE;
    if (error == 0) {
        *len = record.size - HEADER_SIZE;
        memcpy(bytes, record.bytes + HEADER_SIZE, *len);
    }
    kl_softkey_wipe(record.bytes, sizeof record.bytes);
    return error;
}

/* The place that counts goes last: the other way round, a power cut would bring an older record back. */
int
kl_sealed_delete(const char *name)
{
    static Record record;
    int newest;
    uint32_t sequence;
    int error = find_newest(name, &record, &newest, &sequence);
    kl_softkey_wipe(record.bytes, sizeof record.bytes);
    int last = newest == 0 ? 0 : 1;
    if (error == 0)
        error = delete_place(name, 1 - last);
    return error != 0 ? error : delete_place(name, last);
}
