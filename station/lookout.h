/* The line's look-out: a thread that looks time and again what is plugged into the slots, and at once when it is
 * poked. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlLookout KlLookout;

/* What it does each time: at its start, when poked, and every KL_LOOKOUT_EVERY_MS at least. */
typedef void (*KlLookoutLook)(gpointer data);

/* Where no bus tells of a removal, it has to show within 200 ms all the same. */
#define KL_LOOKOUT_EVERY_MS 150

/* Starts the thread. data is borrowed and must outlive the look-out. */
KlLookout *kl_lookout_new(KlLookoutLook look, gpointer data);

/* Waits for a look that is under way, ends the thread. Nobody may poke any more. */
void kl_lookout_free(KlLookout *lookout);

/* Has it look at once, once more after a look that is under way. From any thread; never waits for a look. */
void kl_lookout_poke(KlLookout *lookout);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlLookout, kl_lookout_free)

G_END_DECLS
