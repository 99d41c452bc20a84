/* CSV (RFC 4180, UTF-8) that a spreadsheet may open. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Appends a field: quoted where RFC 4180 demands it, defused where a spreadsheet would calculate it (an apostrophe is
 * put before the text). What is not UTF-8 is made so. NULL is empty. */
void kl_csv_field(GString *line, const char *text);

G_END_DECLS
