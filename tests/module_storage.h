/* A module's secure storage made up here, which loses power at a write, tears it or runs full; and its log, which
 * nobody reads. */
#pragma once

#include <glib.h>
#include <string.h>

#include "drivers/at_wp77/agent/legato/agentComponent/sealed.h"
#include "drivers/at_wp77/agent/legato/api-check/interfaces.h"

#define NO_CUT G_MAXUINT

static GHashTable *records; /* name -> GBytes */
static gboolean storage_full;
static guint changes_left; /* power goes at the change after these */
static gboolean torn;      /* that change leaves half a record */

static inline void
storage_reset(void)
{
    g_clear_pointer(&records, g_hash_table_unref);
    records = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    storage_full = FALSE;
    changes_left = NO_CUT;
    torn = FALSE;
}

/* TRUE while there is power for one more change. */
static inline gboolean
powered(void)
{
    if (changes_left == NO_CUT)
        return TRUE;
    return changes_left > 0 && changes_left-- > 0;
}

const char *
le_result_GetString(le_result_t result)
{
    return "result";
}

void
kl_legato_log(const char *format, ...)
{
}

void
kl_legato_fatal(const char *format, ...)
{
    g_error("fatal: %s", format);
}

le_result_t
le_secStore_Write(const char *name, const uint8_t *bufPtr, size_t bufSize)
{
    if (storage_full)
        return LE_NO_MEMORY;
    gboolean whole = powered();
    if (whole || torn)
        g_hash_table_insert(records, g_strdup(name), g_bytes_new(bufPtr, whole ? bufSize : bufSize / 2));
    torn = torn && whole; /* only the first write without power is torn; nothing happens after it */
    return whole ? LE_OK : LE_FAULT;
}

le_result_t
le_secStore_Read(const char *name, uint8_t *bufPtr, size_t *bufSizePtr)
{
    GBytes *stored = g_hash_table_lookup(records, name);
    if (stored == NULL)
        return LE_NOT_FOUND;
    gsize size = 0;
    const guint8 *bytes = g_bytes_get_data(stored, &size);
    if (size > *bufSizePtr)
        return LE_OVERFLOW;
    memcpy(bufPtr, bytes, size);
    *bufSizePtr = size;
    return LE_OK;
}

le_result_t
le_secStore_Delete(const char *name)
{
    if (!g_hash_table_contains(records, name))
        return LE_NOT_FOUND;
    if (!powered())
        return LE_FAULT;
    g_hash_table_remove(records, name);
    return LE_OK;
}
