#include "gui/field_text.h"

#include "gui/i18n.h"
#include "gui/record_text.h"

#define LINES_MAX 8

static char *
number_text(gint64 number)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

static char *
state_text(const KlFieldUnit *unit)
{
    g_autofree char *version = number_text(unit->row->version);
    switch (unit->state) {
    case KL_FIELD_NEVER_SEEN:
        return g_strdup(_("never seen"));
    case KL_FIELD_SEEN:
        return g_strdup(_("was seen, but has not asked to be activated"));
    case KL_FIELD_REQUESTED:
        return g_strdup(_("has asked to be activated, and not confirmed yet"));
    case KL_FIELD_NOT_ASKED:
        return g_strdup(_("not known: AWS has said nothing of it yet"));
    case KL_FIELD_MISSING:
        return g_strdup(_("there is no row of it"));
    default:
        return g_strdup_printf(_("activated, runs version %s"), version);
    }
}

char *
kl_field_state_text(const KlFieldUnit *unit)
{
    g_autofree char *state = state_text(unit);
    g_autofree char *asked = kl_record_time(unit->asked_us);
    if (asked == NULL)
        return g_steal_pointer(&state);
    /* Translators: how far a unit is, and when that was so: "activated, runs version 3 (in AWS, 2026-11-22 09:11:20)"
     */
    return g_strdup_printf(_("%s (in AWS, %s)"), state, asked);
}

char *
kl_field_alarm_text(const KlFieldUnit *unit)
{
    g_autofree char *since = kl_record_time(unit->alarm_us);
    return since != NULL ? g_strdup_printf(_("Too many connections since %s: somebody may have its credentials"), since)
                         : NULL;
}

char *
kl_field_alarms_text(const GPtrArray *units)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(units->len, LINES_MAX); i++) {
        const KlFieldUnit *unit = units->pdata[i];
        g_autofree char *device = kl_record_safe(unit->row->device);
        g_autofree char *connections = number_text(unit->row->connections);
        g_string_append_printf(text, _("%s: %s connections"), device, connections);
        g_string_append_c(text, '\n');
    }
    if (units->len > LINES_MAX)
        g_string_append(text, "…\n");
    g_string_append_c(text, '\n');
    g_string_append(text, _("More messages come from these units than they should send: somebody may have their "
                            "credentials. Where it is not the unit itself that asks so often, revoke its certificate "
                            "or provision it anew."));
    return g_string_free(text, FALSE);
}
