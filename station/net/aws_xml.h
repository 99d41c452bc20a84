/* The XML of AWS's query protocol (STS) as JSON, so that it is read like the other services' answers. Pure. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* {"Response": {"Result": {"Account": "1234"}}} of <Response xmlns="..."><Result><Account>1234</Account>...: an element
 * with elements in it is an object (the last of equal names counts), any other is its text. Attributes, comments and
 * text between elements are left out. NULL: not well-formed, or deeper than 32 elements. */
JsonNode *kl_aws_xml_parse(const char *text, gsize length);

G_END_DECLS
