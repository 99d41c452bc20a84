/* How states look: the same icon, word and style class wherever a verdict is shown. */
#pragma once

#include <gtk/gtk.h>

#include "gui/session.h"

G_BEGIN_DECLS

typedef struct {
    const char *style; /* class of style.css: "card-pass" */
    const char *icon;  /* icon name, or NULL for states without a verdict */
    const char *word;  /* English: "PASS"; translate with gettext */
} KlVerdictLook;

/* Static. */
const KlVerdictLook *kl_verdict_look(KlCardState state);

/* The state that a record's outcome means; KL_CARD_RUNNING while it has none. */
KlCardState kl_verdict_state(const KlRecord *record);

/* The operator's words and remedy for a record that did not pass, translated; NULL when it passed. */
const char *kl_verdict_words(const KlRecord *record);
const char *kl_verdict_remedy(const KlRecord *record);

/* A duration for people: "0:06", "1:02:03". The caller frees. */
char *kl_verdict_duration(gint64 duration_us);

G_END_DECLS
