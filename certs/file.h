/* The CA folder's files: read with a limit, written so that a power cut leaves the old file or the new one. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/error.h"

G_BEGIN_DECLS

#define KL_FILE_MAX_SIZE 65536
#define KL_KEY_FILE_MAX_SIZE 16384

/* Opens and reads a whole file of at most KL_FILE_MAX_SIZE bytes. CA_MISSING, CA_UNREADABLE. */
BIO *kl_file_read(const char *path, GError **error);

/* The same for a key of at most KL_KEY_FILE_MAX_SIZE bytes, into memory from OpenSSL's secure heap that is wiped when
 * freed. Refuses a file that anybody but its owner may read or write (CA_KEY_EXPOSED). */
BIO *kl_file_read_key(const char *path, GError **error);

/* Writes data to a new file beside path, flushes it to the disk and renames it to path. replace FALSE: CA_EXISTS when
 * path is there already, also when another program is quicker. STORE_FULL, STORE_READ_ONLY, STORE_FAILED. */
gboolean kl_file_write(const char *path, const void *data, gsize length, mode_t mode, gboolean replace, GError **error);

/* Makes the folder, or takes the existing one, for the owner only (0700). STORE_*. */
gboolean kl_file_private_folder(const char *path, GError **error);

G_END_DECLS
