/* Canonical JSON and events: what is taken has exactly one form, and whoever walks over it stays within it. */
#include <string.h>

#include "db/audit_scan.h"
#include "station/canonical.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

static void write_value(KlCanonical *writer, const char *name, KlAuditSpan value);

static void
write_members(KlCanonical *writer, KlAuditSpan object)
{
    KlAuditSpan name, value;
    while (kl_audit_scan_member(&object, &name, &value)) {
        g_autofree char *text = g_strndup(name.at, name.length);
        write_value(writer, text, value);
    }
    g_assert_cmpuint(object.length, ==, object.at[0] == '{' ? 2 : 1);
}

static void
write_elements(KlCanonical *writer, KlAuditSpan array)
{
    KlAuditSpan value;
    while (kl_audit_scan_element(&array, &value))
        write_value(writer, NULL, value);
    g_assert_cmpuint(array.length, ==, array.at[0] == '[' ? 2 : 1);
}

/* The value again, by the program's own writer. */
static void
write_value(KlCanonical *writer, const char *name, KlAuditSpan value)
{
    gint64 number = 0;
    g_autofree char *text = kl_audit_scan_text(value);
    if (value.at[0] == '{') {
        kl_canonical_begin(writer, name);
        write_members(writer, value);
        kl_canonical_end(writer);
    } else if (value.at[0] == '[') {
        kl_canonical_begin_array(writer, name);
        write_elements(writer, value);
        kl_canonical_end(writer);
    } else if (text != NULL) {
        kl_canonical_text(writer, name, text);
    } else if (kl_audit_scan_number(value, &number)) {
        kl_canonical_number(writer, name, number);
    } else if (value.at[0] != '"') {
        kl_canonical_flag(writer, name, kl_audit_span_is(value, "true", 4));
    } else { /* with U+0000, which the writer can't have */
        g_autofree char *same = g_strndup(value.at, value.length);
        g_assert_nonnull(strstr(same, "\\u0000"));
        kl_canonical_value(writer, name, same);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    const char *bytes = (const char *)data;
    KlAuditEvent event;
    gboolean is_event = kl_audit_scan_event(bytes, size, &event);
    if (!kl_audit_scan_object(bytes, size)) {
        g_assert_false(is_event);
        return 0;
    }
    KlCanonical *writer = kl_canonical_new();
    kl_canonical_begin(writer, NULL);
    write_members(writer, (KlAuditSpan){bytes, size});
    g_autofree char *again = kl_canonical_finish(writer);
    g_assert_cmpmem(again, strlen(again), bytes, size);
    if (is_event) {
        g_assert_true(event.data.at[0] == '{' && event.n > 0 && event.time_us > 0 && event.type.length > 0);
        fuzz_accepted++;
    }
    return 0;
}
