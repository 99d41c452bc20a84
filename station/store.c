#include "station/store.h"

void
kl_unit_state_free(KlUnitState *state)
{
    if (state == NULL)
        return;
    g_free(state->device_id);
    g_clear_pointer(&state->keys, g_ptr_array_unref);
    g_free(state->issue_job);
    g_free(state->reprovision_reason);
    kl_certificate_free(state->certificate);
    g_free(state);
}

void
kl_act_free(KlAct *act)
{
    if (act == NULL)
        return;
    g_free(act->who);
    g_free(act->role);
    g_free(act->what);
    g_free(act->subject);
    g_free(act->reason);
    g_free(act);
}

void
kl_ledger_entry_free(KlLedgerEntry *entry)
{
    if (entry == NULL)
        return;
    kl_certificate_free(entry->certificate);
    g_free(entry->imei);
    g_free(entry->device_id);
    g_free(entry->job);
    g_free(entry->reason);
    g_free(entry);
}
