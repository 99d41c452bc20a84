#include "station/net/json_text.h"

#include <string.h>

#define DEPTH_MAX 32

/* The end of the string that begins at text[at]: behind its closing quote, or length. */
static gsize
skip_string(const char *text, gsize length, gsize at)
{
    for (at++; at < length && text[at] != '"'; at++)
        at += text[at] == '\\';
    return MIN(at + 1, length);
}

/* TRUE when text is a brace, what belongs to it, and its closing brace, with blanks around it. */
static gboolean
is_one_object(const char *text, gsize length)
{
    guint depth = 0;
    gsize at = 0;
    while (at < length && strchr(" \t\r\n", text[at]) != NULL)
        at++;
    if (at == length || text[at] != '{')
        return FALSE;
    do {
        if (text[at] == '"') {
            at = skip_string(text, length, at);
            continue;
        }
        depth += text[at] == '{' || text[at] == '[';
        depth -= text[at] == '}' || text[at] == ']';
        at++;
    } while (at < length && depth > 0 && depth <= DEPTH_MAX);
    while (at < length && strchr(" \t\r\n", text[at]) != NULL)
        at++;
    return depth == 0 && at == length;
}

JsonNode *
kl_json_parse_object(const char *text, gsize length)
{
    if (!g_utf8_validate(text, (gssize)length, NULL) || !is_one_object(text, length))
        return NULL;
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    if (!json_parser_load_from_data(parser, text, (gssize)length, NULL))
        return NULL;
    g_autoptr(JsonNode) root = json_parser_steal_root(parser);
    return root != NULL && JSON_NODE_HOLDS_OBJECT(root) ? g_steal_pointer(&root) : NULL;
}
