/* The head of a file in a tar file: POSIX ustar. Nothing in it is about this machine or its people. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KL_TAR_BLOCK 512

/* folder/name must have at most 99 bytes. size of 8 GiB and more: in base 256, as GNU tar writes it. */
void kl_tar_head(const char *folder, const char *name, guint64 size, gint64 time_s, guint8 head[KL_TAR_BLOCK]);

G_END_DECLS
