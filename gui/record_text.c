#include "gui/record_text.h"

#include "gui/field_text.h"
#include "gui/i18n.h"
#include "station/step.h"

static void
append_safe(GString *safe, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        GUnicodeType type = g_unichar_type(c);
        gboolean line = type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR;
        g_string_append_unichar(safe, g_unichar_isprint(c) && !line ? c : 0xfffd);
    }
}

char *
kl_record_safe(const char *text)
{
    if (text == NULL)
        return NULL;
    GString *safe = g_string_new(NULL);
    append_safe(safe, text);
    return g_string_free(safe, FALSE);
}

char *
kl_record_time(gint64 time_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(time_us / G_USEC_PER_SEC);
    return time_us != 0 && time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : NULL;
}

char *
kl_record_seconds(gint64 duration_us)
{
    if (duration_us < G_USEC_PER_SEC)
        return g_strdup_printf(_("%d ms"), (int)(duration_us / 1000));
    return g_strdup_printf(_("%.2f s"), (double)duration_us / G_USEC_PER_SEC);
}

char *
kl_record_took(const KlRecord *record)
{
    if (record->ended_us == 0)
        return NULL;
    return g_strdup_printf(_("%.1f s"), (double)(record->ended_us - record->started_us) / G_USEC_PER_SEC);
}

const char *
kl_record_unit(const KlRecord *record)
{
    const KlUnit *unit = record->unit;
    if (unit != NULL && unit->device_id != NULL)
        return unit->device_id;
    return unit != NULL && unit->fsn != NULL ? unit->fsn : record->label;
}

char *
kl_record_step_name(const KlStepResult *step)
{
    g_autofree char *title = kl_record_safe(_(kl_step_title(step->step)));
    return step->attempt > 1 ? g_strdup_printf(_("%s, attempt %u"), title, step->attempt) : g_steal_pointer(&title);
}

char *
kl_record_step_end(const KlStepResult *step)
{
    const char *outcome = kl_outcome_name(step->outcome);
    return step->code != NULL ? g_strdup_printf("%s · %s", outcome, step->code) : g_strdup(outcome);
}

void
kl_fact_free(KlFact *fact)
{
    if (fact == NULL)
        return;
    g_free(fact->value);
    g_free(fact);
}

static void
add_fact(GPtrArray *facts, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    KlFact *fact = g_new0(KlFact, 1);
    fact->name = name;
    fact->value = kl_record_safe(value);
    g_ptr_array_add(facts, fact);
}

static void
add_unit_facts(GPtrArray *facts, const KlUnit *unit)
{
    add_fact(facts, _("Device id"), unit->device_id);
    add_fact(facts, _("IMEI"), unit->imei);
    add_fact(facts, _("FSN"), unit->fsn);
    add_fact(facts, _("Model"), unit->model);
    add_fact(facts, _("Firmware"), unit->firmware);
    add_fact(facts, _("Agent"), unit->agent_version);
    add_fact(facts, _("Key store"), unit->keystore);
}

static void
add_field_facts(GPtrArray *facts, const KlFieldUnit *field)
{
    g_autofree char *state = kl_field_state_text(field), *alarm = kl_field_alarm_text(field);
    g_autofree char *seen = kl_record_time(field->last_seen_us);
    g_autofree char *connections = kl_field_known(field) && field->row->connections > 0
                                       ? g_strdup_printf("%" G_GINT64_FORMAT, field->row->connections)
                                       : NULL;
    add_fact(facts, _("In the field"), state);
    add_fact(facts, _("Last seen"), seen);
    add_fact(facts, _("Connections"), connections);
    add_fact(facts, _("Alarm"), alarm);
}

GPtrArray *
kl_record_facts(const KlRecord *record, const KlFieldUnit *field)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func((GDestroyNotify)kl_fact_free);
    g_autofree char *started = kl_record_time(record->started_us);
    g_autofree char *took = kl_record_took(record);
    if (field != NULL)
        add_field_facts(facts, field);
    if (record->unit != NULL)
        add_unit_facts(facts, record->unit);
    add_fact(facts, _("Outcome"), kl_outcome_name(record->outcome));
    add_fact(facts, _("Code"), record->code);
    add_fact(facts, _("Detail"), record->detail);
    add_fact(facts, _("First failure"), record->first_code);
    add_fact(facts, _("Started"), started);
    add_fact(facts, _("Took"), took);
    add_fact(facts, _("Station"), record->station);
    add_fact(facts, _("Slot"), record->slot);
    add_fact(facts, _("Product"), record->product);
    add_fact(facts, _("Operator"), record->operator_id);
    add_fact(facts, _("Work order"), record->work_order);
    add_fact(facts, _("Label scanned"), record->label);
    add_fact(facts, _("Already provisioned"), record->already_provisioned ? _("yes: verified, not redone") : NULL);
    add_fact(facts, _("Resumed"), record->resumed ? _("yes: went on where an earlier job had stopped") : NULL);
    add_fact(facts, _("Re-provisioned because"), record->reprovision_reason);
    add_fact(facts, _("Certificate"), record->certificate_sha256);
    add_fact(facts, _("Record"), record->id);
    add_fact(facts, _("Batch"), record->batch);
    add_fact(facts, _("Program"), record->program);
    return facts;
}

static void
append_steps(GString *text, const KlRecord *record)
{
    g_string_append_printf(text, "\n%s\n", _("Steps"));
    for (guint i = 0; i < record->steps->len; i++) {
        const KlStepResult *step = record->steps->pdata[i];
        g_autofree char *name = kl_record_step_name(step);
        g_autofree char *end = kl_record_step_end(step);
        g_autofree char *start = kl_record_seconds(step->start_us);
        g_autofree char *took = kl_record_seconds(step->duration_us);
        g_string_append_printf(text, "  %s + %s  %s: %s", start, took, name, end);
        if (step->detail != NULL) {
            g_string_append(text, " (");
            append_safe(text, step->detail);
            g_string_append_c(text, ')');
        }
        g_string_append_c(text, '\n');
    }
}

char *
kl_record_text(const KlRecord *record, const KlFieldUnit *field, const char *certificate)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GPtrArray) facts = kl_record_facts(record, field);
    for (guint i = 0; i < facts->len; i++) {
        const KlFact *fact = facts->pdata[i];
        g_string_append_printf(text, "%s: %s\n", fact->name, fact->value);
    }
    append_steps(text, record);
    if (certificate != NULL)
        g_string_append_printf(text, "\n%s\n%s", _("Certificate"), certificate);
    if (record->transcript != NULL) {
        g_autofree char *transcript = g_utf8_make_valid(record->transcript, -1);
        g_string_append_printf(text, "\n%s\n%s", _("Transcript"), transcript);
    }
    return g_string_free(text, FALSE);
}
