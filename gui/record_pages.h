/* The pages of records that a KlRecordModel keeps, least recently used ones thrown away, and those that it has to
 * fetch. A record is named by its age: 0 is the oldest found. Belongs to one thread. */
#pragma once

#include "station/record.h"

G_BEGIN_DECLS

#define KL_RECORD_PAGE_SIZE 100 /* records; a page holds ages [page * size, (page + 1) * size) */
#define KL_RECORD_PAGES_KEPT 32

typedef struct KlRecordPages KlRecordPages;

KlRecordPages *kl_record_pages_new(void);
void kl_record_pages_free(KlRecordPages *pages);

/* The record, or NULL when it is not there. Its page is then wanted, as it is when it is out of date. */
const KlRecord *kl_record_pages_get(KlRecordPages *pages, guint age);

/* Takes the records over (KlRecord, by age) as that page. */
void kl_record_pages_put(KlRecordPages *pages, guint page, GPtrArray *records);

/* Takes the page that was wanted last off the list of those wanted. FALSE when none is. */
gboolean kl_record_pages_wanted(KlRecordPages *pages, guint *page);

/* Records that were running may have ended: their pages are out of date. Returns these pages (guint). */
GArray *kl_record_pages_outdate(KlRecordPages *pages);

/* How many pages are kept. */
guint kl_record_pages_count(const KlRecordPages *pages);

G_END_DECLS
