/* A report as a file. None of these needs a display. */
#pragma once

#include "gui/report.h"

G_BEGIN_DECLS

typedef enum { KL_REPORT_PDF, KL_REPORT_CSV, KL_REPORT_JSON, KL_REPORT_FORMAT_N } KlReportFormat;

/* "pdf", "csv", "json": the file name's ending. Static. */
const char *kl_report_format_ending(KlReportFormat format);

/* One table (RFC 4180, UTF-8): section, item, measure, value, a line a number; numbers with a decimal point whatever
 * the language. Times are UTC. */
GBytes *kl_report_csv(const KlReport *report);

/* One object: the head, "figures", "hours", "failures", "steps", and "work_order_progress" when there is a target.
 * Times are UTC (RFC 3339), durations are seconds. */
GBytes *kl_report_json(const KlReport *report);

/* One A4 page: figures, charts, failures with their remedies. NULL with INTERNAL when cairo can't draw it. Main thread.
 */
GBytes *kl_report_pdf(const KlReport *report, GError **error);

/* Writes the report; a file that is there is replaced as a whole or not at all. FALSE with FILE_FAILED. */
gboolean kl_report_save(const KlReport *report, KlReportFormat format, const char *path, GError **error);

/* A name for the file, without its folder: "keyline-S1-7-days-2026-11-21.pdf". The caller frees. */
char *kl_report_file_name(const KlReport *report, KlReportFormat format);

G_END_DECLS
