#include <string.h>

#include "station/activation/engine_private.h"
#include "station/canonical.h"

#define TEXT_MAX 256 /* bytes; what is cut through in the middle becomes U+FFFD */

static void
add_text(KlCanonical *writer, const char *name, const char *text)
{
    g_autofree char *cut = text != NULL ? g_strndup(text, TEXT_MAX) : NULL;
    kl_canonical_text(writer, name, cut);
}

/* Whatever a row may hold: canonical JSON has no larger ones. */
static void
add_number(KlCanonical *writer, const char *name, gint64 number)
{
    kl_canonical_number(writer, name, CLAMP(number, 0, KL_ACTIVATION_VERSION_MAX));
}

char *
kl_activation_note_json(const KlActivation *activation, const KlActivationMessage *message, const KlRegistration *was,
                        const char *id)
{
    const KlRegistration *row = activation->row;
    KlCanonical *writer = kl_canonical_new();
    if (activation->alarm)
        kl_canonical_flag(writer, "alarm", TRUE);
    if (row != NULL)
        add_number(writer, "connections", row->connections);
    add_text(writer, "detail", activation->detail);
    add_text(writer, "device", activation->device[0] != '\0' ? activation->device : NULL);
    add_text(writer, "id", id);
    add_text(writer, "registered", row != NULL ? row->registered : NULL);
    add_text(writer, "topic", message->topic);
    kl_canonical_text(writer, "verdict", kl_activation_verdict_name(activation->verdict));
    if (row != NULL)
        add_number(writer, "version", row->version);
    add_text(writer, "was", was != NULL ? was->registered : NULL);
    return kl_canonical_finish(writer);
}
