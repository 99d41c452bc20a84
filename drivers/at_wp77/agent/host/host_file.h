/* A unit's folder on a host: one flat folder of small files, each replaced atomically. Every function but the first
 * two returns 0 or an errno. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Opens (makes, if need be) the folder with mode 0700, takes its lock and removes what a power cut left half-written.
 * Returns its handle, for kl_host_folder_close(), or -1 with a G_IO_ERROR; G_IO_ERROR_BUSY when another agent has the
 * folder. */
int kl_host_folder_open(const char *path, GError **error);

/* Gives its lock up at once, also when a child that is just being started still has the handle. */
void kl_host_folder_close(int folder);

/* Replaces a file, mode 0600: written under another name, synced, renamed, the folder synced. When it fails or power is
 * cut, the file is the old one or the new one, whole. */
int kl_host_file_write(int folder, const char *name, const void *bytes, gsize len);

/* Reads a whole file of at most cap bytes. ENOENT when it is not there, EFBIG when it is larger. */
int kl_host_file_read(int folder, const char *name, void *bytes, gsize cap, gsize *len);

/* Removes a file durably; ENOENT when it is not there. */
int kl_host_file_delete(int folder, const char *name);

/* The names in the folder that begin with prefix and end with suffix, without both, sorted. */
int kl_host_folder_list(int folder, const char *prefix, const char *suffix, GPtrArray **names);

G_END_DECLS
