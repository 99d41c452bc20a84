/* What a scan means. */
#include <string.h>

#include "gui/i18n.h"
#include "gui/session_private.h"

void
kl_scan_result_clear(KlScanResult *result)
{
    g_clear_pointer(&result->subject, g_free);
}

static KlScanResult
said(gboolean ok, int index, const char *words, const char *subject)
{
    return (KlScanResult){.ok = ok, .index = index, .words = words, .subject = g_strdup(subject)};
}

/* The text after one of the prefixes, or NULL. Scanners may shift the case. */
static const char *
after_prefix(const char *text, const char *const *prefixes)
{
    for (guint i = 0; prefixes[i] != NULL; i++) {
        gsize length = strlen(prefixes[i]);
        if (g_ascii_strncasecmp(text, prefixes[i], length) == 0 && text[length] != '\0')
            return text + length;
    }
    return NULL;
}

static KlScanResult
scan_work_order(KlSession *session, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    guint64 target = 0;
    if (parts[1] != NULL && !g_ascii_string_to_unsigned(parts[1], 10, 1, 1000000, &target, NULL))
        return said(FALSE, -1, N_("%s: the target is not a number."), text);
    kl_session_set_work_order(session, parts[0], (guint)target);
    return said(TRUE, -1, N_("Work order %s"), parts[0]);
}

static KlScanResult
scan_slot(KlSession *session, const char *name)
{
    for (guint i = 0; i < kl_session_n_cards(session); i++) {
        if (g_str_equal(kl_session_card(session, i)->slot, name)) {
            kl_session_choose(session, (int)i);
            return said(TRUE, (int)i, N_("Slot %s chosen: scan its unit's label."), name);
        }
    }
    return said(FALSE, -1, N_("There is no slot %s."), name);
}

/* The one slot whose unit waits, or -1; *several tells that more than one does. */
static int
only_ready(KlSession *session, gboolean *several)
{
    int found = -1;
    *several = FALSE;
    for (guint i = 0; i < kl_session_n_cards(session); i++) {
        if (kl_session_card(session, i)->state != KL_CARD_READY)
            continue;
        *several = found >= 0;
        if (*several)
            return -1;
        found = (int)i;
    }
    return found;
}

static KlScanResult
scan_label(KlSession *session, const char *label)
{
    gboolean several = FALSE;
    int index = session->chosen >= 0 ? session->chosen : only_ready(session, &several);
    if (session->operator_id == NULL)
        return said(FALSE, -1, N_("Scan your badge first."), label);
    if (!kl_session_unlocked(session))
        return said(FALSE, -1,
                    kl_session_locked_by(session) == KL_ERROR_PASSPHRASE_MISSING
                        ? N_("The CA is locked: unlock it first.")
                        : kl_error_words(kl_session_locked_by(session)),
                    label);
    if (index < 0)
        return said(FALSE, -1,
                    several ? N_("Several units wait: choose a slot, then scan %s again.")
                            : N_("No unit waits: plug it in, then scan %s again."),
                    label);
    KlCard *card = &kl_session_slot(session, (guint)index)->card;
    if (card->state == KL_CARD_RUNNING || card->state == KL_CARD_EMPTY) {
        g_free(card->label);
        card->label = g_strdup(label);
        kl_session_tell(session, (guint)index, TRUE);
        return said(TRUE, index, N_("%s is kept for the next unit in this slot."), label);
    }
    g_autoptr(GError) error = NULL;
    if (!kl_session_start(session, (guint)index, label, NULL, &error))
        return said(FALSE, index, kl_error_words(kl_error_code(error)), label);
    return said(TRUE, index, N_("Started %s"), label);
}

KlScanResult
kl_session_scan(KlSession *session, const char *text)
{
    static const char *const badges[] = {"OPERATOR:", "OP:", NULL};
    static const char *const orders[] = {"WO:", NULL};
    static const char *const slots[] = {"SLOT:", NULL};
    g_autofree char *clean = kl_label_clean(text);
    const char *rest;
    if (clean == NULL)
        return said(FALSE, -1, N_("Nothing was scanned."), "");
    if ((rest = after_prefix(clean, badges)) != NULL) {
        kl_session_sign_on(session, rest);
        return said(TRUE, -1, N_("Signed on: %s"), rest);
    }
    if ((rest = after_prefix(clean, orders)) != NULL)
        return scan_work_order(session, rest);
    if ((rest = after_prefix(clean, slots)) != NULL)
        return scan_slot(session, rest);
    return scan_label(session, clean);
}
