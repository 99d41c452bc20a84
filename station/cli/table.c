#include "station/cli/table.h"

#include "station/cli/text.h"

struct KlTable {
    guint columns;
    gboolean *right;
    gboolean with_heading;
    GPtrArray *rows; /* char **, each of columns cells; the headings first */
};

KlTable *
kl_table_new(const char *const *headings)
{
    KlTable *table = g_new0(KlTable, 1);
    table->columns = g_strv_length((char **)headings);
    table->right = g_new0(gboolean, table->columns);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    table->with_heading = headings[0][0] != '\0';

    char **names = g_new0(char *, table->columns + 1);
    for (guint i = 0; i < table->columns; i++) {
        table->right[i] = headings[i][0] == '>';
        names[i] = g_strdup(headings[i] + (table->right[i] ? 1 : 0));
    }
    g_ptr_array_add(table->rows, names);
    return table;
}

void
kl_table_free(KlTable *table)
{
    if (table == NULL)
        return;
    g_ptr_array_unref(table->rows);
    g_free(table->right);
    g_free(table);
}

void
kl_table_add(KlTable *table, const char *const *cells)
{
    char **row = g_new0(char *, table->columns + 1);
    for (guint i = 0; i < table->columns; i++)
        row[i] = kl_text_safe(cells[i]);
    g_ptr_array_add(table->rows, row);
}

void
kl_table_add_pair(KlTable *table, const char *what, const char *value)
{
    g_return_if_fail(table->columns == 2);
    kl_table_add(table, (const char *const[]){what, value});
}

static guint *
column_widths(const KlTable *table)
{
    guint *widths = g_new0(guint, table->columns);
    for (guint r = 0; r < table->rows->len; r++) {
        char **row = table->rows->pdata[r];
        for (guint i = 0; i < table->columns; i++)
            widths[i] = MAX(widths[i], kl_text_width(row[i]));
    }
    return widths;
}

void
kl_table_print(const KlTable *table, FILE *file)
{
    g_autofree guint *widths = column_widths(table);
    for (guint r = table->with_heading ? 0 : 1; r < table->rows->len; r++) {
        char **row = table->rows->pdata[r];
        g_autoptr(GString) line = g_string_new(NULL);
        for (guint i = 0; i < table->columns; i++) {
            int padding = (int)(widths[i] - kl_text_width(row[i]));
            if (table->right[i])
                g_string_append_printf(line, "%*s%s  ", padding, "", row[i]);
            else
                g_string_append_printf(line, "%s%*s  ", row[i], padding, "");
        }
        fprintf(file, "%s\n", g_strchomp(line->str));
    }
}
