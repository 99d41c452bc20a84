#include "station/field.h"

#include <string.h>

static const char *const names[] = {
    [KL_FIELD_NEVER_SEEN] = "never-seen", [KL_FIELD_SEEN] = "seen",
    [KL_FIELD_REQUESTED] = "requested",   [KL_FIELD_OK] = "ok",
    [KL_FIELD_NOT_ASKED] = "not-asked",   [KL_FIELD_MISSING] = "missing",
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

void
kl_field_count_free(KlFieldCount *count)
{
    g_free(count->verdict);
    g_free(count);
}

GPtrArray *
kl_field_counts_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)kl_field_count_free);
}

void
kl_cloud_row_free(KlCloudRow *row)
{
    if (row == NULL)
        return;
    kl_registration_free(row->row);
    g_clear_error(&row->problem);
    g_clear_pointer(&row->counts, g_ptr_array_unref);
    g_free(row->device);
    g_free(row->imei);
    g_free(row);
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

gboolean
kl_field_known(const KlFieldUnit *unit)
{
    return unit->state != KL_FIELD_NOT_ASKED && unit->state != KL_FIELD_MISSING;
}
