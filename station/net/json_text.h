/* JSON from outside, strictly: one object and nothing else. Pure. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The object that text is, immutable; NULL when it is not UTF-8, not JSON, not one object, or deeper than 32 levels
 * (the parser of json-glib recurses, and takes several values in a row for a document). */
JsonNode *kl_json_parse_object(const char *text, gsize length);

G_END_DECLS
