#include "station/net/aws_xml.h"

#define DEPTH_MAX 32

/* An element that is open. */
typedef struct {
    JsonObject *members; /* NULL until it has an element in it */
    GString *text;
} Element;

typedef struct {
    Element open[DEPTH_MAX + 1]; /* [0] stands for the document */
    guint depth;
} Document;

static void
on_start(GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer data,
         GError **error)
{
    Document *document = data;
    if (document->depth == DEPTH_MAX) {
        g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too deep");
        return;
    }
    document->open[++document->depth] = (Element){NULL, g_string_new(NULL)};
}

static void
on_end(GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
    Document *document = data;
    Element *element = &document->open[document->depth];
    Element *parent = &document->open[--document->depth];
    if (parent->members == NULL)
        parent->members = json_object_new();
    if (element->members != NULL)
        json_object_set_object_member(parent->members, name, element->members);
    else
        json_object_set_string_member(parent->members, name, element->text->str);
    g_string_free(element->text, TRUE);
    *element = (Element){NULL, NULL};
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
    Document *document = data;
    if (document->depth > 0)
        g_string_append_len(document->open[document->depth].text, text, (gssize)length);
}

static void
document_clear(Document *document)
{
    for (guint i = 0; i <= document->depth; i++) {
        if (document->open[i].members != NULL)
            json_object_unref(document->open[i].members);
        if (document->open[i].text != NULL)
            g_string_free(document->open[i].text, TRUE);
    }
}

JsonNode *
kl_aws_xml_parse(const char *text, gsize length)
{
    static const GMarkupParser parser = {.start_element = on_start, .end_element = on_end, .text = on_text};
    Document document = {.depth = 0};
    g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&parser, 0, &document, NULL);
    gboolean whole = g_markup_parse_context_parse(context, text, (gssize)length, NULL) &&
                     g_markup_parse_context_end_parse(context, NULL);
    JsonNode *node = NULL;
    if (whole && document.open[0].members != NULL) {
        node = json_node_new(JSON_NODE_OBJECT);
        json_node_set_object(node, document.open[0].members);
    }
    document_clear(&document);
    return node;
}
