/* The doctor looks at the cloud: who the station is there, its clock, tables, permissions, and what waits to go there.
 * Every call that it makes is harmless: it reads, or names something that can't be there, or has a condition that never
 * holds. */
#include "station/station_doctor_aws.h"

#include <libintl.h>
#include <string.h>

#include "db/dynamodb.h"
#include "db/sink_dynamodb.h"
#include "station/i18n.h"

#define LOOK_S 15
#define ATTEMPTS 2
#define ATTEMPT_MS 7000
#define SKEW_WARN_S 60
#define QUEUE_WARN_US (60 * 60 * (gint64)G_USEC_PER_SEC)
#define CALLER "GetCallerIdentityResponse.GetCallerIdentityResult."

/* --- a call --- */

KlOp
kl_aws_look_op(void)
{
    return (KlOp){.deadline_us = g_get_monotonic_time() + LOOK_S * G_USEC_PER_SEC};
}

GError *
kl_aws_look_note(KlAwsLook *look, GError *error)
{
    KlErrorCode code = error != NULL ? kl_error_code(error) : KL_ERROR_INTERNAL;
    gboolean unreached = error != NULL && (code == KL_ERROR_NET_DOWN || code == KL_ERROR_CLOUD_TIMEOUT);
    look->unreached = unreached ? look->unreached + 1 : 0;
    if (error != NULL && (code == KL_ERROR_CLOUD_CREDENTIALS || code == KL_ERROR_CLOUD_CLOCK || look->unreached >= 2))
        look->hopeless = TRUE;
    return error;
}

gboolean
kl_aws_look_call(KlAwsLook *look, const KlAwsCall *call, KlAwsAnswer *answer, GError **error)
{
    KlOp op = kl_aws_look_op();
    GError *failure = NULL;
    kl_aws_call(look->aws, call, &op, answer, &failure);
    if (kl_aws_look_note(look, failure) == NULL)
        return TRUE;
    g_propagate_error(error, failure);
    return FALSE;
}

/* --- permissions --- */

static void
add_name(GString *names, const char *name)
{
    g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

void
kl_aws_look_untried(KlAwsLook *look, const char *name)
{
    add_name(look->untried, name);
}

void
kl_aws_look_permission(KlAwsLook *look, const char *name, gboolean clean_up, GError *error)
{
    switch (error != NULL ? kl_error_code(error) : KL_ERROR_CLOUD_MISSING) {
    case KL_ERROR_CLOUD_DENIED:
        add_name(clean_up ? look->left_over : look->denied, name);
        break;
    case KL_ERROR_CLOUD_MISSING: /* who may not ask is not told that there is nothing */
    case KL_ERROR_CLOUD_CONFLICT:
    case KL_ERROR_CLOUD_REFUSED:
        look->allowed++;
        break;
    default:
        if (look->failure == NULL)
            look->failure = g_error_copy(error);
    }
    g_clear_error(&error);
}

static void
tell_permissions(KlAwsLook *look)
{
    if (look->failure != NULL)
        kl_doctor_bad(look->doctor, N_("AWS permissions"), g_steal_pointer(&look->failure));
    if (look->denied->len > 0)
        kl_doctor_wrong(look->doctor, N_("AWS permissions"),
                        N_("Give the station the policy KeylineStation of packaging/aws/station.yaml."),
                        N_("denied: %s"), look->denied->str);
    else if (look->untried->len > 0)
        kl_doctor_good(look->doctor, N_("AWS permissions"), NULL,
                       N_("%u tried, none is missing; these can't be tried without effect: %s"), look->allowed,
                       look->untried->str);
    else
        kl_doctor_good(look->doctor, N_("AWS permissions"), NULL, N_("%u tried, none is missing"), look->allowed);
    if (look->left_over->len > 0)
        kl_doctor_good(look->doctor, N_("AWS clean-up"),
                       N_("Now and then run keyline doctor --orphans --clean with the credentials of that role."),
                       N_("left to the clean-up role (denied: %s)"), look->left_over->str);
}

/* --- who, when --- */

/* "arn:aws:iot:REGION:ACCOUNT:" of "arn:aws:iam::ACCOUNT:user/station". */
static char *
account_of(const char *arn, const char *region)
{
    g_auto(GStrv) parts = g_strsplit(arn, ":", 6);
    return g_strv_length(parts) == 6 ? g_strdup_printf("%s:%s:iot:%s:%s:", parts[0], parts[1], region, parts[4]) : NULL;
}

static void
tell_clock(KlAwsLook *look, const KlAwsAnswer *answer)
{
    if (answer->server_time == 0)
        return;
    int skew = (int)(answer->server_time - g_get_real_time() / G_USEC_PER_SEC);
    kl_doctor_good(look->doctor, N_("AWS clock"),
                   ABS(skew) > SKEW_WARN_S
                       ? N_("Let the network set the station's clock (NTP): AWS refuses what is 5 minutes off.")
                       : NULL,
                   N_("the server's is %+d s from the station's"), skew);
}

static void
check_identity(KlAwsLook *look)
{
    const KlAwsCall call = {.operation = KL_AWS_GET_CALLER_IDENTITY};
    const char *region = kl_aws_config_region(kl_aws_config(look->aws));
    g_auto(KlAwsAnswer) answer = {0};
    GError *error = NULL;
    if (!kl_aws_look_call(look, &call, &answer, &error)) {
        kl_doctor_bad(look->doctor, N_("AWS account"), error);
        return;
    }
    const char *arn = kl_aws_answer_text(&answer, CALLER "Arn");
    look->account = arn != NULL ? account_of(arn, region) : NULL;
    kl_doctor_good(look->doctor, N_("AWS account"), NULL, "%s (%s)", arn != NULL ? arn : "?", region);
    tell_clock(look, &answer);
}

/* --- tables --- */

typedef struct {
    const char *name;
    const KlTableKey *key;
    const char *calls; /* a letter each: Put, Get, Update, Query, BatchGet */
} Table;

/* The row's key in "RequestItems", as BatchGetItem wants it. */
static JsonObject *
batch_request(const Table *table, JsonObject *key)
{
    JsonObject *request = json_object_new(), *tables = json_object_new(), *question = json_object_new();
    JsonArray *keys = json_array_new();
    json_array_add_object_element(keys, key);
    json_object_set_array_member(question, "Keys", keys);
    json_object_set_object_member(tables, table->name, question);
    json_object_set_object_member(request, "RequestItems", tables);
    return request;
}

/* A request that names a row which can't be there, and whose condition never holds. */
static JsonObject *
harmless_request(const Table *table, char call)
{
    JsonObject *key = json_object_new();
    kl_item_set_text(key, table->key->hash, "keyline doctor");
    if (call == 'B')
        return batch_request(table, key);
    JsonObject *request = kl_dynamodb_request(table->name);
    if (call == 'Q') {
        json_object_unref(key);
        kl_dynamodb_name(request, "#key", table->key->hash);
        kl_item_set_text(kl_dynamodb_values(request), ":none", "keyline doctor");
        json_object_set_string_member(request, "KeyConditionExpression", "#key = :none");
        return request;
    }
    if (table->key->range != NULL)
        kl_item_set_text(key, table->key->range, "none");
    json_object_set_object_member(request, call == 'P' ? "Item" : "Key", key);
    if (call == 'G')
        return request;
    kl_dynamodb_name(request, "#key", table->key->hash);
    json_object_set_string_member(request, "ConditionExpression",
                                  "attribute_exists(#key) AND attribute_not_exists(#key)");
    if (call == 'U') {
        kl_dynamodb_name(request, "#none", "none");
        kl_item_set_number(kl_dynamodb_values(request), ":none", 0);
        json_object_set_string_member(request, "UpdateExpression", "ADD #none :none");
    }
    return request;
}

static void
try_table(KlAwsLook *look, const Table *table)
{
    for (const char *call = table->calls; *call != '\0' && !look->hopeless; call++) {
        KlAwsOperationId operation = *call == 'P'   ? KL_AWS_DYNAMODB_PUT_ITEM
                                     : *call == 'G' ? KL_AWS_DYNAMODB_GET_ITEM
                                     : *call == 'B' ? KL_AWS_DYNAMODB_BATCH_GET_ITEM
                                     : *call == 'U' ? KL_AWS_DYNAMODB_UPDATE_ITEM
                                                    : KL_AWS_DYNAMODB_QUERY;
        g_autofree char *name = g_strdup_printf("dynamodb:%s (%s)", kl_aws_operation(operation)->name, table->name);
        g_autoptr(JsonObject) request = harmless_request(table, *call);
        g_auto(KlAwsAnswer) answer = {0};
        GError *error = NULL;
        KlOp op = kl_aws_look_op();
        kl_dynamodb_call(look->aws, operation, request, TRUE, &op, &answer, &error);
        kl_aws_look_permission(look, name, FALSE, kl_aws_look_note(look, error));
    }
}

static void
check_tables(KlAwsLook *look)
{
    const KlAwsSection *aws = &look->doctor->config->aws;
    const Table tables[] = {
        {aws->registration_table, &kl_registration_key, "PGUB"},
        {aws->records_table, &kl_records_key, "PQ"},
        {aws->counters_table, &kl_counters_key, "U"},
        {aws->firmware_table, &kl_firmware_key, "G"},
    };
    guint fine = 0;
    for (guint i = 0; i < G_N_ELEMENTS(tables) && !look->hopeless; i++) {
        GError *error = NULL;
        KlOp op = kl_aws_look_op();
        if (tables[i].name == NULL)
            continue;
        if (kl_dynamodb_check_table(look->aws, tables[i].name, tables[i].key, &op, &error)) {
            fine++;
            try_table(look, &tables[i]);
        } else if (kl_error_code(kl_aws_look_note(look, error)) == KL_ERROR_CLOUD_MISSING) {
            kl_doctor_bad_but(
                look->doctor, N_("AWS tables"), error,
                N_("Make it from packaging/aws/station.yaml, or name another one in station.conf, [aws]."));
        } else {
            kl_doctor_bad(look->doctor, N_("AWS tables"), error);
        }
    }
    if (fine > 0)
        kl_doctor_good(
            look->doctor, N_("AWS tables"), NULL,
            ngettext("%u table is there, its key is right", "%u tables are there, their keys are right", fine), fine);
}

static void
check_firmware(KlAwsLook *look)
{
    const KlAwsSection *aws = &look->doctor->config->aws;
    const KlProfile *profile = look->doctor->profile;
    if (look->hopeless || profile == NULL || aws->firmware_table == NULL)
        return;
    g_autoptr(KlSink) sink = kl_sink_dynamodb_new(look->aws, aws, look->doctor->config->name);
    gboolean found = FALSE;
    GError *error = NULL;
    KlOp op = kl_aws_look_op();
    if (!sink->klass->has_firmware(sink, profile->registration_firmware, &found, &op, &error))
        kl_doctor_bad(look->doctor, N_("Firmware row"), kl_aws_look_note(look, error));
    else if (found)
        kl_doctor_good(look->doctor, N_("Firmware row"), NULL, N_("%s is in table %s"), profile->registration_firmware,
                       aws->firmware_table);
    else
        kl_doctor_wrong(look->doctor, N_("Firmware row"),
                        N_("Put the firmware into that table, or name another one in the product's [registration]."),
                        N_("%s is not in table %s"), profile->registration_firmware, aws->firmware_table);
}

/* --- the whole --- */

static KlAws *
open_aws(const KlAwsSection *section, GError **error)
{
    const KlAwsOptions options = {
        .settings = {.profile = section->profile, .region = section->region, .endpoint = section->endpoint},
        .rate_percent = section->rate_percent,
        .attempts = ATTEMPTS,
        .attempt_ms = ATTEMPT_MS,
    };
    return kl_aws_new(&options, error);
}

void
kl_doctor_aws(KlDoctor *doctor)
{
    GError *error = NULL;
    g_autoptr(KlAws) aws = open_aws(&doctor->config->aws, &error);
    if (aws == NULL) {
        kl_doctor_bad(doctor, N_("AWS account"), error);
        return;
    }
    KlAwsLook look = {.doctor = doctor,
                      .aws = aws,
                      .denied = g_string_new(NULL),
                      .left_over = g_string_new(NULL),
                      .untried = g_string_new(NULL)};
    check_identity(&look);
    if (!look.hopeless)
        check_tables(&look);
    check_firmware(&look);
    if (!look.hopeless && doctor->config->signer != KL_SIGNER_LOCAL)
        kl_aws_look_at_signing(&look);
    if (!look.hopeless)
        tell_permissions(&look);
    else
        kl_doctor_good(doctor, N_("AWS permissions"), NULL, N_("not tried: see above"));
    g_clear_error(&look.failure);
    g_free(look.account);
    g_string_free(look.denied, TRUE);
    g_string_free(look.left_over, TRUE);
    g_string_free(look.untried, TRUE);
}

/* --- what waits here --- */

static void
tell_queue(KlDoctor *doctor, const KlOutboxCounts *counts)
{
    if (counts->parked > 0)
        kl_doctor_wrong(doctor, N_("Cloud queue"),
                        N_("See keyline registry pending, mend the cause, then run keyline registry retry."),
                        ngettext("%u row is parked: the cloud does not take it",
                                 "%u rows are parked: the cloud does not take them", counts->parked),
                        counts->parked);
    if (counts->queued == 0) {
        if (counts->parked == 0)
            kl_doctor_good(doctor, N_("Cloud queue"), NULL, N_("empty: the cloud has every row"));
        return;
    }
    gboolean late = g_get_real_time() - counts->oldest_us > QUEUE_WARN_US;
    kl_doctor_good(doctor, N_("Cloud queue"),
                   late ? N_("The oldest has waited for over an hour: check the network, see keyline registry pending.")
                        : NULL,
                   ngettext("%u row waits to be sent", "%u rows wait to be sent", counts->queued), counts->queued);
}

void
kl_doctor_outbox(KlDoctor *doctor, KlStore *store)
{
    g_auto(KlOutboxCounts) counts = {0};
    GError *error = NULL;
    if (!store->klass->outbox_counts(store, &counts, &error)) {
        kl_doctor_bad(doctor, N_("Cloud queue"), error);
        return;
    }
    tell_queue(doctor, &counts);
    const KlProfile *profile = doctor->profile;
    if (profile == NULL || profile->id_rule != KL_ID_SEQUENCE)
        return;
    guint64 left = 0;
    if (!store->klass->lease_left(store, profile->id_sequence, &left, &error)) {
        kl_doctor_bad(doctor, N_("Device ids"), error);
        return;
    }
    guint shown = (guint)MIN(left, G_MAXUINT);
    kl_doctor_good(doctor, N_("Device ids"),
                   left == 0 ? N_("Connect the station to the cloud: it leases the next ones by itself.") : NULL,
                   ngettext("%u leased number is left", "%u leased numbers are left", shown), shown);
}
