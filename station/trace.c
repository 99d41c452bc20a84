#include "station/trace.h"

void
kl_trace_entry_free(KlTraceEntry *entry)
{
    if (entry == NULL)
        return;
    g_free(entry->kind);
    g_free(entry->text);
    g_free(entry->json);
    g_free(entry);
}

void
kl_trace_unit_free(KlTraceUnit *unit)
{
    if (unit == NULL)
        return;
    g_free(unit->imei);
    g_free(unit->fsn);
    g_free(unit->device_id);
    g_free(unit->model);
    g_free(unit->firmware);
    g_free(unit->certificate);
    g_free(unit->registration);
    g_free(unit->outbox);
    g_free(unit->archives);
    g_free(unit->job);
    g_clear_pointer(&unit->life, g_ptr_array_unref);
    g_free(unit);
}
