/* Reads canonical JSON (AUDIT-FORMAT.md) where it stands: strict, bounded, without memory of its own. What is not the
 * one canonical form of a value is refused: from bytes that pass, everybody reads the same. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Nested deeper than so is no canonical JSON. */
#define KL_AUDIT_SCAN_DEPTH 32

/* Bytes that stand in the text that was scanned. */
typedef struct {
    const char *at;
    gsize length;
} KlAuditSpan;

#define KL_AUDIT_SPAN(text) ((KlAuditSpan){(text), sizeof(text) - 1})

gboolean kl_audit_span_is(KlAuditSpan span, const char *bytes, gsize length);

/* TRUE when the bytes are one canonical object, and nothing else. */
gboolean kl_audit_scan_object(const char *bytes, gsize length);

/* The members of a canonical object, in order: span is what kl_audit_scan_object() has passed, or a member of that.
 * Sets *name (without quotes) and *value (as it stands). FALSE: no more. Begin with span->at on the brace. */
gboolean kl_audit_scan_member(KlAuditSpan *span, KlAuditSpan *name, KlAuditSpan *value);

/* The elements of a canonical array, the same way. */
gboolean kl_audit_scan_element(KlAuditSpan *span, KlAuditSpan *value);

/* A member by its name; at NULL: there is none. */
KlAuditSpan kl_audit_scan_find(KlAuditSpan object, const char *name);

/* The value, if it is a number. */
gboolean kl_audit_scan_number(KlAuditSpan value, gint64 *number);

/* What stands between the quotes, escapes as they are; at NULL: it is no string. */
KlAuditSpan kl_audit_scan_raw(KlAuditSpan value);

/* The text that a string stands for; the caller frees. NULL: it is no string, or has U+0000 in it. */
char *kl_audit_scan_text(KlAuditSpan value);

/* An event's members. Strings without quotes; at NULL: the event has no such member. */
typedef struct {
    KlAuditSpan data;
    KlAuditSpan imei;
    KlAuditSpan job;
    KlAuditSpan type;
    gint64 n;
    gint64 time_us;
} KlAuditEvent;

/* TRUE when the bytes are an event as the format has it: these members and salt, and no other. */
gboolean kl_audit_scan_event(const char *bytes, gsize length, KlAuditEvent *event);

G_END_DECLS
