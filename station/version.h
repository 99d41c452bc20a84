/* Which program this is. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Prints what --version tells: "NAME VERSION", behind it "build" and what it was built from, as packages and ./dev
 * build say it ("0.1.0-1", "a1b2c3d"), and on a line of its own the build id that the journal keeps of each start. */
void kl_version_print(const char *program);

G_END_DECLS
