/* A device's item in DynamoDB's registration table, as somebody looks at it who changes nothing there. Pure. */
#pragma once

#include <json-glib/json-glib.h>

#include "station/field.h"

G_BEGIN_DECLS

/* What the item of that device says, asked at that time; item NULL: that there is none. One that is not as first boot
 * and stations write it has ROW_UNREADABLE as its problem. The caller frees. */
KlCloudRow *kl_cloud_row_of_item(const char *device, JsonObject *item, gint64 asked_us);

/* The attributes that are looked at; all others may be left out of the item. NULL-terminated. The caller frees the
 * array. */
const char **kl_cloud_row_attributes(void);

G_END_DECLS
