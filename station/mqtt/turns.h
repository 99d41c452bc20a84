/* What becomes of the messages of a batch: each is handled once those of its device that came before it are. */
#pragma once

#include "station/activation/engine.h"
#include "station/mqtt/broker.h"

G_BEGIN_DECLS

/* A message on its way; chained to the next one of the same device. */
typedef struct KlTurn {
    const KlBrokerMessage *message;
    KlActivation *became;
    GError *error;
    gboolean tried;       /* it did not just come behind one that has to come again */
    gboolean comes_again; /* nothing that was received with it is acknowledged */
    gboolean answered;    /* what it became was told and published */
    struct KlTurn *next;
} KlTurn;

/* Chains that are handled together, and what of them is. */
typedef struct {
    GPtrArray *first;   /* the KlTurn of each chain whose turn it is */
    GPtrArray *handled; /* each chain's in their order */
} KlTurnGroup;

/* Who handles them. */
typedef struct {
    KlActivationEngine *engine;
    guint window;
    GHashTable *stuck; /* topic -> how often it came to nothing; changed while no worker works only */
} KlHandling;

/* An empty array of KlTurn that owns them, and one more for each message that has none yet. */
GPtrArray *kl_turns_new(void);
void kl_turns_add(GPtrArray *turns, const GPtrArray *messages);

/* Whether all topics tell whose message it is. Any others are only watched, and whoever watches knows whose they are:
 * then what has become of messages is told in the order in which all of them came. */
gboolean kl_turns_are_of_units(const GPtrArray *turns);

/* Chains of what was not handled yet: the first KlTurn of each, borrowed. */
GPtrArray *kl_turns_chain_up(GPtrArray *turns);

/* The same, as KlTurnGroup of at most so many chains each. */
GPtrArray *kl_turns_group_up(GPtrArray *turns, guint size);

/* NULL: none has to come again. */
const KlTurn *kl_turns_find_coming_again(const GPtrArray *turns);

/* Remembers how often a request came to nothing while something came of others: it is not the table's trouble, then. */
void kl_turns_note_stuck(KlHandling *handling, const GPtrArray *turns);

/* For workers, data being KlHandling. A chain is handled one by one; of a group, what can be handled together: the rest
 * of a chain is left as it was. */
void kl_turns_handle_chain(gpointer chain, gpointer data);
void kl_turns_handle_group(gpointer group, gpointer data);

G_END_DECLS
