/* One record and all that belongs to it, read at once; blocks. */
#pragma once

#include "station/station.h"

G_BEGIN_DECLS

typedef struct {
    KlRecord *record;   /* whole */
    GPtrArray *jobs;    /* KlRecord, newest first: what its unit lived through, this record included */
    char *certificate;  /* its status and content as text, or NULL */
    KlFieldUnit *field; /* its unit in the field, or NULL: it has no registration row */
} KlUnitLife;

/* The record with that id, or with that number when id is NULL. cloud: see KlFieldFilter. RECORD_UNKNOWN, STORE_*. The
 * caller frees. */
KlUnitLife *kl_unit_life_read(KlStore *store, const char *cloud, const char *id, gint64 number, GError **error);
void kl_unit_life_free(KlUnitLife *life);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlUnitLife, kl_unit_life_free)

G_END_DECLS
