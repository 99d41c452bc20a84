/* What the parts of certs/cloud share. */
#pragma once

#include <json-glib/json-glib.h>

#include "certs/cloud.h"
#include "station/error.h"

G_BEGIN_DECLS

/* A call whose body, if any, has string members only. */
typedef struct {
    KlAwsOperationId operation;
    const char *path;
    const KlPair *query, *headers;
    const KlPair *body;
} KlCloudCall;

gboolean kl_cloud_call(KlCloud *cloud, const KlCloudCall *call, KlOp *op, KlAwsAnswer *answer, GError **error);

/* The same for a call that has nothing but a body (borrowed). */
gboolean kl_cloud_send(KlCloud *cloud, KlAwsOperationId operation, const char *path, JsonNode *body, KlOp *op,
                       KlAwsAnswer *answer, GError **error);

const char *kl_cloud_policy(const KlCloud *cloud);
guint kl_cloud_page(const KlCloud *cloud);
gboolean kl_cloud_is_in_field(const KlCloud *cloud);

/* DescribeCertificate; its members are below "certificateDescription." in the answer. CLOUD_MISSING. */
gboolean kl_cloud_describe(KlCloud *cloud, const char *id, KlOp *op, KlAwsAnswer *answer, GError **error);

/* Its status ("ACTIVE", ...). The caller frees. CLOUD_MISSING. */
char *kl_cloud_status(KlCloud *cloud, const char *id, KlOp *op, GError **error);

/* UpdateCertificate. */
gboolean kl_cloud_set_status(KlCloud *cloud, const char *id, const char *status, KlOp *op, GError **error);

/* Its ARN: all of an account have one beginning, which is learnt from the first. The caller frees. CLOUD_MISSING. */
char *kl_cloud_arn(KlCloud *cloud, const char *id, KlOp *op, GError **error);
/* FALSE with CLOUD_GARBLED when arn (may be NULL) can't be the ARN of that certificate. */
gboolean kl_cloud_learn_arn(KlCloud *cloud, const char *arn, const char *id, GError **error);

/* Goes through the pages of a list: `list` is the answer's array, `next` its mark of the next page, which is sent under
 * the name `mark`. each() gets the elements one by one and may set *enough. */
typedef struct {
    KlCloudCall call;
    const char *mark, *next, *list;
    gboolean (*each)(JsonNode *element, gpointer data, gboolean *enough, GError **error);
    gpointer data;
} KlCloudList;

gboolean kl_cloud_list(KlCloud *cloud, const KlCloudList *list, KlOp *op, GError **error);

/* Makes a CLOUD_MISSING, of that certificate, the unit's own trouble: PROVISIONED_BROKEN. Returns FALSE. */
gboolean kl_cloud_blame_unit(const char *id, GError **error);

/* FALSE with PROVISIONED_BROKEN when the certificate is not in AWS, or when that can't be known. */
gboolean kl_cloud_is_there(KlCloud *cloud, const char *id, KlOp *op, GError **error);

/* AWS IoT answers from several places, and one of them may not know yet what another has made (a certificate, a thing):
 * after so many tries (0, 1 ...) that found something missing, waits and returns TRUE when it is worth another. */
gboolean kl_cloud_may_appear(const GError *failure, guint tried, KlOp *op);

/* A failure that an absence counts as, cleared; TRUE when it was one. */
gboolean kl_cloud_forgive(GError **failure, KlErrorCode code);

G_END_DECLS
