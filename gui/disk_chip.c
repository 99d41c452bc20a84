#include "gui/disk_chip.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "gui/chip.h"
#include "gui/i18n.h"

struct _KlDiskChip {
    GtkLabel parent_instance;
    char *dir;
    guint timer;
};

G_DEFINE_FINAL_TYPE(KlDiskChip, kl_disk_chip, GTK_TYPE_LABEL)

#define EVERY_S 30
#define WARN_BYTES ((gint64)1 << 30)
#define BAD_BYTES ((gint64)100 << 20)

static void
kl_disk_chip_dispose(GObject *object)
{
    KlDiskChip *self = KL_DISK_CHIP(object);
    g_clear_handle_id(&self->timer, g_source_remove);
    G_OBJECT_CLASS(kl_disk_chip_parent_class)->dispose(object);
}

static void
kl_disk_chip_finalize(GObject *object)
{
    g_free(KL_DISK_CHIP(object)->dir);
    G_OBJECT_CLASS(kl_disk_chip_parent_class)->finalize(object);
}

static void
kl_disk_chip_class_init(KlDiskChipClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = kl_disk_chip_dispose;
    G_OBJECT_CLASS(klass)->finalize = kl_disk_chip_finalize;
}

static void
kl_disk_chip_init(KlDiskChip *self)
{
}

static void
show(KlDiskChip *self, const char *text, KlChipLevel level)
{
    gtk_label_set_text(GTK_LABEL(self), text);
    kl_chip_set_level(GTK_WIDGET(self), level);
}

static void
look(GTask *task, gpointer source, gpointer dir, GCancellable *cancel)
{
    struct statvfs disk;
    if (statvfs(dir, &disk) == 0)
        g_task_return_int(task, (gssize)MIN((guint64)disk.f_bavail * disk.f_frsize, (guint64)G_MAXSSIZE));
    else
        g_task_return_new_error(task, G_IO_ERROR, g_io_error_from_errno(errno), "statvfs: %s", g_strerror(errno));
}

static void
looked(GObject *source, GAsyncResult *result, gpointer data)
{
    KlDiskChip *self = KL_DISK_CHIP(source);
    g_autoptr(GError) error = NULL;
    gint64 left = g_task_propagate_int(G_TASK(result), &error);
    if (error != NULL) {
        show(self, _("Disk unreadable"), KL_CHIP_BAD);
        return;
    }
    g_autofree char *size = g_format_size((guint64)left);
    g_autofree char *text = g_strdup_printf(_("Disk · %s free"), size);
    show(self, text, left < BAD_BYTES ? KL_CHIP_BAD : left < WARN_BYTES ? KL_CHIP_WARN : KL_CHIP_OK);
}

static gboolean
refresh(gpointer data)
{
    KlDiskChip *self = data;
    g_autoptr(GTask) task = g_task_new(self, NULL, looked, NULL);
    g_task_set_task_data(task, g_strdup(self->dir), g_free);
    g_task_run_in_thread(task, look);
    return G_SOURCE_CONTINUE;
}

GtkWidget *
kl_disk_chip_new(const char *dir)
{
    KlDiskChip *self = g_object_new(KL_TYPE_DISK_CHIP, "visible", TRUE, NULL);
    self->dir = g_strdup(dir);
    self->timer = g_timeout_add_seconds(EVERY_S, refresh, self);
    show(self, _("Disk"), KL_CHIP_OK);
    refresh(self);
    return GTK_WIDGET(self);
}
