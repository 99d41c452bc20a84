#include "db/audit_scan.h"

#include <string.h>

#define NUMBER_MAX ((G_GINT64_CONSTANT(1) << 53) - 1)
#define NUMBER_DIGITS_MAX 16

/* Goes over bytes that are not known to be anything yet. Every step moves at on, never beyond end. */
typedef struct {
    const guint8 *at;
    const guint8 *end;
} Scan;

gboolean
kl_audit_span_is(KlAuditSpan span, const char *bytes, gsize length)
{
    return span.at != NULL && span.length == length && memcmp(span.at, bytes, length) == 0;
}

static gboolean
take(Scan *s, char c)
{
    if (s->at == s->end || *s->at != (guint8)c)
        return FALSE;
    s->at++;
    return TRUE;
}

static gboolean
take_word(Scan *s, const char *word, gsize length)
{
    if ((gsize)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
        return FALSE;
    s->at += length;
    return TRUE;
}

/* One character of more than one byte, well-formed by Unicode's table 3-7: nothing overlong, no surrogates. */
static gboolean
take_wide(Scan *s)
{
    const guint8 *p = s->at;
    gsize left = (gsize)(s->end - p);
    gsize length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < length)
        return FALSE;
    guint8 low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    guint8 high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return FALSE;
    for (gsize i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return FALSE;
    }
    s->at += length;
    return TRUE;
}

/* Behind a backslash: the one way in which JCS escapes that character. */
static gboolean
take_escape(Scan *s)
{
    if (s->at == s->end)
        return FALSE;
    if (*s->at != 'u')
        return strchr("\"\\bfnrt", *s->at) != NULL && *s->at++ != '\0';
    if (!take_word(s, "u00", 3) || s->end - s->at < 2)
        return FALSE;
    guint8 high = s->at[0], low = s->at[1];
    if ((high != '0' && high != '1') || !g_ascii_isxdigit(low) || g_ascii_isupper(low))
        return FALSE;
    if (high == '0' && strchr("89acd", low) != NULL)
        return FALSE;
    s->at += 2;
    return TRUE;
}

static gboolean
take_string(Scan *s)
{
    if (!take(s, '"'))
        return FALSE;
    while (s->at < s->end) {
        guint8 c = *s->at;
        if (c >= 0x80) {
            if (!take_wide(s))
                return FALSE;
            continue;
        }
        if (c < 0x20)
            return FALSE;
        s->at++;
        if (c == '"')
            return TRUE;
        if (c == '\\' && !take_escape(s))
            return FALSE;
    }
    return FALSE;
}

static gboolean
take_number(Scan *s)
{
    gboolean negative = take(s, '-');
    const guint8 *digits = s->at;
    gint64 number = 0;
    while (s->at < s->end && g_ascii_isdigit(*s->at) && s->at - digits < NUMBER_DIGITS_MAX)
        number = number * 10 + (*s->at++ - '0');
    if (s->at == digits || (s->at < s->end && g_ascii_isdigit(*s->at)))
        return FALSE;
    if (digits[0] == '0' && (s->at - digits > 1 || negative))
        return FALSE;
    return number <= NUMBER_MAX;
}

static gboolean
take_name(Scan *s, KlAuditSpan *name)
{
    if (!take(s, '"'))
        return FALSE;
    name->at = (const char *)s->at;
    while (s->at < s->end && (g_ascii_islower(*s->at) || g_ascii_isdigit(*s->at) || *s->at == '_'))
        s->at++;
    name->length = (gsize)((const char *)s->at - name->at);
    return name->length > 0 && take(s, '"') && take(s, ':');
}

/* Negative, 0 or positive as a stands before, at or behind b in the order of their bytes. */
static int
compare(KlAuditSpan a, KlAuditSpan b)
{
    int order = memcmp(a.at, b.at, MIN(a.length, b.length));
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static gboolean take_value(Scan *s, guint depth);

static gboolean
take_object(Scan *s, guint depth)
{
    KlAuditSpan before = {NULL, 0}, name;
    if (!take(s, '{'))
        return FALSE;
    if (take(s, '}'))
        return TRUE;
    do {
        if (!take_name(s, &name) || (before.at != NULL && compare(before, name) >= 0) || !take_value(s, depth))
            return FALSE;
        before = name;
    } while (take(s, ','));
    return take(s, '}');
}

static gboolean
take_array(Scan *s, guint depth)
{
    if (!take(s, '['))
        return FALSE;
    if (take(s, ']'))
        return TRUE;
    do {
        if (!take_value(s, depth))
            return FALSE;
    } while (take(s, ','));
    return take(s, ']');
}

/* depth: in how many objects and arrays it stands. */
static gboolean
take_value(Scan *s, guint depth)
{
    if (s->at == s->end)
        return FALSE;
    switch (*s->at) {
    case '"':
        return take_string(s);
    case '{':
        return depth < KL_AUDIT_SCAN_DEPTH && take_object(s, depth + 1);
    case '[':
        return depth < KL_AUDIT_SCAN_DEPTH && take_array(s, depth + 1);
    case 't':
        return take_word(s, "true", 4);
    case 'f':
        return take_word(s, "false", 5);
    default:
        return take_number(s);
    }
}

gboolean
kl_audit_scan_object(const char *bytes, gsize length)
{
    Scan s = {(const guint8 *)bytes, (const guint8 *)bytes + length};
    return s.at < s.end && *s.at == '{' && take_value(&s, 0) && s.at == s.end;
}

/* What follows was scanned once: only where things end is looked for. */

static Scan
scan_of(KlAuditSpan span)
{
    return (Scan){(const guint8 *)span.at, (const guint8 *)span.at + span.length};
}

static gboolean
take_whole(Scan *s, KlAuditSpan *value)
{
    value->at = (const char *)s->at;
    gboolean ok = take_value(s, 0);
    value->length = (gsize)((const char *)s->at - value->at);
    return ok;
}

static void
go_on(KlAuditSpan *span, const Scan *s)
{
    *span = (KlAuditSpan){(const char *)s->at, (gsize)(s->end - s->at)};
}

gboolean
kl_audit_scan_member(KlAuditSpan *span, KlAuditSpan *name, KlAuditSpan *value)
{
    if (span->at == NULL)
        return FALSE;
    Scan s = scan_of(*span);
    if ((!take(&s, '{') && !take(&s, ',')) || !take_name(&s, name) || !take_whole(&s, value))
        return FALSE;
    go_on(span, &s);
    return TRUE;
}

gboolean
kl_audit_scan_element(KlAuditSpan *span, KlAuditSpan *value)
{
    if (span->at == NULL)
        return FALSE;
    Scan s = scan_of(*span);
    if ((!take(&s, '[') && !take(&s, ',')) || !take_whole(&s, value))
        return FALSE;
    go_on(span, &s);
    return TRUE;
}

KlAuditSpan
kl_audit_scan_find(KlAuditSpan object, const char *name)
{
    KlAuditSpan member, value;
    while (kl_audit_scan_member(&object, &member, &value)) {
        if (kl_audit_span_is(member, name, strlen(name)))
            return value;
    }
    return (KlAuditSpan){NULL, 0};
}

gboolean
kl_audit_scan_number(KlAuditSpan value, gint64 *number)
{
    if (value.at == NULL)
        return FALSE;
    Scan s = scan_of(value);
    gboolean negative = take(&s, '-');
    gint64 sum = 0;
    if (s.at == s.end || value.length > NUMBER_DIGITS_MAX + 1)
        return FALSE;
    for (; s.at < s.end; s.at++) {
        if (!g_ascii_isdigit(*s.at))
            return FALSE;
        sum = sum * 10 + (*s.at - '0');
    }
    *number = negative ? -sum : sum;
    return TRUE;
}

KlAuditSpan
kl_audit_scan_raw(KlAuditSpan value)
{
    if (value.at == NULL || value.length < 2 || value.at[0] != '"')
        return (KlAuditSpan){NULL, 0};
    return (KlAuditSpan){value.at + 1, value.length - 2};
}

char *
kl_audit_scan_text(KlAuditSpan value)
{
    static const char short_escapes[] = "b\bf\fn\nr\rt\t\"\"\\\\";
    KlAuditSpan raw = kl_audit_scan_raw(value);
    if (raw.at == NULL)
        return NULL;
    g_autofree char *text = g_malloc(raw.length + 1);
    gsize length = 0;
    for (gsize i = 0; i < raw.length; i++) {
        if (raw.at[i] != '\\') {
            text[length++] = raw.at[i];
            continue;
        }
        i++;
        if (raw.at[i] != 'u') {
            const char *found = strchr(short_escapes, raw.at[i]);
            text[length++] = found[1];
            continue;
        }
        char c = (char)(g_ascii_xdigit_value(raw.at[i + 3]) << 4 | g_ascii_xdigit_value(raw.at[i + 4]));
        if (c == '\0')
            return NULL;
        text[length++] = c;
        i += 4;
    }
    text[length] = '\0';
    return g_steal_pointer(&text);
}

/* --- events --- */

/* A string that stands for itself: nothing in it is escaped. */
static gboolean
take_plain(Scan *s, KlAuditSpan *raw)
{
    KlAuditSpan value;
    if (!take_whole(s, &value))
        return FALSE;
    *raw = kl_audit_scan_raw(value);
    return raw->at != NULL && raw->length > 0 && memchr(raw->at, '\\', raw->length) == NULL;
}

static gboolean
take_positive(Scan *s, gint64 *number)
{
    KlAuditSpan value;
    return take_whole(s, &value) && kl_audit_scan_number(value, number) && *number > 0;
}

static gboolean
take_salt(Scan *s)
{
    KlAuditSpan salt;
    if (!take_plain(s, &salt) || salt.length != 32)
        return FALSE;
    for (gsize i = 0; i < salt.length; i++) {
        if (!g_ascii_isxdigit(salt.at[i]) || g_ascii_isupper(salt.at[i]))
            return FALSE;
    }
    return TRUE;
}

#define TAKE(s, words) take_word((s), (words), sizeof(words) - 1)

gboolean
kl_audit_scan_event(const char *bytes, gsize length, KlAuditEvent *event)
{
    Scan s = {(const guint8 *)bytes, (const guint8 *)bytes + length};
    *event = (KlAuditEvent){0};
    if (!TAKE(&s, "{\"data\":"))
        return FALSE;
    event->data.at = (const char *)s.at;
    if (!take_object(&s, 2))
        return FALSE;
    event->data.length = (gsize)((const char *)s.at - event->data.at);
    return (!TAKE(&s, ",\"imei\":") || take_plain(&s, &event->imei)) &&
           (!TAKE(&s, ",\"job\":") || take_plain(&s, &event->job)) && TAKE(&s, ",\"n\":") &&
           take_positive(&s, &event->n) && TAKE(&s, ",\"salt\":") && take_salt(&s) && TAKE(&s, ",\"time_us\":") &&
           take_positive(&s, &event->time_us) && TAKE(&s, ",\"type\":") && take_plain(&s, &event->type) &&
           TAKE(&s, "}") && s.at == s.end;
}
