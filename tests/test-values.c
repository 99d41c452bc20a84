/* The plain values that pass between threads: copies share nothing with their originals; limits of an operation. */
#include <string.h>

#include "station/certificate.h"
#include "station/driver.h"
#include "station/event.h"
#include "station/op.h"
#include "station/record.h"
#include "station/store.h"

static KlRecord *
sample_record(void)
{
    KlRecord *record = kl_record_new();
    char **const texts[] = {
        &record->id,         &record->batch,
        &record->station,    &record->slot,
        &record->label,      &record->work_order,
        &record->product,    &record->operator_id,
        &record->code,       &record->detail,
        &record->program,    &record->reprovision_reason,
        &record->first_code, &record->certificate_sha256,
        &record->transcript,
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = g_strdup_printf("text %u", i);
    record->started_us = 1;
    record->ended_us = 2;
    record->outcome = KL_OUTCOME_FAIL;
    record->already_provisioned = TRUE;
    record->resumed = TRUE;
    record->unit = g_new0(KlUnit, 1);
    record->unit->imei = g_strdup("352653090215245");
    for (guint i = 1; i <= 2; i++) {
        KlStepResult *step = g_new0(KlStepResult, 1);
        *step = (KlStepResult){
            g_strdup("install"), i, KL_OUTCOME_FAIL, g_strdup("PORT_GONE"), g_strdup("hang-up"), 10 * i, 100, 50, 5};
        g_ptr_array_add(record->steps, step);
    }
    return record;
}

/* The original is gone before the copy is looked at: whatever they shared would be found by the sanitizer. */
static void
test_record_copy(void)
{
    KlRecord *record = sample_record();
    g_autoptr(KlRecord) copy = kl_record_copy(record);
    kl_record_free(record);
    g_autoptr(KlRecord) same = sample_record();

    g_assert_cmpstr(copy->id, ==, same->id);
    g_assert_cmpstr(copy->batch, ==, same->batch);
    g_assert_cmpstr(copy->station, ==, same->station);
    g_assert_cmpstr(copy->slot, ==, same->slot);
    g_assert_cmpstr(copy->product, ==, same->product);
    g_assert_cmpstr(copy->operator_id, ==, same->operator_id);
    g_assert_cmpstr(copy->work_order, ==, same->work_order);
    g_assert_cmpstr(copy->label, ==, same->label);
    g_assert_cmpstr(copy->reprovision_reason, ==, same->reprovision_reason);
    g_assert_cmpstr(copy->program, ==, same->program);
    g_assert_cmpstr(copy->code, ==, same->code);
    g_assert_cmpstr(copy->detail, ==, same->detail);
    g_assert_cmpstr(copy->first_code, ==, same->first_code);
    g_assert_cmpstr(copy->certificate_sha256, ==, same->certificate_sha256);
    g_assert_cmpstr(copy->transcript, ==, same->transcript);
    g_assert_cmpint(copy->started_us, ==, 1);
    g_assert_cmpint(copy->ended_us, ==, 2);
    g_assert_cmpint(copy->outcome, ==, KL_OUTCOME_FAIL);
    g_assert_true(copy->already_provisioned && copy->resumed);
    g_assert_cmpstr(copy->unit->imei, ==, "352653090215245");
    g_assert_cmpuint(copy->steps->len, ==, 2);
    const KlStepResult *step = copy->steps->pdata[1];
    g_assert_cmpstr(step->step, ==, "install");
    g_assert_cmpstr(step->code, ==, "PORT_GONE");
    g_assert_cmpstr(step->detail, ==, "hang-up");
    g_assert_cmpuint(step->attempt, ==, 2);
    g_assert_cmpint(step->start_us, ==, 20);
    g_assert_cmpint(step->duration_us, ==, 100);
    g_assert_cmpint(step->device_us, ==, 50);
    g_assert_cmpint(step->store_us, ==, 5);
    g_assert_null(kl_record_copy(NULL));
    kl_record_free(NULL);
    kl_step_result_free(NULL);
}

static void
test_event(void)
{
    gint64 before = g_get_monotonic_time();
    g_autoptr(KlEvent) event = kl_event_new(KL_EVENT_JOB_END, "01", "job");
    g_assert_cmpint(event->type, ==, KL_EVENT_JOB_END);
    g_assert_cmpstr(event->slot, ==, "01");
    g_assert_cmpstr(event->job, ==, "job");
    g_assert_cmpint(event->outcome, ==, KL_OUTCOME_RUNNING);
    g_assert_cmpint(event->time_us, >=, before);
    event->record = sample_record();
    event->unit = kl_unit_copy(event->record->unit);
    event->code = g_strdup("PORT_GONE");
    kl_event_free(NULL);
}

static KlCertificate *
sample_certificate(gsize length)
{
    KlCertificate *certificate = g_new0(KlCertificate, 1);
    guint8 *der = g_malloc0(length + 1);
    for (gsize i = 0; i < length; i++)
        der[i] = (guint8)(i * 7);
    certificate->der = g_bytes_new_take(der, length);
    certificate->sha256 = g_strdup("aa");
    certificate->serial = g_strdup("1");
    certificate->not_after = 5;
    return certificate;
}

static void
test_certificate_copy(void)
{
    KlCertificate *certificate = sample_certificate(3);
    g_autoptr(KlCertificate) copy = kl_certificate_copy(certificate);
    kl_certificate_free(certificate);
    g_assert_cmpstr(copy->sha256, ==, "aa");
    g_assert_cmpstr(copy->serial, ==, "1");
    g_assert_null(copy->chain_pem);
    g_assert_cmpint(copy->not_after, ==, 5);
    g_assert_cmpuint(g_bytes_get_size(copy->der), ==, 3);
    g_assert_null(kl_certificate_copy(NULL));
    kl_certificate_free(NULL);
    kl_csr_free(NULL);
}

/* Lengths around the ends of a PEM line (48 bytes are 64 characters). */
static void
test_certificate_pem(void)
{
    for (gsize length = 1; length <= 200; length++) {
        g_autoptr(KlCertificate) certificate = sample_certificate(length);
        g_autofree char *pem = kl_certificate_pem(certificate);
        g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
        guint count = g_strv_length(lines);
        g_assert_cmpstr(lines[0], ==, "-----BEGIN CERTIFICATE-----");
        g_assert_cmpstr(lines[count - 2], ==, "-----END CERTIFICATE-----");
        g_assert_cmpstr(lines[count - 1], ==, "");
        g_autoptr(GString) base64 = g_string_new(NULL);
        for (guint i = 1; i < count - 2; i++) {
            g_assert_cmpuint(strlen(lines[i]), <=, 64);
            g_assert_true(strlen(lines[i]) == 64 || i == count - 3);
            g_string_append(base64, lines[i]);
        }
        gsize back_length = 0;
        g_autofree guchar *back = g_base64_decode(base64->str, &back_length);
        g_assert_cmpmem(back, back_length, g_bytes_get_data(certificate->der, NULL), length);
    }
}

static void
test_op(void)
{
    g_autoptr(GError) error = NULL;
    KlOp op = {0};
    g_assert_true(kl_op_check(&op, &error));
    gint64 now = g_get_monotonic_time();
    g_assert_cmpint(kl_op_until(&op, 1000), >=, now + G_USEC_PER_SEC);
    g_assert_cmpint(kl_op_until(&op, G_MAXUINT), >, now);
    kl_op_progress(&op, 0.5);

    op.deadline_us = now + 1000 * G_USEC_PER_SEC;
    g_assert_true(kl_op_check(&op, &error));
    g_assert_cmpint(kl_op_until(&op, 2000 * 1000), ==, op.deadline_us);
    g_assert_cmpint(kl_op_until(&op, 1000), <, op.deadline_us);
    op.deadline_us = now;
    g_assert_false(kl_op_check(&op, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_STEP_TIMEOUT);
    g_clear_error(&error);

    g_autoptr(GCancellable) cancel = g_cancellable_new();
    op.cancel = cancel;
    g_cancellable_cancel(cancel);
    g_assert_false(kl_op_check(&op, &error)); /* who stopped it matters more than the time */
    g_assert_error(error, KL_ERROR, KL_ERROR_CANCELLED);
}

static void
keep_fraction(double fraction, gpointer data)
{
    *(double *)data = fraction;
}

static void
test_op_progress(void)
{
    double last = -1;
    KlOp op = {.progress = keep_fraction, .progress_data = &last};
    kl_op_progress(&op, 0.25);
    g_assert_cmpfloat(last, ==, 0.25);
    kl_op_progress(&op, 7);
    g_assert_cmpfloat(last, ==, 1);
    kl_op_progress(&op, -7);
    g_assert_cmpfloat(last, ==, 0);
}

static void
test_small_ones(void)
{
    KlKeyInfo key = {TRUE, TRUE, g_strdup("aa"), g_strdup("iks")};
    kl_key_info_clear(&key);
    g_assert_false(key.exists || key.locked);
    g_assert_null(key.spki_sha256);
    kl_key_info_clear(&key);

    KlItemInfo *item = g_new0(KlItemInfo, 1);
    item->name = g_strdup("chain");
    kl_item_info_free(item);
    kl_item_info_free(NULL);

    KlUnitState *state = g_new0(KlUnitState, 1);
    state->keys = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(state->keys, g_strdup("aa"));
    state->certificate = sample_certificate(1);
    state->issue_job = g_strdup("job");
    kl_unit_state_free(state);
    kl_unit_state_free(g_new0(KlUnitState, 1));
    kl_unit_state_free(NULL);

    KlLedgerEntry *entry = g_new0(KlLedgerEntry, 1);
    entry->certificate = sample_certificate(1);
    entry->reason = g_strdup("lost");
    kl_ledger_entry_free(entry);
    kl_ledger_entry_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/values/record-copy", test_record_copy);
    g_test_add_func("/values/event", test_event);
    g_test_add_func("/values/certificate-copy", test_certificate_copy);
    g_test_add_func("/values/certificate-pem", test_certificate_pem);
    g_test_add_func("/values/op", test_op);
    g_test_add_func("/values/op-progress", test_op_progress);
    g_test_add_func("/values/small-ones", test_small_ones);
    return g_test_run();
}
