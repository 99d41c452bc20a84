/* What a certificate may be used for: nothing, all, nothing any more; and how it goes. */
#include <string.h>

#include "certs/cloud_internal.h"

char *
kl_cloud_status(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    g_auto(KlAwsAnswer) answer = {0};
    if (!kl_cloud_describe(cloud, id, op, &answer, error))
        return NULL;
    char *status = g_strdup(kl_aws_answer_text(&answer, "certificateDescription.status"));
    if (status == NULL)
        kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot DescribeCertificate: certificate %s has no status", id);
    return status;
}

gboolean
kl_cloud_blame_unit(const char *id, GError **error)
{
    if (error == NULL || !g_error_matches(*error, KL_ERROR, KL_ERROR_CLOUD_MISSING))
        return FALSE;
    g_clear_error(error);
    return kl_fail(error, KL_ERROR_PROVISIONED_BROKEN, "certificate %s is not in AWS IoT (any more)", id);
}

gboolean
kl_cloud_is_there(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    g_autofree char *status = kl_cloud_status(cloud, id, op, error);
    return status != NULL || kl_cloud_blame_unit(id, error);
}

gboolean
kl_cloud_set_status(KlCloud *cloud, const char *id, const char *status, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    const KlPair query[] = {{"newStatus", status}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_UPDATE_CERTIFICATE, .path = path, .query = query};
    g_auto(KlAwsAnswer) answer = {0};
    return kl_cloud_call(cloud, &call, op, &answer, error);
}

/* The status of a certificate that was enrolled just now. */
static char *
status_of_new(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    for (guint tried = 0;; tried++) {
        g_autoptr(GError) failure = NULL;
        char *status = kl_cloud_status(cloud, id, op, &failure);
        if (status != NULL || !kl_cloud_may_appear(failure, tried, op)) {
            if (status == NULL)
                g_propagate_error(error, g_steal_pointer(&failure));
            return status;
        }
    }
}

gboolean
kl_cloud_activate(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    g_autofree char *before = status_of_new(cloud, id, op, error);
    if (before == NULL)
        return kl_cloud_blame_unit(id, error);
    if (strcmp(before, "ACTIVE") == 0)
        return TRUE;
    /* PENDING_ACTIVATION: it was registered by the unit's own first connection. */
    if (strcmp(before, "INACTIVE") != 0 && strcmp(before, "PENDING_ACTIVATION") != 0)
        return kl_fail(error, KL_ERROR_CLOUD_CONFLICT, "certificate %s is %s in AWS IoT; a station does not undo that",
                       id, before);
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_set_status(cloud, id, "ACTIVE", op, &failure))
        return TRUE;
    if (kl_error_kind(kl_error_code(failure)) == KL_ERROR_KIND_RETRY) {
        g_autofree char *after = kl_cloud_status(cloud, id, op, NULL);
        if (g_strcmp0(after, "ACTIVE") == 0)
            return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* Passes a failure on, unless it says that there is nothing to be done. */
static gboolean
done_or_missing(gboolean done, GError *failure, GError **error)
{
    if (done || kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING))
        return TRUE;
    g_propagate_error(error, failure);
    return FALSE;
}

typedef struct {
    KlCloud *cloud;
    const char *arn;
    KlOp *op;
} Leaving;

static gboolean
detach_policy(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    const Leaving *leaving = data;
    JsonObject *policy = JSON_NODE_HOLDS_OBJECT(element) ? json_node_get_object(element) : NULL;
    const char *name = policy != NULL ? json_object_get_string_member_with_default(policy, "policyName", NULL) : NULL;
    if (name == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListAttachedPolicies: an entry without a name");
    g_autofree char *path = kl_uri_path("target-policies", name, NULL);
    const KlPair body[] = {{"target", leaving->arn}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_DETACH_POLICY, .path = path, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    GError *failure = NULL;
    gboolean done = kl_cloud_call(leaving->cloud, &call, leaving->op, &answer, &failure);
    return done_or_missing(done, failure, error);
}

static gboolean
detach_thing(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    const Leaving *leaving = data;
    const char *name = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;
    if (name == NULL)
        return kl_fail(error, KL_ERROR_CLOUD_GARBLED, "AWS iot ListPrincipalThings: an entry that is no name");
    g_autofree char *path = kl_uri_path("things", name, "principals", NULL);
    const KlPair headers[] = {{"x-amzn-principal", leaving->arn}, {NULL, NULL}};
    const KlCloudCall call = {.operation = KL_AWS_DETACH_THING_PRINCIPAL, .path = path, .headers = headers};
    g_auto(KlAwsAnswer) answer = {0};
    GError *failure = NULL;
    gboolean done = kl_cloud_call(leaving->cloud, &call, leaving->op, &answer, &failure);
    return done_or_missing(done, failure, error);
}

/* Each list is read to its end before anything of it is detached, so that no page moves under the reader. */
static gboolean
collect(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    g_ptr_array_add(data, json_node_ref(element));
    return TRUE;
}

static gboolean
detach_all(Leaving *leaving, KlCloudList *list,
           gboolean (*detach)(JsonNode *element, gpointer data, gboolean *enough, GError **error), GError **error)
{
    g_autoptr(GPtrArray) elements = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    list->each = collect;
    list->data = elements;
    if (!kl_cloud_list(leaving->cloud, list, leaving->op, error))
        return FALSE;
    gboolean enough = FALSE;
    for (guint i = 0; i < elements->len; i++) {
        if (!detach(g_ptr_array_index(elements, i), leaving, &enough, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
detach_policies(Leaving *leaving, GError **error)
{
    g_autofree char *path = kl_uri_path("attached-policies", leaving->arn, NULL);
    KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_ATTACHED_POLICIES, .path = path},
        .mark = "marker",
        .next = "nextMarker",
        .list = "policies",
    };
    return detach_all(leaving, &list, detach_policy, error);
}

static gboolean
detach_things(Leaving *leaving, GError **error)
{
    const KlPair headers[] = {{"x-amzn-principal", leaving->arn}, {NULL, NULL}};
    KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_PRINCIPAL_THINGS, .path = "/principals/things", .headers = headers},
        .mark = "nextToken",
        .next = "nextToken",
        .list = "things",
    };
    return detach_all(leaving, &list, detach_thing, error);
}

static gboolean
delete_it(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("certificates", id, NULL);
    const KlCloudCall call = {.operation = KL_AWS_DELETE_CERTIFICATE, .path = path};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_cloud_call(cloud, &call, op, &answer, &failure))
        return TRUE;
    if (g_error_matches(failure, KL_ERROR, KL_ERROR_CLOUD_CONFLICT))
        return kl_fail(error, KL_ERROR_CLOUD_TIMEOUT, "certificate %s is still being detached: %s", id,
                       failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean
take_out(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    g_autofree char *status = kl_cloud_status(cloud, id, op, error);
    if (status == NULL)
        return FALSE;
    /* REVOKED stays REVOKED until it is gone. */
    if (strcmp(status, "INACTIVE") != 0 && strcmp(status, "REVOKED") != 0 &&
        !kl_cloud_set_status(cloud, id, "INACTIVE", op, error))
        return FALSE;
    g_autofree char *arn = kl_cloud_arn(cloud, id, op, error);
    if (arn == NULL)
        return FALSE;
    Leaving leaving = {cloud, arn, op};
    return detach_policies(&leaving, error) && detach_things(&leaving, error) && delete_it(cloud, id, op, error);
}

gboolean
kl_cloud_withdraw(KlCloud *cloud, const char *id, KlOp *op, GError **error)
{
    GError *failure = NULL;
    gboolean done = take_out(cloud, id, op, &failure);
    return done_or_missing(done, failure, error);
}
