#include "station/activation/rehearsal_script.h"

#include <string.h>

#include "station/error.h"
#include "station/net/json_text.h"

#define SHOWN_MAX 200 /* bytes of a topic in a note */

/* One message that has to come. */
typedef struct {
    gboolean out;
    char *topic;         /* of one to the unit, and of telemetry; NULL: any of that kind */
    KlTopicKind kind;    /* of one by the unit */
    const char *verdict; /* NULL: none is asked for */
    GBytes *payload;     /* to the unit: exactly this. By the unit: as it came, once it has come */
    const char *name;    /* "its request" */
} Stage;

struct KlRehearsalScript {
    char *device;
    char *telemetry; /* topic, or NULL: the parameters name none */
    gint64 version;  /* of the software, -1 for none */
    GArray *stages;  /* Stage */
    guint passed;
};

static void
clear_stage(gpointer data)
{
    Stage *stage = data;
    g_free(stage->topic);
    g_clear_pointer(&stage->payload, g_bytes_unref);
}

static void
expect_from_unit(KlRehearsalScript *script, KlTopicKind kind, const char *verdict, const char *name)
{
    const Stage stage = {.kind = kind, .verdict = verdict, .name = name};
    g_array_append_val(script->stages, stage);
}

static void
expect_to_unit(KlRehearsalScript *script, char *topic, GBytes *payload, const char *name)
{
    const Stage stage = {.out = TRUE, .topic = topic, .kind = KL_TOPIC_OWN, .payload = payload, .name = name};
    g_array_append_val(script->stages, stage);
}

static void
expect_parameters(KlRehearsalScript *script, const char *parameters)
{
    static const char name[] = "the answer to its request";
    const char *topic = script->telemetry != NULL ? script->telemetry : "";
    expect_to_unit(script, kl_topic_parameters(script->device), g_bytes_new(parameters, strlen(parameters)), name);
    expect_to_unit(script, kl_topic_parameters_topic(script->device), g_bytes_new(topic, strlen(topic)), name);
}

static void
expect_software(KlRehearsalScript *script, const KlSoftware *software)
{
    g_autoptr(GPtrArray) publications = kl_software_publications(script->device, software);
    expect_from_unit(script, KL_TOPIC_SOFTWARE, "software", "its request for its software");
    for (guint i = 0; i < publications->len; i++) {
        const KlPublication *publication = g_ptr_array_index(publications, i);
        expect_to_unit(script, g_strdup(publication->topic), g_bytes_ref(publication->payload), "its software");
    }
    expect_from_unit(script, KL_TOPIC_VERSION, "version", "its word that it took its software");
    script->version = software->version;
}

KlRehearsalScript *
kl_rehearsal_script_new(const KlRegistration *row, const KlSoftware *software, gboolean telemetry)
{
    KlRehearsalScript *script = g_new0(KlRehearsalScript, 1);
    script->device = g_strdup(row->device);
    script->telemetry = kl_parameters_topic(row->parameters);
    script->version = -1;
    script->stages = g_array_new(FALSE, FALSE, sizeof(Stage));
    g_array_set_clear_func(script->stages, clear_stage);
    expect_from_unit(script, KL_TOPIC_REQUEST, "answered", "its request");
    expect_parameters(script, row->parameters);
    expect_from_unit(script, KL_TOPIC_CONFIRM, "activated", "its confirmation");
    if (software != NULL)
        expect_software(script, software);
    if (telemetry)
        expect_from_unit(script, KL_TOPIC_NONE, NULL, "its telemetry");
    return script;
}

void
kl_rehearsal_script_free(KlRehearsalScript *script)
{
    g_array_unref(script->stages);
    g_free(script->device);
    g_free(script->telemetry);
    g_free(script);
}

static gboolean
is_telemetry(const KlRehearsalScript *script, const char *topic)
{
    return g_strcmp0(script->telemetry, topic) == 0;
}

gboolean
kl_rehearsal_script_covers(const KlRehearsalScript *script, const char *topic)
{
    return is_telemetry(script, topic) || strcmp(kl_topic_parse(topic).device, script->device) == 0;
}

const char *
kl_rehearsal_script_missing(const KlRehearsalScript *script)
{
    return script->passed < script->stages->len ? g_array_index(script->stages, Stage, script->passed).name : NULL;
}

/* --- a message --- */

/* Telemetry may have any topic that the parameters name, also one that means something else. */
static gboolean
is_of(const KlRehearsalScript *script, const Stage *stage, const KlRehearsalMessage *m)
{
    if (stage->out != m->out)
        return FALSE;
    if (stage->out)
        return strcmp(stage->topic, m->topic) == 0;
    if (stage->kind == KL_TOPIC_NONE)
        return is_telemetry(script, m->topic);
    return kl_topic_parse(m->topic).kind == stage->kind;
}

/* A message that comes again is the same one; but a unit has always something else to tell by its telemetry. */
static gboolean
came_before(const KlRehearsalScript *script, const KlRehearsalMessage *m)
{
    for (guint i = 0; i < script->passed; i++) {
        const Stage *stage = &g_array_index(script->stages, Stage, i);
        if (is_of(script, stage, m) && (stage->kind == KL_TOPIC_NONE || g_bytes_equal(stage->payload, m->payload)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
has_confirmed(const KlRehearsalScript *script)
{
    for (guint i = 0; i < script->passed; i++) {
        if (g_array_index(script->stages, Stage, i).kind == KL_TOPIC_CONFIRM)
            return TRUE;
    }
    return FALSE;
}

/* What an activated unit does by itself, and nobody waits for. */
static gboolean
may_come(const KlRehearsalScript *script, const KlRehearsalMessage *m)
{
    if (m->out || !has_confirmed(script))
        return FALSE;
    gboolean asks = script->version < 0 && kl_topic_parse(m->topic).kind == KL_TOPIC_SOFTWARE;
    gboolean tells = kl_rehearsal_script_missing(script) == NULL && is_telemetry(script, m->topic);
    return asks || tells;
}

static JsonNode *
parse_payload(const KlRehearsalMessage *m)
{
    gsize length = 0;
    const char *text = g_bytes_get_data(m->payload, &length);
    return text != NULL ? kl_json_parse_object(text, length) : NULL;
}

static gboolean
check_version(const KlRehearsalScript *script, const KlRehearsalMessage *m, GError **error)
{
    g_autoptr(JsonNode) root = parse_payload(m);
    gint64 version =
        root != NULL ? json_object_get_int_member_with_default(json_node_get_object(root), "version", -1) : -1;
    return version == script->version ||
           kl_fail(error, KL_ERROR_REHEARSAL_SOFTWARE,
                   "it took version %" G_GINT64_FORMAT ", its software is version %" G_GINT64_FORMAT, version,
                   script->version);
}

static gboolean
check_verdict(const Stage *stage, const KlRehearsalMessage *m, GError **error)
{
    KlErrorCode code = KL_ERROR_REHEARSAL_MISMATCH;
    if (stage->verdict == NULL || g_strcmp0(stage->verdict, m->verdict) == 0)
        return TRUE;
    if (g_strcmp0(m->verdict, kl_activation_verdict_name(KL_ACTIVATION_BAD_ROW)) == 0)
        code = KL_ERROR_REHEARSAL_PARAMETERS;
    else if (stage->kind == KL_TOPIC_SOFTWARE)
        code = KL_ERROR_REHEARSAL_SOFTWARE;
    return kl_fail(error, code, "%s was found %s%s%s, not %s", stage->name, m->verdict != NULL ? m->verdict : "wrong",
                   m->detail != NULL ? ": " : "", m->detail != NULL ? m->detail : "", stage->verdict);
}

static gboolean
check_content(const KlRehearsalScript *script, const Stage *stage, const KlRehearsalMessage *m, GError **error)
{
    if (stage->out)
        return g_bytes_equal(stage->payload, m->payload) ||
               kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "%s is not what it has to be", stage->name);
    if (stage->kind == KL_TOPIC_VERSION)
        return check_version(script, m, error);
    g_autoptr(JsonNode) root = stage->kind == KL_TOPIC_NONE ? parse_payload(m) : NULL;
    return stage->kind != KL_TOPIC_NONE || root != NULL ||
           kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "its telemetry is no JSON object");
}

static char *
note_of(const KlRehearsalMessage *m, const char *what)
{
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, m->payload);
    return g_strdup_printf("%s %.*s, %" G_GSIZE_FORMAT " bytes, SHA-256 %s: %s", m->out ? "to the unit" : "by the unit",
                           SHOWN_MAX, m->topic, g_bytes_get_size(m->payload), sha256, what);
}

/* The next one in order. */
static gboolean
take_next(KlRehearsalScript *script, const KlRehearsalMessage *m, GError **error)
{
    const char *missing = kl_rehearsal_script_missing(script);
    if (missing == NULL)
        return kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "%.*s came after all had come", SHOWN_MAX, m->topic);
    Stage *stage = &g_array_index(script->stages, Stage, script->passed);
    if (!is_of(script, stage, m))
        return kl_fail(error, KL_ERROR_REHEARSAL_MISMATCH, "%.*s came; what had to come is %s", SHOWN_MAX, m->topic,
                       missing);
    if (!check_verdict(stage, m, error) || !check_content(script, stage, m, error))
        return FALSE;
    if (stage->payload == NULL)
        stage->payload = g_bytes_ref(m->payload);
    script->passed++;
    return TRUE;
}

gboolean
kl_rehearsal_script_take(KlRehearsalScript *script, const KlRehearsalMessage *m, char **note, GError **error)
{
    if (m->error != NULL) {
        *note = note_of(m, kl_error_name(kl_error_code(m->error)));
        if (error != NULL)
            *error = g_error_copy(m->error);
        return FALSE;
    }
    gboolean again = came_before(script, m);
    gboolean ok = again || may_come(script, m) || take_next(script, m, error);
    const char *verdict = m->verdict != NULL ? m->verdict : "";
    *note = note_of(m, again                            ? "again"
                       : !ok                            ? "not as it has to be"
                       : m->out                         ? "sent"
                       : is_telemetry(script, m->topic) ? "telemetry"
                                                        : verdict);
    return ok;
}
