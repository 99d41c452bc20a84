#include "certs/der.h"

#include <string.h>

#define CLASS_AND_FORM 0xe0
#define CONSTRUCTED 0x20
#define TAG_NUMBER 0x1f
#define MAX_DEPTH 16

/* Universal tag numbers with rules of their own. */
enum {
    END_OF_CONTENTS = 0,
    BOOLEAN = 1,
    INTEGER = 2,
    BIT_STRING = 3,
    NULL_VALUE = 5,
    OBJECT_IDENTIFIER = 6,
    ENUMERATED = 10,
    SEQUENCE = 16,
    SET = 17,
};

/* Reads a definite, shortest-form length of at most 4 octets. */
static gboolean
read_length(const guint8 *data, gsize available, gsize *header, gsize *length)
{
    if (available < 2)
        return FALSE;
    guint8 first = data[1];
    if (first < 0x80) {
        *header = 2;
        *length = first;
        return TRUE;
    }
    gsize octets = first & 0x7f;
    if (octets == 0 || octets > 4 || available < 2 + octets || data[2] == 0)
        return FALSE;
    gsize value = 0;
    for (gsize i = 0; i < octets; i++)
        value = value << 8 | data[2 + i];
    if (value < 0x80)
        return FALSE;
    *header = 2 + octets;
    *length = value;
    return TRUE;
}

gboolean
kl_der_next(KlDer *cursor, KlDerItem *item)
{
    gsize header = 0, length = 0;
    if (cursor->length < 2 || (cursor->data[0] & TAG_NUMBER) == TAG_NUMBER)
        return FALSE;
    if (!read_length(cursor->data, cursor->length, &header, &length) || length > cursor->length - header)
        return FALSE;
    item->tag = cursor->data[0];
    item->whole = (KlDer){cursor->data, header + length};
    item->content = (KlDer){cursor->data + header, length};
    cursor->data += header + length;
    cursor->length -= header + length;
    return TRUE;
}

gboolean
kl_der_expect(KlDer *cursor, guint8 tag, KlDerItem *item)
{
    KlDerItem unused;
    return cursor->length > 0 && cursor->data[0] == tag && kl_der_next(cursor, item != NULL ? item : &unused);
}

gboolean
kl_der_is(KlDer der, const void *data, gsize length)
{
    return der.length == length && memcmp(der.data, data, length) == 0;
}

static const char *
integer_problem(KlDer content)
{
    if (content.length == 0)
        return "empty integer";
    if (content.length > 1 &&
        ((content.data[0] == 0x00 && content.data[1] < 0x80) || (content.data[0] == 0xff && content.data[1] >= 0x80)))
        return "integer with superfluous octets";
    return NULL;
}

static const char *
bit_string_problem(KlDer content)
{
    if (content.length == 0 || content.data[0] > 7 || (content.length == 1 && content.data[0] != 0))
        return "damaged bit string";
    if ((content.data[content.length - 1] & ((1u << content.data[0]) - 1)) != 0 && content.length > 1)
        return "bit string with unused bits set";
    return NULL;
}

static const char *
oid_problem(KlDer content)
{
    if (content.length == 0 || (content.data[content.length - 1] & 0x80) != 0)
        return "truncated object identifier";
    for (gsize i = 0; i < content.length; i++) {
        gboolean starts_arc = i == 0 || (content.data[i - 1] & 0x80) == 0;
        if (starts_arc && content.data[i] == 0x80)
            return "object identifier with superfluous octets";
    }
    return NULL;
}

static const char *
primitive_problem(guint8 number, KlDer content)
{
    switch (number) {
    case END_OF_CONTENTS:
        return "end-of-contents outside indefinite length";
    case BOOLEAN:
        return content.length == 1 && (content.data[0] == 0 || content.data[0] == 0xff) ? NULL : "damaged boolean";
    case INTEGER:
    case ENUMERATED:
        return integer_problem(content);
    case BIT_STRING:
        return bit_string_problem(content);
    case NULL_VALUE:
        return content.length == 0 ? NULL : "NULL with content";
    case OBJECT_IDENTIFIER:
        return oid_problem(content);
    case SEQUENCE:
    case SET:
        return "primitive sequence or set";
    default:
        return NULL;
    }
}

static const char *
values_problem(KlDer content, guint depth)
{
    KlDerItem item;
    if (depth > MAX_DEPTH)
        return "nested too deeply";
    while (content.length > 0) {
        if (!kl_der_next(&content, &item))
            return "bad tag or length, or truncated";
        gboolean constructed = (item.tag & CONSTRUCTED) != 0;
        gboolean universal = (item.tag & CLASS_AND_FORM & ~CONSTRUCTED) == 0;
        guint8 number = item.tag & TAG_NUMBER;
        if (constructed && universal && number != SEQUENCE && number != SET)
            return "string in pieces";
        const char *problem = NULL;
        if (constructed)
            problem = values_problem(item.content, depth + 1);
        else if (universal)
            problem = primitive_problem(number, item.content);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

const char *
kl_der_problem(const guint8 *data, gsize length)
{
    KlDer cursor = {data, length};
    KlDerItem item;
    if (length == 0)
        return "empty";
    if (!kl_der_next(&cursor, &item))
        return "bad tag or length, or truncated";
    if (cursor.length > 0)
        return "octets after the end";
    return values_problem(item.whole, 0);
}
