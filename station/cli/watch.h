/* What the main thread waits for while units are worked on: the line's events, and signals that ask it to end. */
#pragma once

#include "station/event.h"

G_BEGIN_DECLS

/* How far a signal has asked the program to end. */
typedef enum {
    KL_ASKED_NOTHING,
    KL_ASKED_NO_MORE, /* start nothing more; what runs goes on */
    KL_ASKED_STOP,    /* stop what runs; the next signal ends the program at once */
} KlAsked;

/* An event, or (event NULL) what a signal asks for. */
typedef struct {
    KlEvent *event;
    KlAsked asked;
} KlNews;

typedef struct KlWatch KlWatch;

/* Blocks SIGINT, SIGTERM and SIGHUP for this thread and those that it makes: they wait for kl_watch_new. */
void kl_watch_block_signals(void);

/* Watches the blocked signals from now on. Every SIGINT asks for one thing more than what was asked before; SIGTERM and
 * SIGHUP ask to stop at once. asked: what counts as asked already; with KL_ASKED_NO_MORE the first SIGINT stops. */
KlWatch *kl_watch_new(KlAsked asked);
void kl_watch_free(KlWatch *watch);

/* A KlEventSink whose data is the watch. */
void kl_watch_sink(KlEvent *event, gpointer watch);

/* The next news; NULL when there was none until until_us (monotonic; G_MAXINT64: for ever). */
KlNews *kl_watch_next(KlWatch *watch, gint64 until_us);
void kl_news_free(KlNews *news);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlWatch, kl_watch_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlNews, kl_news_free)

G_END_DECLS
