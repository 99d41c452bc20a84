/* Writes an invented sysfs. After a failure nothing more is written; kl_sim_tree_finish tells. */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct {
    GError *error;
} KlSimTree;

void kl_sim_tree_folder(KlSimTree *tree, const char *path);

/* The attribute DIR/NAME, with a line end, as in sysfs. */
void kl_sim_tree_write(KlSimTree *tree, const char *dir, const char *name, const char *format, ...) G_GNUC_PRINTF(4, 5);

void kl_sim_tree_write_bytes(KlSimTree *tree, const char *path, const guint8 *bytes, gsize len);

/* A FIFO, for a device node: the preload library makes it behave as one. */
void kl_sim_tree_fifo(KlSimTree *tree, const char *path, mode_t mode);

/* The link DIR/NAME to an absolute path; it is a relative one, as in sysfs. */
void kl_sim_tree_link(KlSimTree *tree, const char *dir, const char *name, const char *target);

/* FALSE with the first failure, a G_IO_ERROR. */
gboolean kl_sim_tree_finish(KlSimTree *tree, GError **error);

/* Removes what is there. */
void kl_sim_tree_remove(const char *path);

G_END_DECLS
