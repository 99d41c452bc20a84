/* The search for orphans in AWS. */
#include <string.h>

#include "certs/cloud_pem.h"
#include "station/station_orphans_private.h"

#define CALL_S 30
#define PAGE "250"
/* For all pages: 10 a second, of 250 each, so one and a half million certificates. */
#define LIST_S 600

void
kl_listed_free(gpointer data)
{
    KlListed *listed = data;
    g_free(listed->status);
    g_free(listed->arn);
    g_free(listed);
}

static gboolean
take_listed(KlOrphanSearch *search, JsonNode *node, GError **error)
{
    JsonObject *summary = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *id =
        summary != NULL ? json_object_get_string_member_with_default(summary, "certificateId", NULL) : NULL;
    const char *status = summary != NULL ? json_object_get_string_member_with_default(summary, "status", NULL) : NULL;
    const char *arn =
        summary != NULL ? json_object_get_string_member_with_default(summary, "certificateArn", NULL) : NULL;
    if (id == NULL || status == NULL || arn == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListCertificates: an entry without id, ARN or status");
    KlListed *listed = g_new0(KlListed, 1);
    listed->status = g_strdup(status);
    listed->arn = g_strdup(arn);
    listed->made = json_object_get_double_member_with_default(summary, "creationDate", 0);
    g_hash_table_insert(search->listed, g_strdup(id), listed);
    return TRUE;
}

/* One page; *marker is of this one, then of the next, or NULL. */
static gboolean
list_page(KlOrphanSearch *search, char **marker, gint64 until_us, GError **error)
{
    const KlPair query[] = {{"pageSize", PAGE}, {*marker != NULL ? "marker" : NULL, *marker}, {NULL, NULL}};
    const KlAwsCall call = {.operation = KL_AWS_LIST_CERTIFICATES, .path = "/certificates", .query = query};
    KlOp op = {.deadline_us = MIN(g_get_monotonic_time() + CALL_S * G_USEC_PER_SEC, until_us)};
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_aws_call(search->aws, &call, &op, &answer, error))
        return FALSE;
    JsonObject *body = answer.body != NULL ? json_node_get_object(answer.body) : NULL;
    JsonNode *list = body != NULL ? json_object_get_member(body, "certificates") : NULL;
    if (list == NULL || !JSON_NODE_HOLDS_ARRAY(list))
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListCertificates: an answer without certificates");
    JsonArray *array = json_node_get_array(list);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (!take_listed(search, json_array_get_element(array, i), error))
            return FALSE;
    }
    char *next = g_strdup(kl_aws_answer_text(&answer, "nextMarker"));
    if (next != NULL && g_strcmp0(next, *marker) == 0) {
        g_free(next);
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListCertificates: a page leads to itself");
    }
    g_free(*marker);
    *marker = next;
    return TRUE;
}

gboolean
kl_orphans_list(KlOrphanSearch *search, GError **error)
{
    g_autofree char *marker = NULL;
    gint64 until_us = g_get_monotonic_time() + LIST_S * G_USEC_PER_SEC;
    do {
        if (!list_page(search, &marker, until_us, error))
            return FALSE;
    } while (marker != NULL);
    return TRUE;
}

/* The CN of "CN=FX30-1,O=Example", which is the device id of what was made for a unit; NULL for none. */
static char *
common_name(const char *subject)
{
    const char *at = g_str_has_prefix(subject, "CN=") ? subject : strstr(subject, ",CN=");
    if (at == NULL)
        return NULL;
    at = strstr(at, "CN=") + strlen("CN=");
    return g_strndup(at, strcspn(at, ",+\\"));
}

/* Whether a job here worked on the unit with that device id. */
static gboolean
knows_unit(KlOrphanSearch *search, const char *device_id, gboolean *known, GError **error)
{
    const KlRecordFilter filter = {.identifier = device_id, .limit = 1};
    g_autoptr(GPtrArray) records = search->store->klass->records(search->store, &filter, error);
    *known = records != NULL && records->len > 0;
    return records != NULL;
}

/* Whether a list of what hangs on a certificate has anything in it. Who may not ask may not take it out either. */
static gboolean
look_at_list(KlOrphanSearch *search, const KlAwsCall *call, const char *list, gboolean *any, GError **error)
{
    KlOp op = {.deadline_us = g_get_monotonic_time() + CALL_S * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    GError *failure = NULL;
    if (kl_aws_call(search->aws, call, &op, &answer, &failure)) {
        JsonObject *body = answer.body != NULL ? json_node_get_object(answer.body) : NULL;
        JsonNode *node = body != NULL ? json_object_get_member(body, list) : NULL;
        *any |= node != NULL && JSON_NODE_HOLDS_ARRAY(node) && json_array_get_length(json_node_get_array(node)) > 0;
        return TRUE;
    }
    KlErrorCode code = kl_error_code(failure);
    if (code != KL_ERROR_CLOUD_DENIED && code != KL_ERROR_CLOUD_MISSING) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    g_error_free(failure);
    return TRUE;
}

/* A certificate gets its policy and thing only after it is in the ledger of the station that works on its unit. */
static gboolean
is_attached(KlOrphanSearch *search, const char *arn, gboolean *attached, GError **error)
{
    g_autofree char *path = kl_uri_path("attached-policies", arn, NULL);
    const KlPair principal[] = {{"x-amzn-principal", arn}, {NULL, NULL}};
    const KlAwsCall policies = {.operation = KL_AWS_LIST_ATTACHED_POLICIES, .path = path};
    const KlAwsCall things = {
        .operation = KL_AWS_LIST_PRINCIPAL_THINGS, .path = "/principals/things", .headers = principal};
    *attached = FALSE;
    return look_at_list(search, &policies, "policies", attached, error) &&
           look_at_list(search, &things, "things", attached, error);
}

/* A certificate in AWS that the ledger does not know. */
static gboolean
examine_unknown(KlOrphanSearch *search, const char *id, const KlListed *listed, GError **error)
{
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    const KlAwsCall call = {.operation = KL_AWS_DESCRIBE_CERTIFICATE, .path = path};
    KlOp op = {.deadline_us = g_get_monotonic_time() + CALL_S * G_USEC_PER_SEC};
    g_auto(KlAwsAnswer) answer = {0};
    GError *failure = NULL;
    if (!kl_aws_call(search->aws, &call, &op, &answer, &failure)) {
        if (kl_error_code(failure) != KL_ERROR_CLOUD_MISSING) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        g_error_free(failure); /* deleted meanwhile */
        return TRUE;
    }
    const char *pem = kl_aws_answer_text(&answer, "certificateDescription.certificatePem");
    g_autoptr(KlCertificate) certificate = kl_cloud_certificate(pem, NULL, NULL);
    g_autofree char *name = certificate != NULL ? common_name(certificate->subject) : NULL;
    gboolean known = FALSE, attached = FALSE;
    if (name != NULL && *name != '\0' && !knows_unit(search, name, &known, error))
        return FALSE;
    if (known && !is_attached(search, listed->arn, &attached, error))
        return FALSE;
    if (!known || attached) {
        search->found->unknown++;
        return TRUE;
    }
    g_autoptr(GDateTime) made = g_date_time_new_from_unix_utc((gint64)listed->made);
    g_autofree char *day = g_date_time_format(made, "%Y-%m-%d %H:%M UTC");
    KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_LEFT_OVER, name, id);
    orphan->detail = g_strdup_printf("certificate %.16s of %s is in AWS, inactive, and was never handed over", id, day);
    return TRUE;
}

gboolean
kl_orphans_examine_listed(KlOrphanSearch *search, guint min_age_s, GError **error)
{
    double latest = (double)g_get_real_time() / G_USEC_PER_SEC - min_age_s;
    GHashTableIter iter;
    gpointer id, data;
    g_hash_table_iter_init(&iter, search->listed);
    while (g_hash_table_iter_next(&iter, &id, &data)) {
        const KlListed *listed = data;
        const KlLedgerEntry *entry = g_hash_table_lookup(search->by_sha256, id);
        if (entry != NULL && entry->status != KL_CERTIFICATE_LIVE) {
            KlOrphan *orphan = kl_orphan_add(search, KL_ORPHAN_WITHDRAWN, entry->device_id, id);
            orphan->detail =
                g_strdup_printf("certificate %.16s was %s here and is still in AWS, %s", (char *)id,
                                entry->status == KL_CERTIFICATE_REVOKED ? "revoked" : "superseded", listed->status);
        }
        if (entry != NULL || strcmp(listed->status, "INACTIVE") != 0)
            continue;
        if (listed->made > latest)
            search->found->young++;
        else if (!examine_unknown(search, id, listed, error))
            return FALSE;
    }
    return TRUE;
}
