/* What reading a profile and using it have in common. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Compiles a profile's label pattern so that it matches whole scans only, within a bounded number of steps. NULL with
 * GRegex's error. */
GRegex *kl_label_regex(const char *pattern, GError **error);

G_END_DECLS
