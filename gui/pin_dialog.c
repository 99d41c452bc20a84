#include "gui/pin_dialog.h"

#include <string.h>

#include "gui/form_dialog.h"
#include "gui/i18n.h"
#include "gui/secret_entry.h"
#include "gui/setup_parts.h"
#include "station/error.h"
#include "station/supervisor.h"

/* What is asked; belongs to its dialog. */
typedef struct {
    KlFormDialog *dialog;
    GtkEntry *pin;
    GtkEntry *reason; /* NULL: none is asked for */
    char *act;
    char *subject;
    char *who;
    gint64 pause_until_us; /* monotonic */
    guint timer;           /* counts a pause down, or 0 */
    gboolean no_pin;
} Ask;

static void
ask_free(gpointer data)
{
    Ask *ask = data;
    g_clear_handle_id(&ask->timer, g_source_remove);
    g_free(ask->act);
    g_free(ask->subject);
    g_free(ask->who);
    g_free(ask);
}

static Ask *
ask_of(gpointer dialog)
{
    return g_object_get_data(G_OBJECT(dialog), "kl-ask");
}

/* What is about to be done, in words. */
static const char *
act_words(const char *act)
{
    static const struct {
        const char *act, *words;
    } table[] = {
        {"reprovision", N_("Provision a unit again")}, {"revoke", N_("Revoke a certificate")},
        {"profile", N_("Change the product")},         {"pin", N_("Change the supervisor's PIN")},
        {"auditor-end", N_("End the auditor's view")}, {"ca", N_("Make a certificate authority")},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].act, act) == 0)
            return _(table[i].words);
    }
    return _("Supervisor");
}

static char *
reason_text(const Ask *ask)
{
    if (ask->reason == NULL)
        return NULL;
    char *text = g_strstrip(g_strdup(gtk_entry_get_text(ask->reason)));
    if (*text == '\0')
        g_clear_pointer(&text, g_free);
    return text;
}

/* The form can be sent when there is a PIN, and a reason where one is asked for. */
static void
update_ready(Ask *ask)
{
    g_autofree char *reason = reason_text(ask);
    kl_form_dialog_set_ready(ask->dialog, gtk_entry_get_text_length(ask->pin) > 0 && ask->timer == 0 && !ask->no_pin &&
                                              (ask->reason == NULL || reason != NULL));
}

static gboolean
count_down(gpointer data)
{
    Ask *ask = data;
    gint64 left_us = ask->pause_until_us - g_get_monotonic_time();
    if (left_us <= 0) {
        ask->timer = 0;
        gtk_widget_set_sensitive(GTK_WIDGET(ask->pin), TRUE);
        kl_form_dialog_tell(ask->dialog, NULL);
        gtk_widget_grab_focus(GTK_WIDGET(ask->pin));
        update_ready(ask);
        return G_SOURCE_REMOVE;
    }
    guint seconds = (guint)((left_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
    g_autofree char *wait = g_strdup_printf(ngettext("Wait %u second.", "Wait %u seconds.", seconds), seconds);
    g_autofree char *words = g_strdup_printf("%s\n%s", _(kl_error_words(KL_ERROR_PIN_PAUSED)), wait);
    kl_form_dialog_tell(ask->dialog, words);
    return G_SOURCE_CONTINUE;
}

static void
begin_pause(Ask *ask, guint seconds)
{
    ask->pause_until_us = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    gtk_widget_set_sensitive(GTK_WIDGET(ask->pin), FALSE);
    if (ask->timer == 0)
        ask->timer = g_timeout_add_seconds(1, count_down, ask);
    count_down(ask);
    update_ready(ask);
}

/* --- the check, in a thread --- */

typedef struct {
    KlSecret *pin;
    char *who, *act;
    char *reason; /* or NULL */
    guint pause_s;
} Check;

static void
check_free(gpointer data)
{
    Check *check = data;
    kl_secret_free(check->pin);
    g_free(check->who);
    g_free(check->act);
    g_free(check->reason);
    g_free(check);
}

static void
check_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    Check *check = data;
    GError *error = NULL;
    KlStore *store = kl_station_store(kl_session_station(source));
    if (kl_supervisor_check(store, check->pin, check->who, check->act, g_get_real_time(), &check->pause_s, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* The PIN was right. The act is kept before it is done: what can't be kept is not done. */
static void
keep_act(GTask *question, const Ask *ask, const Check *check)
{
    GError *error = NULL;
    g_task_set_task_data(question, g_strdup(check->reason), g_free);
    if (kl_session_record_act(g_task_get_source_object(question), "supervisor", ask->act, ask->subject, check->reason,
                              &error))
        g_task_return_boolean(question, TRUE);
    else
        g_task_return_error(question, error);
}

static void
on_checked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    Ask *ask = ask_of(dialog);
    const Check *check = g_task_get_task_data(G_TASK(result));
    if (!kl_form_dialog_is_open(dialog))
        return;
    if (!g_task_propagate_boolean(G_TASK(result), &error)) {
        kl_form_dialog_settle(dialog, error, GTK_WIDGET(ask->pin));
        if (g_error_matches(error, KL_ERROR, KL_ERROR_PIN_PAUSED))
            begin_pause(ask, check->pause_s);
        return;
    }
    g_autoptr(GTask) question = kl_form_dialog_take(dialog);
    keep_act(question, ask, check);
}

static void
send(KlFormDialog *dialog, GTask *question)
{
    const Ask *ask = ask_of(dialog);
    KlSecret *pin = kl_secret_entry_take(ask->pin);
    if (pin == NULL)
        return;
    Check *check = g_new0(Check, 1);
    check->pin = pin;
    check->who = g_strdup(ask->who);
    check->act = g_strdup(ask->act);
    check->reason = reason_text(ask);
    kl_form_dialog_work(dialog, check_in_thread, check, check_free, on_checked);
}

/* --- is there a PIN at all --- */

static void
look_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    GError *error = NULL;
    gboolean has = FALSE;
    if (kl_supervisor_has_pin(kl_session_reader(source), &has, &error))
        g_task_return_boolean(task, has);
    else
        g_task_return_error(task, error);
}

static void
on_looked(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(KlFormDialog) dialog = data;
    g_autoptr(GError) error = NULL;
    Ask *ask = ask_of(dialog);
    gboolean has = g_task_propagate_boolean(G_TASK(result), &error);
    if (has || !kl_form_dialog_is_open(dialog))
        return;
    if (error == NULL)
        kl_fail(&error, KL_ERROR_PIN_MISSING, "no supervisor's PIN was set");
    ask->no_pin = TRUE;
    gtk_widget_set_sensitive(GTK_WIDGET(ask->pin), FALSE);
    if (ask->reason != NULL)
        gtk_widget_set_sensitive(GTK_WIDGET(ask->reason), FALSE);
    kl_form_dialog_tell_error(ask->dialog, error);
    update_ready(ask);
}

/* --- the dialog --- */

static void
on_destroy(GtkWidget *dialog, Ask *ask)
{
    g_clear_handle_id(&ask->timer, g_source_remove);
}

static void
add_fields(Ask *ask, gboolean with_reason)
{
    GtkGrid *grid = g_object_new(GTK_TYPE_GRID, "column-spacing", 12, "row-spacing", 6, NULL);
    int row = 0;
    if (with_reason) {
        ask->reason = GTK_ENTRY(gtk_entry_new());
        gtk_entry_set_max_length(ask->reason, 200);
        gtk_entry_set_activates_default(ask->reason, TRUE);
        kl_setup_field(grid, row++, _("Reason"), GTK_WIDGET(ask->reason));
        g_signal_connect_swapped(ask->reason, "changed", G_CALLBACK(update_ready), ask);
    }
    ask->pin = GTK_ENTRY(kl_secret_entry_new(_("Supervisor's PIN"), GTK_INPUT_PURPOSE_PIN));
    kl_setup_field(grid, row, _("Supervisor's PIN"), GTK_WIDGET(ask->pin));
    g_signal_connect_swapped(ask->pin, "changed", G_CALLBACK(update_ready), ask);
    kl_form_dialog_add(ask->dialog, GTK_WIDGET(grid));
}

void
kl_pin_ask(GtkWindow *parent, KlSession *session, const char *act, const char *subject, gboolean with_reason,
           GAsyncReadyCallback done, gpointer data)
{
    Ask *ask = g_new0(Ask, 1);
    ask->act = g_strdup(act);
    ask->subject = g_strdup(subject);
    ask->who = g_strdup(kl_session_operator(session));
    ask->dialog = KL_FORM_DIALOG(kl_form_dialog_new(parent, act_words(act), _("C_onfirm")));
    g_object_set_data_full(G_OBJECT(ask->dialog), "kl-ask", ask, ask_free);
    if (subject != NULL) {
        GtkWidget *what = gtk_label_new(subject);
        g_object_set(what, "xalign", 0.0, "wrap", TRUE, "wrap-mode", PANGO_WRAP_WORD_CHAR, "max-width-chars", 50, NULL);
        kl_form_dialog_add(ask->dialog, what);
    }
    add_fields(ask, with_reason);
    update_ready(ask);
    g_signal_connect(ask->dialog, "destroy", G_CALLBACK(on_destroy), ask);
    kl_form_dialog_ask(ask->dialog, g_task_new(session, NULL, done, data), send, FALSE);
    g_autoptr(GTask) look = g_task_new(session, NULL, on_looked, g_object_ref(ask->dialog));
    g_task_run_in_thread(look, look_in_thread);
}

gboolean
kl_pin_ask_finish(GAsyncResult *result, char **reason, GError **error)
{
    if (!g_task_propagate_boolean(G_TASK(result), error))
        return FALSE;
    if (reason != NULL)
        *reason = g_strdup(g_task_get_task_data(G_TASK(result)));
    return TRUE;
}
