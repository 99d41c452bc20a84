/* Records as a file for other programs: CSV for spreadsheets, JSON for programs. Written page by page, in constant
 * memory. */
#pragma once

#include <gio/gio.h>

#include "station/store.h"

G_BEGIN_DECLS

typedef enum { KL_EXPORT_CSV, KL_EXPORT_JSON } KlExportFormat;

/* Blocks: use it in a thread. Writes the records with these numbers, in this order.
 * CSV (RFC 4180, UTF-8, CRLF): a heading line, then one line a record; text that a spreadsheet would take for a formula
 * has an apostrophe put before it. JSON: {"records": [...]}, keys as in the command line's listings, null for what is
 * not known, times in ISO 8601 UTC.
 * progress (may be NULL) gets the fraction done, on the calling thread. Errors: those of the store, of the stream,
 * G_IO_ERROR_CANCELLED. The stream stays open. */
gboolean kl_export_records(KlStore *store, const gint64 *numbers, gsize n_numbers, KlExportFormat format,
                           GOutputStream *stream, void (*progress)(double fraction, gpointer data), gpointer data,
                           GCancellable *cancel, GError **error);

/* The same into a file, which is replaced only when everything was written. */
gboolean kl_export_file(KlStore *store, const gint64 *numbers, gsize n_numbers, KlExportFormat format, GFile *file,
                        void (*progress)(double fraction, gpointer data), gpointer data, GCancellable *cancel,
                        GError **error);

G_END_DECLS
