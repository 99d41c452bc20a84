#include "station/audit.h"

#include "station/canonical.h"

gboolean
kl_audit_request_is_empty(const KlAuditRequest *request)
{
    return request->identifier == NULL && request->batch == NULL && request->work_order == NULL &&
           request->product == NULL && request->operator_id == NULL && request->outcome == NULL &&
           request->from_us == 0 && request->to_us == 0;
}

char *
kl_audit_request_canonical(const KlAuditRequest *request)
{
    g_autoptr(KlCanonical) writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    kl_canonical_text(writer, "batch", request->batch);
    if (request->from_us != 0)
        kl_canonical_number(writer, "from_us", request->from_us);
    kl_canonical_text(writer, "identifier", request->identifier);
    kl_canonical_text(writer, "operator", request->operator_id);
    kl_canonical_text(writer, "outcome", request->outcome);
    kl_canonical_text(writer, "product", request->product);
    if (request->to_us != 0)
        kl_canonical_number(writer, "to_us", request->to_us);
    kl_canonical_text(writer, "work_order", request->work_order);
    return kl_canonical_finish(g_steal_pointer(&writer));
}

void
kl_audit_group_free(KlAuditGroup *group)
{
    g_free(group->name);
    g_free(group);
}

void
kl_audit_count_free(KlAuditCount *count)
{
    g_free(count->name);
    g_free(count);
}

KlAuditSummary *
kl_audit_summary_new(void)
{
    KlAuditSummary *summary = g_new0(KlAuditSummary, 1);
    summary->outcomes = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_count_free);
    summary->types = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_count_free);
    summary->products = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_group_free);
    summary->operators = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_group_free);
    summary->work_orders = g_ptr_array_new_with_free_func((GDestroyNotify)kl_audit_group_free);
    return summary;
}

void
kl_audit_summary_free(KlAuditSummary *summary)
{
    g_free(summary->station);
    g_free(summary->journal);
    g_free(summary->fingerprint);
    g_free(summary->selection);
    g_free(summary->hash);
    g_ptr_array_unref(summary->outcomes);
    g_ptr_array_unref(summary->types);
    g_ptr_array_unref(summary->products);
    g_ptr_array_unref(summary->operators);
    g_ptr_array_unref(summary->work_orders);
    g_free(summary);
}
