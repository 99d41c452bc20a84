/* Members of JSON objects that come from outside, whatever they may be there. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* NULL when there is none of that name, or it is no text. It belongs to the object. */
static inline const char *
kl_member_text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

/* 0 when there is none of that name, or it is no whole number. */
static inline gint64
kl_member_number(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;
}

/* NULL when there is none of that name, or it is no object. It belongs to the object around it. */
static inline JsonObject *
kl_member_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

G_END_DECLS
