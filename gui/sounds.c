#include "gui/sounds.h"

#include <canberra-gtk.h>

#include "gui/i18n.h"

void
kl_sounds_verdict(GtkWidget *widget, const KlRecord *record)
{
    if (record->outcome == KL_OUTCOME_ABORTED)
        return;
    gboolean pass = record->outcome == KL_OUTCOME_PASS;
    ca_gtk_play_for_widget(widget, 0, CA_PROP_EVENT_ID, pass ? "complete" : "dialog-error", CA_PROP_EVENT_DESCRIPTION,
                           pass ? _("Unit passed") : _("Unit did not pass"), NULL);
}
