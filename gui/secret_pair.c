#include "gui/secret_pair.h"

#include <string.h>

#include "gui/i18n.h"
#include "gui/secret_entry.h"
#include "gui/setup_parts.h"

struct _KlSecretPair {
    GtkGrid parent_instance;

    GtkEntry *first, *second;
    GtkLabel *hint;
    guint least;
};

G_DEFINE_FINAL_TYPE(KlSecretPair, kl_secret_pair, GTK_TYPE_GRID)

static guint changed_signal;

static void
kl_secret_pair_grab_focus(GtkWidget *widget)
{
    gtk_widget_grab_focus(GTK_WIDGET(KL_SECRET_PAIR(widget)->first));
}

static void
kl_secret_pair_class_init(KlSecretPairClass *klass)
{
    GTK_WIDGET_CLASS(klass)->grab_focus = kl_secret_pair_grab_focus;
    changed_signal =
        g_signal_new("changed", KL_TYPE_SECRET_PAIR, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
kl_secret_pair_init(KlSecretPair *pair)
{
}

static gboolean
same(KlSecretPair *pair)
{
    return strcmp(gtk_entry_get_text(pair->first), gtk_entry_get_text(pair->second)) == 0;
}

gboolean
kl_secret_pair_complete(KlSecretPair *pair)
{
    return gtk_entry_get_text_length(pair->first) >= pair->least && same(pair);
}

static void
on_typed(KlSecretPair *pair)
{
    guint length = gtk_entry_get_text_length(pair->first);
    g_autofree char *hint = NULL;
    if (length > 0 && length < pair->least)
        hint = g_strdup_printf(ngettext("At least %u character.", "At least %u characters.", pair->least), pair->least);
    else if (gtk_entry_get_text_length(pair->second) > 0 && !same(pair))
        hint = g_strdup(_("The two are not the same."));
    gtk_label_set_text(pair->hint, hint != NULL ? hint : "");
    g_signal_emit(pair, changed_signal, 0);
}

GtkWidget *
kl_secret_pair_new(const char *label, const char *again, guint least, GtkInputPurpose purpose)
{
    KlSecretPair *pair = g_object_new(KL_TYPE_SECRET_PAIR, "row-spacing", 6, "column-spacing", 12, NULL);
    pair->least = least;
    pair->first = GTK_ENTRY(kl_secret_entry_new(label, purpose));
    pair->second = GTK_ENTRY(kl_secret_entry_new(again, purpose));
    kl_setup_field(GTK_GRID(pair), 0, label, GTK_WIDGET(pair->first));
    kl_setup_field(GTK_GRID(pair), 1, again, GTK_WIDGET(pair->second));
    pair->hint = GTK_LABEL(kl_setup_note(""));
    gtk_grid_attach(GTK_GRID(pair), GTK_WIDGET(pair->hint), 1, 2, 1, 1);
    g_signal_connect_swapped(pair->first, "changed", G_CALLBACK(on_typed), pair);
    g_signal_connect_swapped(pair->second, "changed", G_CALLBACK(on_typed), pair);
    return GTK_WIDGET(pair);
}

KlSecret *
kl_secret_pair_take(KlSecretPair *pair)
{
    if (!kl_secret_pair_complete(pair))
        return NULL;
    KlSecret *secret = kl_secret_entry_take(pair->first);
    gtk_entry_set_text(pair->second, "");
    return secret;
}
