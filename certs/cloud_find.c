/* Lists of AWS IoT, page by page, and the search for a certificate whose answer was lost. */
#include <string.h>

#include "certs/cloud_internal.h"
#include "certs/cloud_pem.h"

/* AWS refuses requests from clocks that differ by more than five minutes. */
#define CLOCK_SLACK_S 600

/* An attempt that was begun is over by then, however long it waited for the account's rates. */
#define ATTEMPT_S 3600

static gboolean
hand_out(const KlCloudList *list, const KlAwsAnswer *answer, gboolean *enough, GError **error)
{
    JsonNode *body = answer->body;
    /* Nothing at all is no empty list: what is not known to be there would be made a second time. */
    if (body == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS %s: an empty answer",
                       kl_aws_operation(list->call.operation)->name);
    JsonNode *node = json_object_get_member(json_node_get_object(body), list->list);
    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
        return TRUE; /* an empty list may be left out */
    JsonArray *elements = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(elements) && !*enough; i++) {
        if (!list->each(json_array_get_element(elements, i), list->data, enough, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
kl_cloud_list(KlCloud *cloud, const KlCloudList *list, KlOp *op, GError **error)
{
    g_autofree char *mark = NULL;
    gsize pairs = 0;
    while (list->call.query != NULL && list->call.query[pairs].name != NULL)
        pairs++;
    g_autofree KlPair *query = g_new0(KlPair, pairs + 2);
    for (gsize i = 0; i < pairs; i++)
        query[i] = list->call.query[i];
    KlCloudCall call = list->call;
    call.query = query;
    for (gboolean enough = FALSE; !enough;) {
        g_auto(KlAwsAnswer) answer = {0};
        if (mark != NULL)
            query[pairs] = (KlPair){list->mark, mark};
        if (!kl_cloud_call(cloud, &call, op, &answer, error) || !hand_out(list, &answer, &enough, error))
            return FALSE;
        const char *next = kl_aws_answer_text(&answer, list->next);
        if (next == NULL)
            return TRUE;
        if (g_strcmp0(next, mark) == 0)
            return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS %s: a page leads to itself",
                           kl_aws_operation(call.operation)->name);
        g_free(mark);
        mark = g_strdup(next);
    }
    return TRUE;
}

typedef struct {
    KlCloud *cloud;
    const char *spki_sha256;
    gint64 since;
    gboolean attached; /* to a thing: looked for are those that are in use */
    KlOp *op;
    GPtrArray *found;
} Search;

/* Whether the certificate that is described is ACTIVE, and was made since then. */
static gboolean
is_in_use(const KlAwsAnswer *answer, gint64 since)
{
    JsonNode *node = json_object_get_member(json_node_get_object(answer->body), "certificateDescription");
    JsonObject *described = node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *status = kl_aws_answer_text(answer, "certificateDescription.status");
    return described != NULL && g_strcmp0(status, "ACTIVE") == 0 &&
           json_object_get_double_member_with_default(described, "creationDate", 0) >= (double)(since - CLOCK_SLACK_S);
}

/* Describes a certificate and keeps it when it is for the key. One that is deleted meanwhile is not it. */
static gboolean
look_at(Search *search, const char *id, GError **error)
{
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (!kl_cloud_describe(search->cloud, id, search->op, &answer, &failure)) {
        if (kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING))
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (search->attached && !is_in_use(&answer, search->since))
        return TRUE;
    const char *pem = kl_aws_answer_text(&answer, "certificateDescription.certificatePem");
    g_autoptr(KlCertificate) certificate = kl_cloud_certificate(pem, NULL, error);
    if (certificate == NULL)
        return FALSE;
    if (strcmp(certificate->sha256, id) != 0)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot DescribeCertificate: certificate %s was shown as %s",
                       certificate->sha256, id);
    if (strcmp(certificate->spki_sha256, search->spki_sha256) == 0)
        g_ptr_array_add(search->found, g_steal_pointer(&certificate));
    return TRUE;
}

static gboolean
consider(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    Search *search = data;
    JsonObject *summary = JSON_NODE_HOLDS_OBJECT(element) ? json_node_get_object(element) : NULL;
    const char *id =
        summary != NULL ? json_object_get_string_member_with_default(summary, "certificateId", NULL) : NULL;
    const char *status = summary != NULL ? json_object_get_string_member_with_default(summary, "status", NULL) : NULL;
    if (id == NULL || status == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListCertificates: an entry without id or status");
    double made = json_object_get_double_member_with_default(summary, "creationDate", 0);
    if (made > 0 && made < (double)(search->since - CLOCK_SLACK_S)) {
        *enough = TRUE;
        return TRUE;
    }
    /* Of busy years only what was made about then is looked at one by one, at 10 a second for the account. */
    gboolean later = search->since > 0 && made > (double)(search->since + ATTEMPT_S + CLOCK_SLACK_S);
    return later || strcmp(status, "INACTIVE") != 0 || look_at(search, id, error);
}

/* AWS can't be asked by key or by time: the list is read newest first, 250 a call and 10 calls a second at most, down
 * to the time of the attempt. A hundred thousand certificates that came after it cost 400 calls, which is 40 seconds;
 * op bounds that, and the next attempt begins at the top. */
GPtrArray *
kl_cloud_find(KlCloud *cloud, const char *spki_sha256, gint64 since, KlOp *op, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)kl_certificate_free);
    g_autofree char *size = g_strdup_printf("%u", kl_cloud_page(cloud));
    const KlPair query[] = {{"pageSize", size}, {"isAscendingOrder", "false"}, {NULL, NULL}};
    Search search = {cloud, spki_sha256, since, FALSE, op, found};
    const KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_CERTIFICATES, .path = "/certificates", .query = query},
        .mark = "marker",
        .next = "nextMarker",
        .list = "certificates",
        .each = consider,
        .data = &search,
    };
    return kl_cloud_list(cloud, &list, op, error) ? g_steal_pointer(&found) : NULL;
}

/* Principals may also be people or roles, which are nobody's certificate. */
static gboolean
consider_principal(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    const char *arn = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;
    const char *id = arn != NULL && strstr(arn, ":cert/") != NULL ? strrchr(arn, '/') : NULL;
    return id == NULL || look_at(data, id + 1, error);
}

GPtrArray *
kl_cloud_find_attached(KlCloud *cloud, const char *thing, const char *spki_sha256, gint64 since, KlOp *op,
                       GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)kl_certificate_free);
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = kl_uri_path("things", thing, "principals", NULL);
    Search search = {cloud, spki_sha256, since, TRUE, op, found};
    const KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_THING_PRINCIPALS, .path = path},
        .mark = "nextToken",
        .next = "nextToken",
        .list = "principals",
        .each = consider_principal,
        .data = &search,
    };
    if (kl_cloud_list(cloud, &list, op, &failure) || kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING))
        return g_steal_pointer(&found);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}
