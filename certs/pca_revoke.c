#include "certs/pca_revoke.h"

#include <string.h>

#include "station/error.h"

/* "1a2b3" as "01:a2:b3", which is how the service's reference and openssl write it. */
static char *
serial_text(const char *serial)
{
    gsize length = strlen(serial);
    GString *text = g_string_new(length % 2 != 0 ? "0" : NULL);
    for (gsize i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 2 == 0)
            g_string_append_c(text, ':');
        g_string_append_c(text, serial[i]);
    }
    return g_string_free(text, FALSE);
}

static JsonNode *
make_body(const char *ca_arn, const char *serial, const char *reason)
{
    g_autofree char *number = serial_text(serial);
    const KlPair members[] = {
        {"CertificateAuthorityArn", ca_arn},
        {"CertificateSerial", number},
        {"RevocationReason", reason},
    };
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        json_builder_set_member_name(builder, members[i].name);
        json_builder_add_string_value(builder, members[i].value);
    }
    json_builder_end_object(builder);
    return json_builder_get_root(builder);
}

gboolean
kl_pca_revoke(KlAws *aws, const char *ca_arn, const char *serial, const char *reason, KlOp *op, GError **error)
{
    g_autoptr(JsonNode) body = make_body(ca_arn, serial, reason);
    const KlAwsCall call = {.operation = KL_AWS_PCA_REVOKE_CERTIFICATE, .body = body};
    g_auto(KlAwsAnswer) answer = {0};
    g_autoptr(GError) failure = NULL;
    if (kl_aws_call(aws, &call, op, &answer, &failure) ||
        g_strcmp0(answer.error_name, "RequestAlreadyProcessedException") == 0)
        return TRUE;
    KlErrorCode code = kl_error_code(failure);
    if (code == KL_ERROR_CLOUD_MISSING || code == KL_ERROR_CLOUD_LIMIT || code == KL_ERROR_CLOUD_CONFLICT)
        return kl_fail(error, KL_ERROR_CLOUD_REFUSED, "serial number %s: %s", serial, failure->message);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
