#include "station/cli/audit_request.h"

#include "station/cli/text.h"
#include "station/outcome.h"

void
kl_audit_options_clear(KlAuditOptions *options)
{
    g_free(options->serial);
    g_free(options->batch);
    g_free(options->work_order);
    g_free(options->product);
    g_free(options->operator_id);
    g_free(options->outcome);
    g_free(options->from);
    g_free(options->to);
}

GOptionEntry *
kl_audit_options_entries(KlAuditOptions *o, const GOptionEntry *more)
{
    const GOptionEntry own[] = {
        {"serial", 0, 0, G_OPTION_ARG_STRING, &o->serial,
         "One unit, by IMEI, FSN, device id, certificate serial or fingerprint; or a job or batch", "ID"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &o->from,
         "Jobs started, and other events, at or after (2026-11-22 or 2026-11-22T14:00, local time)", "TIME"},
        {"to", 0, 0, G_OPTION_ARG_STRING, &o->to, "The same before; a day is included", "TIME"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o->work_order, "Only of this work order", "WO"},
        {"batch", 0, 0, G_OPTION_ARG_STRING, &o->batch, "Only of this batch; 8 characters are enough", "BATCH"},
        {"product", 0, 0, G_OPTION_ARG_STRING, &o->product, "Only of this product", "NAME"},
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o->operator_id, "Only this operator's", "ID"},
        {"outcome", 0, 0, G_OPTION_ARG_STRING, &o->outcome, "Only pass, fail, error, timeout, aborted", "NAME"},
    };
    GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    for (; more != NULL && more->long_name != NULL; more++)
        g_array_append_vals(entries, more, 1);
    return (GOptionEntry *)(gpointer)g_array_free(entries, FALSE);
}

static gboolean
parse_outcome(const char *text, const char **outcome, GError **error)
{
    g_autofree char *upper = g_ascii_strup(text, -1);
    int number = kl_outcome_from_name(upper);
    if (number < 0)
        return kl_fail(error, KL_ERROR_USAGE, "--outcome %s: must be pass, fail, error, timeout or aborted", text);
    *outcome = kl_outcome_name((KlOutcome)number);
    return TRUE;
}

gboolean
kl_audit_options_request(KlAuditOptions *o, KlAuditRequest *request, GError **error)
{
    *request = (KlAuditRequest){
        .identifier = o->serial,
        .batch = o->batch,
        .work_order = o->work_order,
        .product = o->product,
        .operator_id = o->operator_id,
    };
    if (o->outcome != NULL && !parse_outcome(o->outcome, &request->outcome, error))
        return FALSE;
    if ((o->from != NULL && !kl_text_parse_time(o->from, FALSE, &request->from_us, error)) ||
        (o->to != NULL && !kl_text_parse_time(o->to, TRUE, &request->to_us, error)))
        return FALSE;
    if (request->from_us != 0 && request->to_us != 0 && request->from_us >= request->to_us)
        return kl_fail(error, KL_ERROR_USAGE, "--from %s is not before --to %s", o->from, o->to);
    return TRUE;
}
