/* Which build of the program runs. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The GNU build id that the linker has put into the program, lower-case hex; NULL when there is none. The caller frees.
 */
char *kl_build_id(void);

G_END_DECLS
