/* What reading a profile and using it have in common. */
#pragma once

#include "station/profile.h"
#include "station/profile_reader.h"

G_BEGIN_DECLS

/* Compiles a profile's label pattern so that it matches whole scans only, within a bounded number of steps. NULL with
 * GRegex's error. */
GRegex *kl_label_regex(const char *pattern, GError **error);

/* Reads [install] trust= and the file that it names. In profile_first_boot.c, as the next. */
gboolean kl_profile_read_trust(KlProfile *profile, const KlReader *reader);

/* Reads [rehearsal]; after the parameters. */
gboolean kl_profile_read_rehearsal(KlProfile *profile, const KlReader *reader);

G_END_DECLS
