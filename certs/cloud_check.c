/* Whether what a unit has in AWS IoT is as a job left it. Changes nothing there: who switched something off or detached
 * it, has meant it. */
#include <string.h>

#include "certs/cloud_internal.h"

typedef struct {
    const char *wanted;
    const char *member; /* of an element that is an object; NULL: the elements are strings */
    gboolean found;
} Search;

static gboolean
compare_element(JsonNode *element, gpointer data, gboolean *enough, GError **error)
{
    Search *search = data;
    const char *name = NULL;
    if (search->member == NULL)
        name = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;
    else if (JSON_NODE_HOLDS_OBJECT(element))
        name = json_object_get_string_member_with_default(json_node_get_object(element), search->member, NULL);
    search->found = *enough = g_strcmp0(name, search->wanted) == 0;
    return TRUE;
}

static gboolean
check_policy(KlCloud *cloud, const char *policy, const char *arn, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("attached-policies", arn, NULL);
    Search search = {.wanted = policy, .member = "policyName"};
    const KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_ATTACHED_POLICIES, .path = path},
        .mark = "marker",
        .next = "nextMarker",
        .list = "policies",
        .each = compare_element,
        .data = &search,
    };
    if (!kl_cloud_list(cloud, &list, op, error))
        return FALSE;
    return search.found || kl_fail(error, KL_ERROR_PROVISIONED_BROKEN,
                                   "policy %s is not attached to certificate %s in AWS IoT", policy, arn);
}

static gboolean
check_thing(KlCloud *cloud, const char *thing, const char *arn, KlOp *op, GError **error)
{
    g_autofree char *path = kl_uri_path("things", thing, "principals", NULL);
    g_autoptr(GError) failure = NULL;
    Search search = {.wanted = arn};
    const KlCloudList list = {
        .call = {.operation = KL_AWS_LIST_THING_PRINCIPALS, .path = path},
        .mark = "nextToken",
        .next = "nextToken",
        .list = "principals",
        .each = compare_element,
        .data = &search,
    };
    /* Without a thing nothing is attached to it. */
    if (!kl_cloud_list(cloud, &list, op, &failure) && !kl_cloud_forgive(&failure, KL_ERROR_CLOUD_MISSING)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return search.found || kl_fail(error, KL_ERROR_PROVISIONED_BROKEN,
                                   "certificate %s is not attached to thing %s in AWS IoT", arn, thing);
}

gboolean
kl_cloud_check(KlCloud *cloud, const KlIssueRequest *request, const char *id, KlOp *op, GError **error)
{
    const char *policy = kl_cloud_policy(cloud) != NULL ? kl_cloud_policy(cloud) : request->profile->policy;
    g_autofree char *status = kl_cloud_status(cloud, id, op, error);
    if (status == NULL)
        return kl_cloud_blame_unit(id, error);
    if (strcmp(status, "ACTIVE") != 0)
        return kl_fail(
            error, KL_ERROR_CLOUD_CONFLICT,
            "certificate %s is %s in AWS IoT; it was ACTIVE when the unit passed, and a check does not switch "
            "it on again",
            id, status);
    g_autofree char *arn = kl_cloud_arn(cloud, id, op, error);
    if (arn == NULL)
        return kl_cloud_blame_unit(id, error);
    return check_policy(cloud, policy, arn, op, error) && check_thing(cloud, request->unit->device_id, arn, op, error);
}
