#include "gui/ca_chip.h"

#include "gui/chip.h"
#include "gui/i18n.h"
#include "gui/passphrase_dialog.h"

struct _KlCaChip {
    GtkButton parent_instance;
    KlSession *session;
    gboolean unlocked;  /* when the certificate was last read */
    gboolean unlocking; /* asked for, under way */
};

G_DEFINE_FINAL_TYPE(KlCaChip, kl_ca_chip, GTK_TYPE_BUTTON)

#define SECONDS_A_DAY ((gint64)86400)
#define WARN_DAYS 60

static void
kl_ca_chip_dispose(GObject *object)
{
    KlCaChip *self = KL_CA_CHIP(object);
    if (self->session != NULL)
        g_signal_handlers_disconnect_by_data(self->session, self);
    g_clear_object(&self->session);
    G_OBJECT_CLASS(kl_ca_chip_parent_class)->dispose(object);
}

static void
show(KlCaChip *self, const char *text, KlChipLevel level)
{
    gtk_button_set_label(GTK_BUTTON(self), text);
    atk_object_set_name(gtk_widget_get_accessible(GTK_WIDGET(self)), text);
    kl_chip_set_level(GTK_WIDGET(self), level);
    gtk_widget_set_tooltip_text(GTK_WIDGET(self),
                                kl_session_unlocked(self->session) ? NULL : _("Enter the passphrase of the CA"));
}

static char *
good_for(gint64 left_s)
{
    gulong days = (gulong)(MAX(left_s, 0) / SECONDS_A_DAY);
    gulong years = days / 365;
    if (left_s <= 0)
        return g_strdup(_("CA expired"));
    if (years >= 2)
        return g_strdup_printf(ngettext("CA ready · %lu year", "CA ready · %lu years", years), years);
    return g_strdup_printf(ngettext("CA ready · %lu day", "CA ready · %lu days", days), days);
}

static void
show_certificate(KlCaChip *self, const KlCertificate *certificate)
{
    gint64 left_s = certificate->not_after - g_get_real_time() / G_USEC_PER_SEC;
    guint margin = kl_station_profile(kl_session_station(self->session))->ca_margin_days;
    gboolean too_short = left_s < margin * SECONDS_A_DAY;
    g_autofree char *text = good_for(left_s);
    if (left_s > 0 && !kl_session_unlocked(self->session))
        show(self, _("CA locked"), KL_CHIP_WARN);
    else
        show(self, text, too_short ? KL_CHIP_BAD : left_s < WARN_DAYS * SECONDS_A_DAY ? KL_CHIP_WARN : KL_CHIP_OK);
}

static void
read_certificate(GTask *task, gpointer source, gpointer dir, GCancellable *cancel)
{
    GError *error = NULL;
    KlCertificate *certificate = kl_station_ca_certificate(dir, &error);
    if (certificate != NULL)
        g_task_return_pointer(task, certificate, (GDestroyNotify)kl_certificate_free);
    else
        g_task_return_error(task, error);
}

static void
certificate_read(GObject *source, GAsyncResult *result, gpointer data)
{
    KlCaChip *self = KL_CA_CHIP(source);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlCertificate) certificate = g_task_propagate_pointer(G_TASK(result), &error);
    if (self->session == NULL)
        return;
    if (certificate != NULL)
        show_certificate(self, certificate);
    else
        show(self, kl_error_code(error) == KL_ERROR_CA_MISSING ? _("No CA") : _("CA unreadable"), KL_CHIP_BAD);
}

static void
refresh(KlCaChip *self)
{
    g_autoptr(GTask) task = g_task_new(self, NULL, certificate_read, NULL);
    self->unlocked = kl_session_unlocked(self->session);
    g_task_set_task_data(task, g_strdup(kl_station_config(kl_session_station(self->session))->dir), g_free);
    g_task_run_in_thread(task, read_certificate);
}

static void
on_changed(KlSession *session, KlCaChip *self)
{
    if (kl_session_unlocked(session) != self->unlocked)
        refresh(self);
}

static void
unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlCaChip) self = data;
    g_autoptr(GError) error = NULL;
    self->unlocking = FALSE;
    if (!kl_session_unlock_finish(KL_SESSION(source), result, &error) && self->session != NULL)
        show(self, _(kl_error_words(kl_error_code(error))), KL_CHIP_BAD);
}

static void
asked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlCaChip) self = data;
    self->unlocking = FALSE;
    kl_passphrase_dialog_finish(result, NULL);
}

static void
kl_ca_chip_clicked(GtkButton *button)
{
    KlCaChip *self = KL_CA_CHIP(button);
    if (self->unlocking || kl_session_unlocked(self->session))
        return;
    self->unlocking = TRUE;
    if (kl_station_needs_passphrase(kl_session_station(self->session)))
        kl_passphrase_dialog_run(GTK_WINDOW(gtk_widget_get_toplevel(GTK_WIDGET(self))), self->session, asked,
                                 g_object_ref(self));
    else
        kl_session_unlock(self->session, NULL, unlocked, g_object_ref(self));
}

static void
kl_ca_chip_class_init(KlCaChipClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_ca_chip_dispose;
    GTK_BUTTON_CLASS(klass)->clicked = kl_ca_chip_clicked;
}

static void
kl_ca_chip_init(KlCaChip *self)
{
}

GtkWidget *
kl_ca_chip_new(KlSession *session)
{
    KlCaChip *self = g_object_new(KL_TYPE_CA_CHIP, "visible", TRUE, "focus-on-click", FALSE, NULL);
    self->session = g_object_ref(session);
    show(self, _("CA"), KL_CHIP_WARN);
    g_signal_connect(session, "changed", G_CALLBACK(on_changed), self);
    refresh(self);
    return GTK_WIDGET(self);
}
