/* keyline trace: a unit's whole life, by any of its numbers. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/station_trace.h"

/* What was made in SQL; what is damaged in the database is shown as null. */
static void
add_made(JsonBuilder *builder, const char *name, const char *json)
{
    g_autofree char *valid = g_utf8_make_valid(json != NULL ? json : "null", -1);
    JsonNode *node = json_from_string(valid, NULL);
    json_builder_set_member_name(builder, name);
    json_builder_add_value(builder, node != NULL ? node : json_node_init_null(json_node_alloc()));
}

static void
add_life(JsonBuilder *builder, const GPtrArray *life)
{
    kl_json_array(builder, "life");
    for (guint i = 0; i < life->len; i++) {
        const KlTraceEntry *entry = life->pdata[i];
        json_builder_begin_object(builder);
        kl_json_time(builder, "time", entry->time_us);
        kl_json_string(builder, "kind", entry->kind);
        kl_json_string(builder, "text", entry->text);
        add_made(builder, "what", entry->json);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
add_unit(JsonBuilder *builder, const KlTraceUnit *unit)
{
    json_builder_begin_object(builder);
    kl_json_string(builder, "imei", unit->imei);
    kl_json_string(builder, "fsn", unit->fsn);
    kl_json_string(builder, "device", unit->device_id);
    kl_json_string(builder, "model", unit->model);
    kl_json_string(builder, "firmware", unit->firmware);
    kl_json_bool(builder, "provisioned", unit->provisioned);
    kl_json_string(builder, "certificate", unit->certificate);
    kl_json_string(builder, "job", unit->job);
    if (unit->life != NULL) {
        add_made(builder, "registration", unit->registration);
        add_made(builder, "outbox", unit->outbox);
        add_made(builder, "archives", unit->archives);
        add_life(builder, unit->life);
    }
    json_builder_end_object(builder);
}

static void
print_json(const GPtrArray *units)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "units");
    for (guint i = 0; i < units->len; i++)
        add_unit(builder, units->pdata[i]);
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

static void
print_units(const GPtrArray *units)
{
    g_autoptr(KlTable) table =
        kl_table_new((const char *const[]){"IMEI", "FSN", "DEVICE", "CERTIFICATE", "PROVISIONED", "JOB", NULL});
    for (guint i = 0; i < units->len; i++) {
        const KlTraceUnit *unit = units->pdata[i];
        g_autofree char *certificate = unit->certificate != NULL ? g_strndup(unit->certificate, 16) : NULL;
        g_autofree char *job = unit->job != NULL ? g_strndup(unit->job, 8) : NULL;
        kl_table_add(table, (const char *const[]){unit->imei, unit->fsn, unit->device_id, certificate,
                                                  unit->provisioned ? "yes" : "no", job});
    }
    kl_table_print(table, stdout);
    printf("\n%u units: keyline trace IMEI shows the life of one.\n", units->len);
}

/* "registration: false, version 0" and what is on its way. */
static void
add_states(KlTable *table, const KlTraceUnit *unit)
{
    g_autoptr(JsonNode) row = unit->registration != NULL ? json_from_string(unit->registration, NULL) : NULL;
    g_autoptr(JsonNode) outbox = unit->outbox != NULL ? json_from_string(unit->outbox, NULL) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    if (row != NULL && JSON_NODE_HOLDS_OBJECT(row))
        kl_table_add_pair(table, "Registration",
                          json_object_get_string_member_with_default(json_node_get_object(row), "registered", "?"));
    JsonArray *rows = outbox != NULL && JSON_NODE_HOLDS_ARRAY(outbox) ? json_node_get_array(outbox) : NULL;
    for (guint i = 0; rows != NULL && i < json_array_get_length(rows); i++) {
        JsonObject *one = json_array_get_object_element(rows, i);
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "",
                               json_object_get_string_member_with_default(one, "kind", "?"),
                               json_object_get_string_member_with_default(one, "state", "?"));
    }
    if (text->len > 0)
        kl_table_add_pair(table, "To the cloud", text->str);
}

static void
print_archives(const KlTraceUnit *unit)
{
    g_autoptr(JsonNode) node = unit->archives != NULL ? json_from_string(unit->archives, NULL) : NULL;
    JsonArray *archives = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    for (guint i = 0; archives != NULL && i < json_array_get_length(archives); i++) {
        JsonObject *one = json_array_get_object_element(archives, i);
        g_autofree char *name = kl_text_safe(json_object_get_string_member_with_default(one, "archive", NULL));
        printf("\nSteps and events of closed periods are in archive %s (manifest SHA-256 %s).\n", name,
               json_object_get_string_member_with_default(one, "manifest_sha256", "?"));
    }
}

static void
print_unit(const KlTraceUnit *unit)
{
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"", "", NULL});
    kl_table_add_pair(table, "IMEI", unit->imei);
    kl_table_add_pair(table, "FSN", unit->fsn);
    kl_table_add_pair(table, "Device", unit->device_id);
    kl_table_add_pair(table, "Model", unit->model);
    kl_table_add_pair(table, "Firmware", unit->firmware);
    kl_table_add_pair(table, "Provisioned", unit->provisioned ? "yes" : "no");
    kl_table_add_pair(table, "Certificate", unit->certificate);
    add_states(table, unit);
    kl_table_print(table, stdout);
    printf("\n");
    for (guint i = 0; i < unit->life->len; i++) {
        const KlTraceEntry *entry = unit->life->pdata[i];
        g_autofree char *time = kl_text_time(entry->time_us);
        g_autofree char *text = kl_text_safe(entry->text);
        printf("%s  %s%s\n", time, strcmp(entry->kind, "job") == 0 || strcmp(entry->kind, "end") == 0 ? "" : "  ",
               text);
    }
    print_archives(unit);
}

int
kl_cmd_trace(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline trace", "IDENTIFIER",
                      "Shows the whole life of a unit: its keys, certificates, jobs with their steps, acts, journal.\n"
                      "IDENTIFIER: IMEI, FSN, device id, certificate fingerprint or serial, key hash, record, batch,\n"
                      "or a scanned label. Of a fingerprint 16 characters are enough, of a record or batch 8.",
                      NULL, 1, 1, words, error))
        return -1;
    g_autoptr(GPtrArray) units = kl_station_trace(cli->dir, words[1], error);
    if (units == NULL)
        return -1;
    if (cli->json)
        print_json(units);
    else if (units->len == 1)
        print_unit(units->pdata[0]);
    else
        print_units(units);
    return KL_EXIT_DONE;
}
