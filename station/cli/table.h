/* Tables for a terminal: columns as wide as their widest cell, every cell made safe. */
#pragma once

#include <stdio.h>

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlTable KlTable;

/* headings is NULL-terminated; one that starts with '>' makes its column right-aligned. An empty first heading makes a
 * table without a heading line. */
KlTable *kl_table_new(const char *const *headings);
void kl_table_free(KlTable *table);

/* Adds a row of as many cells as there are headings; NULL is shown as "-". Copies. */
void kl_table_add(KlTable *table, const char *const *cells);

/* Adds a row of a heading-less table of two columns: what and its value. */
void kl_table_add_pair(KlTable *table, const char *what, const char *value);

void kl_table_print(const KlTable *table, FILE *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlTable, kl_table_free)

G_END_DECLS
