#include "gui/record_pages.h"

/* More than a view shows at once: what was wanted before is scrolled away. */
#define WANTED_MAX 4

typedef struct {
    GPtrArray *records;
    guint64 used; /* when it was last looked at, in looks */
    gboolean outdated;
} Page;

struct KlRecordPages {
    GHashTable *kept; /* page number: Page */
    guint64 looks;
    GArray *wanted; /* guint, the last one first to be fetched */
};

static void
page_free(gpointer data)
{
    Page *page = data;
    g_ptr_array_unref(page->records);
    g_free(page);
}

KlRecordPages *
kl_record_pages_new(void)
{
    KlRecordPages *pages = g_new0(KlRecordPages, 1);
    pages->kept = g_hash_table_new_full(NULL, NULL, NULL, page_free);
    pages->wanted = g_array_new(FALSE, FALSE, sizeof(guint));
    return pages;
}

void
kl_record_pages_free(KlRecordPages *pages)
{
    g_hash_table_unref(pages->kept);
    g_array_unref(pages->wanted);
    g_free(pages);
}

static void
forget_want(KlRecordPages *pages, guint number)
{
    for (guint i = pages->wanted->len; i > 0; i--) {
        if (g_array_index(pages->wanted, guint, i - 1) == number)
            g_array_remove_index(pages->wanted, i - 1);
    }
}

static void
want(KlRecordPages *pages, guint number)
{
    forget_want(pages, number);
    g_array_append_val(pages->wanted, number);
    if (pages->wanted->len > WANTED_MAX)
        g_array_remove_index(pages->wanted, 0);
}

const KlRecord *
kl_record_pages_get(KlRecordPages *pages, guint age)
{
    guint number = age / KL_RECORD_PAGE_SIZE, place = age % KL_RECORD_PAGE_SIZE;
    Page *page = g_hash_table_lookup(pages->kept, GUINT_TO_POINTER(number));
    gboolean there = page != NULL && place < page->records->len;
    if (!there || page->outdated)
        want(pages, number);
    if (page != NULL)
        page->used = ++pages->looks;
    return there ? page->records->pdata[place] : NULL;
}

static void
drop_oldest(KlRecordPages *pages)
{
    GHashTableIter iter;
    gpointer number, page, oldest = NULL;
    guint64 used = G_MAXUINT64;
    g_hash_table_iter_init(&iter, pages->kept);
    while (g_hash_table_iter_next(&iter, &number, &page)) {
        if (((Page *)page)->used < used) {
            used = ((Page *)page)->used;
            oldest = number;
        }
    }
    g_hash_table_remove(pages->kept, oldest);
}

void
kl_record_pages_put(KlRecordPages *pages, guint number, GPtrArray *records)
{
    Page *page = g_new0(Page, 1);
    page->records = records;
    page->used = ++pages->looks;
    g_hash_table_replace(pages->kept, GUINT_TO_POINTER(number), page);
    forget_want(pages, number);
    if (g_hash_table_size(pages->kept) > KL_RECORD_PAGES_KEPT)
        drop_oldest(pages);
}

gboolean
kl_record_pages_wanted(KlRecordPages *pages, guint *page)
{
    if (pages->wanted->len == 0)
        return FALSE;
    *page = g_array_index(pages->wanted, guint, pages->wanted->len - 1);
    g_array_set_size(pages->wanted, pages->wanted->len - 1);
    return TRUE;
}

static gboolean
has_running(const Page *page)
{
    for (guint i = 0; i < page->records->len; i++) {
        if (((const KlRecord *)page->records->pdata[i])->outcome == KL_OUTCOME_RUNNING)
            return TRUE;
    }
    return FALSE;
}

GArray *
kl_record_pages_outdate(KlRecordPages *pages)
{
    GArray *outdated = g_array_new(FALSE, FALSE, sizeof(guint));
    GHashTableIter iter;
    gpointer number, page;
    g_hash_table_iter_init(&iter, pages->kept);
    while (g_hash_table_iter_next(&iter, &number, &page)) {
        if (!has_running(page))
            continue;
        ((Page *)page)->outdated = TRUE;
        guint value = GPOINTER_TO_UINT(number);
        g_array_append_val(outdated, value);
    }
    return outdated;
}

guint
kl_record_pages_count(const KlRecordPages *pages)
{
    return g_hash_table_size(pages->kept);
}
