#include "drivers/at_wp77/wp77_answers.h"

#include <string.h>

#include "drivers/at_wp77/at_fields.h"
#include "station/error.h"

#define NAME_MAX_LENGTH 32
#define SIGNATURE_MAX 72 /* DER of an ECDSA signature over P-256 */
#define ITEM_MAX 99999   /* the protocol's lengths have at most five digits */

static gboolean
fail_line(const char *line, GError **error)
{
    return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "not an answer of this protocol: '%s'", line);
}

/* The only line of an answer that has exactly one, else NULL. */
static const char *
only_line(const GPtrArray *lines, GError **error)
{
    if (lines->len == 1)
        return g_ptr_array_index(lines, 0);
    kl_fail(error, KL_ERROR_ANSWER_GARBLED, "%u lines in place of one", lines->len);
    return NULL;
}

static gboolean
is_name(const KlAtField *field)
{
    return field->quoted && field->length >= 1 && field->length <= NAME_MAX_LENGTH;
}

gboolean
kl_wp77_key_made_parse(const GPtrArray *lines, KlKeyInfo *info, GError **error)
{
    KlAtField fields[2];
    *info = (KlKeyInfo){0};
    const char *line = only_line(lines, error);
    if (line == NULL)
        return FALSE;
    if (kl_at_fields(line, "+KLKEY:", fields, 2) != 2 || !kl_at_field_is_sha256(&fields[0]) || !is_name(&fields[1]))
        return fail_line(line, error);
    info->exists = TRUE;
    info->spki_sha256 = kl_at_field_dup(&fields[0]);
    info->backend = kl_at_field_dup(&fields[1]);
    return TRUE;
}

gboolean
kl_wp77_key_list_parse(const GPtrArray *lines, const char *slot, KlKeyInfo *info, GError **error)
{
    *info = (KlKeyInfo){0};
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        KlAtField fields[4];
        if (kl_at_fields(line, "+KLKEY:", fields, 4) != 4 || !is_name(&fields[0]) ||
            !kl_at_field_is_sha256(&fields[1]) || !is_name(&fields[2]))
            return fail_line(line, error);
        gboolean locked = kl_at_field_is(&fields[3], "locked");
        if (!locked && !kl_at_field_is(&fields[3], "open"))
            return fail_line(line, error);
        if (!kl_at_field_is(&fields[0], slot))
            continue;
        if (info->exists)
            return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "key slot '%s' is listed twice", slot);
        info->exists = TRUE;
        info->locked = locked;
        info->spki_sha256 = kl_at_field_dup(&fields[1]);
        info->backend = kl_at_field_dup(&fields[2]);
    }
    return TRUE;
}

/* Adds one piece to the request. *total is 0 before the first. */
static gboolean
add_csr_piece(const char *line, GByteArray *der, guint *total, GError **error)
{
    KlAtField fields[3];
    guint offset = 0;
    guint whole = 0;
    if (kl_at_fields(line, "+KLCSR:", fields, 3) != 3 || !kl_at_field_number(&fields[0], KL_WP77_CSR_MAX, &offset) ||
        !kl_at_field_number(&fields[1], KL_WP77_CSR_MAX, &whole) || !fields[2].quoted)
        return fail_line(line, error);
    if (offset != der->len || (*total != 0 && whole != *total) || offset >= whole)
        return kl_fail(error, KL_ERROR_ANSWER_GARBLED, "piece %u of %u of the request comes after %u bytes of %u",
                       offset, whole, der->len, *total);
    *total = whole;
    g_autoptr(GBytes) piece = kl_at_field_base64(&fields[2], whole - offset);
    if (piece == NULL)
        return fail_line(line, error);
    gsize length = 0;
    const guint8 *bytes = g_bytes_get_data(piece, &length);
    g_byte_array_append(der, bytes, (guint)length);
    return TRUE;
}

GBytes *
kl_wp77_csr_parse(const GPtrArray *lines, GError **error)
{
    g_autoptr(GByteArray) der = g_byte_array_new();
    guint total = 0;
    for (guint i = 0; i + 1 < lines->len; i++) {
        if (!add_csr_piece(g_ptr_array_index(lines, i), der, &total, error))
            return NULL;
    }
    if (total == 0 || der->len != total) {
        kl_fail(error, KL_ERROR_ANSWER_GARBLED, "%u bytes of %u of the request came", der->len, total);
        return NULL;
    }
    const char *last = g_ptr_array_index(lines, lines->len - 1);
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, der->data, der->len);
    KlAtField hash;
    if (kl_at_fields(last, "+KLCSR:", &hash, 1) != 1 || !kl_at_field_is_sha256(&hash)) {
        fail_line(last, error);
        return NULL;
    }
    if (!kl_at_field_is(&hash, sha256)) {
        kl_fail(error, KL_ERROR_ANSWER_GARBLED, "the request was damaged on its way: SHA-256 %s, not as in '%s'",
                sha256, last);
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&der));
}

static gboolean
has_item(const GPtrArray *items, const KlAtField *name)
{
    for (guint i = 0; i < items->len; i++) {
        const KlItemInfo *item = g_ptr_array_index(items, i);
        if (kl_at_field_is(name, item->name))
            return TRUE;
    }
    return FALSE;
}

GPtrArray *
kl_wp77_items_parse(const GPtrArray *lines, GError **error)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func((GDestroyNotify)kl_item_info_free);
    for (guint i = 0; i < lines->len; i++) {
        const char *line = g_ptr_array_index(lines, i);
        KlAtField fields[3];
        guint length = 0;
        if (kl_at_fields(line, "+KLITEM:", fields, 3) != 3 || !is_name(&fields[0]) ||
            !kl_at_field_number(&fields[1], ITEM_MAX, &length) || !kl_at_field_is_sha256(&fields[2]) ||
            has_item(items, &fields[0])) {
            fail_line(line, error);
            return NULL;
        }
        KlItemInfo *item = g_new0(KlItemInfo, 1);
        item->name = kl_at_field_dup(&fields[0]);
        item->length = length;
        item->sha256 = kl_at_field_dup(&fields[2]);
        g_ptr_array_add(items, item);
    }
    return g_steal_pointer(&items);
}

GBytes *
kl_wp77_proof_parse(const GPtrArray *lines, GError **error)
{
    KlAtField field;
    const char *line = only_line(lines, error);
    if (line == NULL)
        return NULL;
    GBytes *signature = NULL;
    if (kl_at_fields(line, "+KLPROVE:", &field, 1) == 1 && field.quoted)
        signature = kl_at_field_base64(&field, SIGNATURE_MAX);
    if (signature == NULL)
        fail_line(line, error);
    return signature;
}
