#include "gui/doctor_view.h"

#include "gui/i18n.h"
#include "gui/setup_parts.h"

/* The section; belongs to its widget. */
typedef struct {
    KlSession *session;
    GCancellable *gone; /* cancelled when the widget is destroyed */
    GtkWidget *widget;
    GtkListBox *list;
    GtkLabel *summary;
    GtkWidget *again;
    GtkSpinner *spinner;
    gboolean looked;
} Doctor;

static void
doctor_free(gpointer data)
{
    Doctor *doctor = data;
    g_object_unref(doctor->gone);
    g_object_unref(doctor->session);
    g_free(doctor);
}

static Doctor *
doctor_of(gpointer widget)
{
    return g_object_get_data(G_OBJECT(widget), "kl-doctor");
}

/* How a finding is shown: an icon and a word, never a colour alone. */
typedef struct {
    const char *icon, *word, *style;
} Look;

static Look
look_of(const KlFinding *finding)
{
    if (!finding->ok)
        return (Look){"dialog-error-symbolic", _("Not right"), "chip-bad"};
    if (finding->warning)
        return (Look){"dialog-warning-symbolic", _("Look at it"), "chip-warn"};
    return (Look){"emblem-ok-symbolic", _("Good"), "chip-ok"};
}

static GtkWidget *
new_mark(const KlFinding *finding)
{
    Look look = look_of(finding);
    GtkWidget *mark = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
    gtk_container_add(GTK_CONTAINER(mark), gtk_image_new_from_icon_name(look.icon, GTK_ICON_SIZE_BUTTON));
    gtk_container_add(GTK_CONTAINER(mark), gtk_label_new(look.word));
    gtk_style_context_add_class(gtk_widget_get_style_context(mark), "chip");
    gtk_style_context_add_class(gtk_widget_get_style_context(mark), look.style);
    return mark;
}

static void
show_finding(gpointer data, gpointer list)
{
    const KlFinding *finding = data;
    const char *detail = finding->detail != NULL ? finding->detail : "";
    g_autofree char *words =
        finding->remedy != NULL ? g_strdup_printf("%s\n%s", detail, _(finding->remedy)) : g_strdup(detail);
    kl_setup_control(list, _(finding->title), words, new_mark(finding));
}

static void
show_summary(Doctor *doctor, const GPtrArray *findings)
{
    guint bad = 0, doubtful = 0;
    for (guint i = 0; i < findings->len; i++) {
        const KlFinding *finding = findings->pdata[i];
        bad += !finding->ok;
        doubtful += finding->ok && finding->warning;
    }
    g_autofree char *text = NULL;
    if (bad > 0)
        text = g_strdup_printf(ngettext("%u finding stops the line.", "%u findings stop the line.", bad), bad);
    else if (doubtful > 0)
        text = g_strdup_printf(ngettext("The line can work; %u finding needs a look.",
                                        "The line can work; %u findings need a look.", doubtful),
                               doubtful);
    gtk_label_set_text(doctor->summary, text != NULL ? text : _("All is well."));
}

static void
examine_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel)
{
    KlStation *station = kl_session_station(doctor_of(source)->session);
    g_task_return_pointer(task, kl_station_doctor_running(station), (GDestroyNotify)g_ptr_array_unref);
}

static void
on_examined(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GPtrArray) findings = g_task_propagate_pointer(G_TASK(result), NULL);
    Doctor *doctor = doctor_of(source);
    if (g_cancellable_is_cancelled(doctor->gone))
        return;
    kl_setup_clear(doctor->list);
    g_ptr_array_foreach(findings, show_finding, doctor->list);
    gtk_widget_show_all(GTK_WIDGET(doctor->list));
    show_summary(doctor, findings);
    gtk_widget_set_sensitive(doctor->again, TRUE);
    gtk_spinner_stop(doctor->spinner);
}

static void
examine(Doctor *doctor)
{
    doctor->looked = TRUE;
    gtk_widget_set_sensitive(doctor->again, FALSE);
    gtk_spinner_start(doctor->spinner);
    gtk_label_set_text(doctor->summary, _("Looking…"));
    g_autoptr(GTask) task = g_task_new(doctor->widget, NULL, on_examined, NULL);
    g_task_run_in_thread(task, examine_in_thread);
}

static void
on_mapped(GtkWidget *widget)
{
    if (!doctor_of(widget)->looked)
        examine(doctor_of(widget));
}

GtkWidget *
kl_doctor_view_new(KlSession *session)
{
    Doctor *doctor = g_new0(Doctor, 1);
    doctor->session = g_object_ref(session);
    doctor->gone = g_cancellable_new();
    doctor->widget = kl_setup_section(_("Doctor"), _("Looks at everything that a shift needs. It repairs nothing."));
    g_object_set_data_full(G_OBJECT(doctor->widget), "kl-doctor", doctor, doctor_free);
    g_signal_connect_swapped(doctor->widget, "destroy", G_CALLBACK(g_cancellable_cancel), doctor->gone);

    GtkWidget *head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
    doctor->summary = GTK_LABEL(gtk_label_new(NULL));
    g_object_set(doctor->summary, "xalign", 0.0, "hexpand", TRUE, NULL);
    doctor->spinner = GTK_SPINNER(gtk_spinner_new());
    doctor->again = gtk_button_new_with_mnemonic(_("Look _again"));
    g_signal_connect_swapped(doctor->again, "clicked", G_CALLBACK(examine), doctor);
    gtk_container_add(GTK_CONTAINER(head), GTK_WIDGET(doctor->summary));
    gtk_container_add(GTK_CONTAINER(head), GTK_WIDGET(doctor->spinner));
    gtk_container_add(GTK_CONTAINER(head), doctor->again);
    gtk_container_add(GTK_CONTAINER(doctor->widget), head);
    doctor->list = kl_setup_list(doctor->widget);
    g_signal_connect(doctor->widget, "map", G_CALLBACK(on_mapped), NULL);
    return doctor->widget;
}
