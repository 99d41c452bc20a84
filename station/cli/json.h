/* JSON on stdout: one document a run. Keys are stable; a value that is not known is null. */
#pragma once

#include <glib-object.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* One member each, in the object that is open in the builder. Text that is not UTF-8 is made so. */
void kl_json_string(JsonBuilder *builder, const char *key, const char *value);
void kl_json_int(JsonBuilder *builder, const char *key, gint64 value);
void kl_json_double(JsonBuilder *builder, const char *key, double value);
void kl_json_bool(JsonBuilder *builder, const char *key, gboolean value);
/* UTC microseconds since 1970 as an ISO 8601 string; 0 is null. */
void kl_json_time(JsonBuilder *builder, const char *key, gint64 time_us);

/* Opens an array as a member of the open object; end it with json_builder_end_array. */
void kl_json_array(JsonBuilder *builder, const char *key);

/* Prints what was built, with a final newline. */
void kl_json_print(JsonBuilder *builder);

G_END_DECLS
