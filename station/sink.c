#include "station/sink.h"

#include "station/json_member.h"

static const char *const kind_names[] = {
    [KL_OUTBOX_REGISTRATION] = "registration",
    [KL_OUTBOX_RECORD] = "record",
    [KL_OUTBOX_CLEANUP] = "cleanup",
};

const char *
kl_outbox_kind_name(KlOutboxKind kind)
{
    g_return_val_if_fail((guint)kind < G_N_ELEMENTS(kind_names), "registration");
    return kind_names[kind];
}

int
kl_outbox_kind_from_name(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (g_strcmp0(kind_names[i], name) == 0)
            return (int)i;
    }
    return -1;
}

void
kl_outbox_row_free(KlOutboxRow *row)
{
    if (row == NULL)
        return;
    g_free(row->key);
    g_free(row->run);
    g_free(row->body);
    g_free(row->last_code);
    g_free(row->last_detail);
    g_free(row);
}

char *
kl_outbox_row_text(const KlOutboxRow *row, const char *name)
{
    g_autoptr(JsonNode) body = json_from_string(row->body, NULL);
    if (body == NULL || !JSON_NODE_HOLDS_OBJECT(body))
        return NULL;
    return g_strdup(kl_member_text(json_node_get_object(body), name));
}

void
kl_outbox_counts_clear(KlOutboxCounts *counts)
{
    g_clear_pointer(&counts->last_code, g_free);
}

void
kl_passed_elsewhere_free(KlPassedElsewhere *passed)
{
    if (passed == NULL)
        return;
    g_free(passed->station);
    g_free(passed->record);
    g_free(passed->operator_id);
    g_free(passed->device_id);
    g_free(passed->certificate);
    g_free(passed);
}
