#include "station/field.h"

#include <string.h>

static const char *const names[] = {
    [KL_FIELD_NEVER_SEEN] = "never-seen",
    [KL_FIELD_SEEN] = "seen",
    [KL_FIELD_REQUESTED] = "requested",
    [KL_FIELD_OK] = "ok",
};

const char *
kl_field_state_name(KlFieldState state)
{
    return names[state];
}

int
kl_field_state_from_name(const char *name)
{
    for (int i = 0; i < KL_FIELD_N_STATES; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

KlFieldState
kl_field_state(const KlFieldUnit *unit)
{
    if (strcmp(unit->row->registered, "ok") == 0)
        return KL_FIELD_OK;
    if (strcmp(unit->row->registered, "requested") == 0)
        return KL_FIELD_REQUESTED;
    return unit->last_seen_us > 0 ? KL_FIELD_SEEN : KL_FIELD_NEVER_SEEN;
}

void
kl_field_count_free(KlFieldCount *count)
{
    g_free(count->verdict);
    g_free(count);
}

void
kl_field_unit_free(KlFieldUnit *unit)
{
    if (unit == NULL)
        return;
    kl_registration_free(unit->row);
    g_free(unit->imei);
    g_clear_pointer(&unit->counts, g_ptr_array_unref);
    g_free(unit);
}
