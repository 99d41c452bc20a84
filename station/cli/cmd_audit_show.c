/* keyline audit show: the journal's events, a line each. */
#include <stdio.h>
#include <string.h>

#include "station/cli/audit_request.h"
#include "station/cli/commands.h"
#include "station/cli/text.h"
#include "station/json_member.h"
#include "station/station_audit.h"

#define DEFAULT_LIMIT 50
#define HASH_SHOWN 12

/* What of an event's data a line tells, by type; "a.b" stands in an object a. Types that are not here tell all that is
 * short. */
static const struct {
    const char *type;
    const char *members; /* separated by spaces */
} told[] = {
    {"activation", "message.device message.verdict total message.was message.registered message.version"
                   " message.connections message.alarm message.detail"},
    {"audit-key", "certificate_sha256 reason"},
    {"act", "who role what subject reason"},
    {"checkpoint", "n reason"},
    {"export", "events first last manifest_sha256"},
    {"issue", "serial subject supersede_reason"},
    {"job-begin", "slot operator work_order product label reprovision_reason"},
    {"job-end", "record.outcome record.code record.device_id record.certificate"},
    {"key", "backend spki_sha256 collides_with"},
    {"program-start", "program build mode"},
    {"register", "device firmware policy registered"},
    {"unit", "fsn model firmware device_id"},
};

static gboolean
is_hash(const char *text)
{
    return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

static void
append_value(GString *words, const char *name, JsonNode *node)
{
    const char *text = json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
    g_autofree char *label = g_strdelimit(g_strdup(name), "_", ' ');
    const char *separator = words->len > 0 ? ", " : "";
    if (text != NULL && is_hash(text))
        g_string_append_printf(words, "%s%s %.*s...", separator, label, HASH_SHOWN, text);
    else if (text != NULL)
        g_string_append_printf(words, "%s%s %s", separator, label, text);
    else if (json_node_get_value_type(node) == G_TYPE_INT64)
        g_string_append_printf(words, "%s%s %" G_GINT64_FORMAT, separator, label, json_node_get_int(node));
    else if (json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node))
        g_string_append_printf(words, "%s%s", separator, label);
}

static JsonNode *
find_member(JsonObject *object, const char *path)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL)
        return json_object_get_member(object, path);
    g_autofree char *name = g_strndup(path, (gsize)(dot - path));
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), dot + 1)
                                                        : NULL;
}

/* The event's data in words. The caller frees. */
static char *
words_of(const char *type, JsonObject *data)
{
    g_autoptr(GString) words = g_string_new(NULL);
    g_auto(GStrv) names = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(told) && names == NULL; i++) {
        if (strcmp(told[i].type, type) == 0)
            names = g_strsplit(told[i].members, " ", -1);
    }
    g_autoptr(GList) all = names == NULL ? json_object_get_members(data) : NULL;
    for (const GList *name = all; name != NULL; name = name->next) {
        JsonNode *node = json_object_get_member(data, name->data);
        if (JSON_NODE_HOLDS_VALUE(node))
            append_value(words, name->data, node);
    }
    for (char **name = names; name != NULL && *name != NULL; name++) {
        JsonNode *node = find_member(data, *name);
        const char *last = strrchr(*name, '.');
        if (node != NULL && JSON_NODE_HOLDS_VALUE(node))
            append_value(words, last != NULL ? last + 1 : *name, node);
    }
    return kl_text_safe(words->str);
}

static gboolean
print_event(const char *body, gpointer data, GError **error)
{
    guint *count = data;
    g_autoptr(JsonNode) node = json_from_string(body, NULL);
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
        return kl_fail(error, KL_ERROR_AUDIT_BROKEN, "this is no event: %.200s", body);
    JsonObject *event = json_node_get_object(node);
    JsonNode *inner = json_object_get_member(event, "data");
    const char *type = kl_member_text(event, "type");
    g_autofree char *time = kl_text_time(kl_member_number(event, "time_us"));
    g_autofree char *safe_type = kl_text_safe(type);
    g_autofree char *imei = kl_text_safe(kl_member_text(event, "imei"));
    g_autofree char *words = type != NULL && inner != NULL && JSON_NODE_HOLDS_OBJECT(inner)
                                 ? words_of(type, json_node_get_object(inner))
                                 : g_strdup("");
    if ((*count)++ == 0)
        printf("%8s  %-19s  %-13s  %-15s  %s\n", "N", "TIME", "EVENT", "IMEI", "DETAILS");
    printf("%8" G_GINT64_FORMAT "  %-19s  %-13s  %-15s  %s\n", kl_member_number(event, "n"), time, safe_type, imei,
           words);
    return TRUE;
}

/* The event as it is. */
static gboolean
print_body(const char *body, gpointer data, GError **error)
{
    guint *count = data;
    printf("%s\n%s", (*count)++ == 0 ? "{\"events\": [" : ",", body);
    return TRUE;
}

static int
show(KlCli *cli, const KlAuditRequest *request, guint limit, GError **error)
{
    guint count = 0;
    if (!kl_station_audit_list(cli->dir, request, limit, cli->json ? print_body : print_event, &count, error))
        return -1;
    if (cli->json)
        printf("%s]}\n", count == 0 ? "{\"events\": [" : "\n");
    else if (count == 0)
        printf("No events.\n");
    return KL_EXIT_DONE;
}

int
kl_cmd_audit_show(KlCli *cli, char **words, GError **error)
{
    g_auto(KlAuditOptions) options = {0};
    KlAuditRequest request;
    int limit = DEFAULT_LIMIT;
    const GOptionEntry more[] = {
        {"limit", 'n', 0, G_OPTION_ARG_INT, &limit, "At most N (default 50; 0: all)", "N"},
        {NULL},
    };
    g_autofree GOptionEntry *entries = kl_audit_options_entries(&options, more);
    if (!kl_cli_parse(cli, "keyline audit show", NULL, "Shows the journal's events, the newest first.", entries, 0, 0,
                      words, error) ||
        !kl_audit_options_request(&options, &request, error))
        return -1;
    if (limit < 0) {
        kl_fail(error, KL_ERROR_USAGE, "--limit %d: must be 0 (all) or more", limit);
        return -1;
    }
    return show(cli, &request, (guint)limit, error);
}
