/* A storm of units that are plugged in and pulled out while a batch is armed. A log of the test's own says who stood
 * where; every verdict has to be about who stood there, and nothing is left behind: no thread, no file, no memory.
 * KEYLINE_STORM_EVENTS (default 200): how many times somebody plugs in or pulls out. */
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "drivers/at_wp77/sim/sim_hub.h"
#include "station/batch.h"
#include "tests/rig/line_rig.h"

#define ROWS 4
#define COLUMNS 4
#define SLOTS (ROWS * COLUMNS)
#define EVENTS 200
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define WARM_UP 20 /* memory is not measured under a sanitizer: only threads and files have to be there before */
#else
#define WARM_UP 200
#endif
#define PAUSE_US 20000 /* at most, between two events: about as long as a job, over all slots */
#define SETTLE_US (120 * G_USEC_PER_SEC)
#define MEMORY_KB(events) (1024 + 3 * (gint64)(events) / 2) /* what caches may grow by; a lost record is more */

/* What the window would show in a slot: a verdict, until what it is about goes. */
typedef struct {
    guint64 plug; /* what is plugged in, as told */
    gboolean shown;
    guint64 verdict_plug;
    char *imei;
} Card;

/* An end of a job, kept for the reckoning. */
typedef struct {
    guint slot;
    guint64 plug;
    char *imei; /* or NULL */
    KlOutcome outcome;
    char *code;
} End;

typedef struct {
    KlLineRig *rig;
    const KlConfig *config;
    KlTransportPlug plug;
    guint next_index;
    guint events;
    GRand *rand;

    /* The hands' own until they are joined. */
    guint64 standing[SLOTS]; /* plug number of what stands there; 0: nothing */
    GHashTable *log;         /* "slot plug" -> IMEI */

    Card cards[SLOTS];
    GPtrArray *ends; /* End */
} Storm;

static void
end_free(gpointer data)
{
    End *end = data;
    g_free(end->imei);
    g_free(end->code);
    g_free(end);
}

static char *
log_key(guint slot, guint64 plug)
{
    return g_strdup_printf("%u %" G_GINT64_MODIFIER "x", slot, plug);
}

static const char *
logged(const Storm *storm, guint slot, guint64 plug)
{
    g_autofree char *key = log_key(slot, plug);
    return g_hash_table_lookup(storm->log, key);
}

static guint64
look(const Storm *storm, guint slot)
{
    const KlSlotConfig *config = storm->config->slots->pdata[slot];
    return storm->plug(config->agent);
}

/* --- the hands --- */

/* A device on the bus takes a moment until it is there as a whole. */
static void
write_down(Storm *storm, guint slot, guint64 before)
{
    guint64 plug;
    while ((plug = look(storm, slot)) == 0 || plug == before)
        g_usleep(500);
    storm->standing[slot] = plug;
    g_assert_null(logged(storm, slot, storm->standing[slot]));
    g_hash_table_insert(storm->log, log_key(slot, storm->standing[slot]),
                        g_strdup(kl_sim_imei(storm->rig->sim, slot + 1)));
}

static void
plug_in(Storm *storm, guint slot)
{
    g_autoptr(GError) error = NULL;
    guint64 before = look(storm, slot);
    kl_sim_replace(storm->rig->sim, slot + 1, storm->next_index++, NULL, &error);
    g_assert_no_error(error);
    write_down(storm, slot, before);
}

static void
pull(Storm *storm, guint slot)
{
    kl_sim_unplug(storm->rig->sim, slot + 1);
    storm->standing[slot] = 0;
}

/* Half of what is plugged in is swapped for another one at once, so that nobody need see the slot empty. */
static void
change(Storm *storm, guint slot)
{
    if (storm->standing[slot] != 0 && g_rand_boolean(storm->rand))
        pull(storm, slot);
    else
        plug_in(storm, slot);
}

/* Now and then a whole row at once. At the end every slot holds a unit. */
static void *
hands(void *data)
{
    Storm *storm = data;
    guint events = 0;
    while (events < storm->events) {
        guint slot = (guint)g_rand_int_range(storm->rand, 0, SLOTS);
        gboolean row = g_rand_int_range(storm->rand, 0, 20) == 0;
        guint first = row ? slot / COLUMNS * COLUMNS : slot, last = row ? first + COLUMNS - 1 : slot;
        for (guint at = first; at <= last; at++, events++)
            change(storm, at);
        g_usleep((gulong)g_rand_int_range(storm->rand, 0, PAUSE_US));
    }
    for (guint slot = 0; slot < SLOTS; slot++) {
        if (storm->standing[slot] == 0)
            plug_in(storm, slot);
    }
    return NULL;
}

/* --- the eyes --- */

static void
keep(KlEvent *event, gpointer queue)
{
    kl_queue_push(queue, event);
}

static void
clear_card(Card *card)
{
    card->shown = FALSE;
    g_clear_pointer(&card->imei, g_free);
}

static void
note_presence(Storm *storm, guint slot, guint64 plug)
{
    Card *card = &storm->cards[slot];
    g_assert_true(plug == 0 || card->plug == 0 || plug == card->plug); /* never one for another in one step */
    card->plug = plug;
    if (card->shown && (plug != 0 ? plug != card->verdict_plug : card->verdict_plug != 0))
        clear_card(card);
}

static void
note_end(Storm *storm, guint slot, const KlEvent *event)
{
    Card *card = &storm->cards[slot];
    const KlUnit *unit = event->record->unit;
    End *end = g_new0(End, 1);
    *end = (End){slot, event->plug, g_strdup(unit != NULL ? unit->imei : NULL), event->record->outcome,
                 g_strdup(event->record->code)};
    g_ptr_array_add(storm->ends, end);
    g_test_message("%02u %s %s %s about %" G_GINT64_MODIFIER "x: %s", slot + 1, end->imei,
                   kl_outcome_name(end->outcome), end->code, end->plug, event->record->detail);
    clear_card(card);
    /* What was told before happened before: it is either what still stands there, or it has gone again. */
    card->shown = event->plug == 0 ? card->plug == 0 : event->plug == card->plug;
    card->verdict_plug = event->plug;
    card->imei = g_strdup(end->imei);
}

static void
note(Storm *storm, const KlEvent *event)
{
    guint slot = (guint)g_ascii_strtoull(event->slot, NULL, 10) - 1;
    g_assert_cmpuint(slot, <, SLOTS);
    if (event->type == KL_EVENT_PRESENCE)
        note_presence(storm, slot, event->plug);
    else if (event->type == KL_EVENT_JOB_END)
        note_end(storm, slot, event);
    const Card *card = &storm->cards[slot];
    g_assert_true(!card->shown || card->verdict_plug == card->plug);
}

/* Every slot shows what stands there now and nothing runs. */
static gboolean
settled(const Storm *storm, const KlBatch *batch)
{
    for (guint slot = 0; slot < SLOTS; slot++) {
        const Card *card = &storm->cards[slot];
        if (!card->shown || card->plug != storm->standing[slot])
            return FALSE;
    }
    return kl_batch_running(batch) == 0;
}

/* Says which slots never came to rest. */
G_NORETURN static void
fail_unsettled(const Storm *storm, const KlBatch *batch)
{
    for (guint slot = 0; slot < SLOTS; slot++) {
        const Card *card = &storm->cards[slot];
        g_printerr("%02u: told %" G_GINT64_MODIFIER "x, stands %" G_GINT64_MODIFIER "x, now %" G_GINT64_MODIFIER
                   "x; %s about %" G_GINT64_MODIFIER "x\n",
                   slot + 1, card->plug, storm->standing[slot], look(storm, slot), card->shown ? "verdict" : "nothing",
                   card->verdict_plug);
    }
    g_error("%u jobs still run; the batch is in state %d", kl_batch_running(batch), kl_batch_state(batch));
}

static void
take(Storm *storm, KlBatch *batch, KlQueue *events, gint64 until_us)
{
    g_autoptr(KlEvent) event = kl_queue_pop(events, until_us);
    if (event == NULL)
        return;
    note(storm, event);
    kl_batch_event(batch, event);
}

/* --- the reckoning --- */

/* Every verdict was about who stood there, and nobody was worked on twice in one plugging in. */
static void
check_ends(const Storm *storm)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint passed = 0, aborted = 0;
    for (guint i = 0; i < storm->ends->len; i++) {
        const End *end = storm->ends->pdata[i];
        passed += end->outcome == KL_OUTCOME_PASS;
        aborted += end->outcome == KL_OUTCOME_ABORTED;
        if (end->plug == 0) {
            g_assert_cmpint(end->outcome, !=, KL_OUTCOME_ERROR);
            continue;
        }
        const char *who = logged(storm, end->slot, end->plug);
        g_assert_nonnull(who);
        if (end->imei != NULL)
            g_assert_cmpstr(end->imei, ==, who);
        g_assert_true(g_hash_table_add(seen, log_key(end->slot, end->plug)));
    }
    g_test_message("%u jobs: %u passed, %u aborted", storm->ends->len, passed, aborted);
    g_assert_cmpuint(passed, >=, SLOTS);
}

/* What is shown at the end is right: each unit's own verdict, and that is PASS. */
static void
check_cards(const Storm *storm)
{
    for (guint slot = 0; slot < SLOTS; slot++) {
        const Card *card = &storm->cards[slot];
        g_assert_cmpstr(card->imei, ==, logged(storm, slot, storm->standing[slot]));
        g_assert_cmpstr(card->imei, ==, kl_sim_imei(storm->rig->sim, slot + 1));
    }
    for (guint i = 0; i < storm->ends->len; i++) {
        const End *end = storm->ends->pdata[i];
        if (end->plug == storm->standing[end->slot])
            g_assert_cmpstr(end->code, ==, NULL);
    }
}

static void
run_storm(KlLineRig *rig, guint *next_index, guint events, guint32 seed)
{
    const KlJobRequest request = {.operator_id = "storm"};
    const KlBench *bench = kl_station_bench(rig->station);
    Storm storm = {.rig = rig, .config = kl_station_config(rig->station), .plug = bench->plug, .events = events};
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(GHashTable) log = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) ends = g_ptr_array_new_with_free_func(end_free);
    storm.rand = rand;
    storm.log = log;
    storm.ends = ends;
    storm.next_index = *next_index;
    for (guint slot = 0; slot < SLOTS; slot++)
        write_down(&storm, slot, 0);

    g_autoptr(KlQueue) queue = kl_queue_new((GDestroyNotify)kl_event_free);
    g_autoptr(KlLine) line = kl_line_new(storm.config, bench, keep, queue);
    g_autoptr(KlBatch) batch = kl_batch_new(line, bench->profile, &request, G_MAXINT, NULL);
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, hands, &storm), ==, 0);
    gint64 storm_until_us = g_get_monotonic_time() + (gint64)events * PAUSE_US / 2;
    while (g_get_monotonic_time() < storm_until_us)
        take(&storm, batch, queue, storm_until_us);
    pthread_join(thread, NULL);
    gint64 settle_until_us = g_get_monotonic_time() + SETTLE_US;
    while (!settled(&storm, batch)) {
        if (g_get_monotonic_time() >= settle_until_us)
            fail_unsettled(&storm, batch);
        take(&storm, batch, queue, settle_until_us);
    }
    check_ends(&storm);
    check_cards(&storm);
    for (guint slot = 0; slot < SLOTS; slot++)
        clear_card(&storm.cards[slot]);
    *next_index = storm.next_index;
}

/* --- what is left behind --- */

static guint
count_entries(const char *path)
{
    DIR *dir = opendir(path);
    guint count = 0;
    g_assert_nonnull(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* What is allocated, in all arenas: what is resident depends on how many threads there were at once, too. */
static gint64
allocated_kb(void)
{
    struct mallinfo2 info = mallinfo2();
    return (gint64)((info.uordblks + info.hblkhd) / 1024);
}

static void
storm_twice(KlLineRig *rig)
{
    const char *wanted = g_getenv("KEYLINE_STORM_EVENTS");
    guint events = wanted != NULL ? (guint)g_ascii_strtoull(wanted, NULL, 10) : EVENTS;
    guint next_index = SLOTS;
    g_clear_pointer(&rig->line, kl_line_free);
    run_storm(rig, &next_index, WARM_UP, 1);
    guint threads = count_entries("/proc/self/task"), files = count_entries("/proc/self/fd");
    gint64 memory_kb = allocated_kb();
    run_storm(rig, &next_index, events, (guint32)g_test_rand_int());
    gint64 grown_kb = allocated_kb() - memory_kb;
    g_test_message("%u events, %u units; %" G_GINT64_FORMAT " KB more", events, next_index, grown_kb);
    g_assert_cmpuint(count_entries("/proc/self/task"), ==, threads);
    g_assert_cmpuint(count_entries("/proc/self/fd"), ==, files);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    g_assert_cmpint(grown_kb, <, MEMORY_KB(events));
#endif
}

static const char *const product[] = {"product.restart-seconds=1", NULL};

static void
test_ptys(void)
{
    const KlSimOptions options = {.units = SLOTS, .one_port = TRUE};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    storm_twice(rig);
}

/* Two levels of hubs, a module on every port. */
static void
test_bus(void)
{
    static const KlSimHub hub = {ROWS, COLUMNS};
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) places = kl_sim_hub_places(&hub);
    g_autoptr(KlSimBus) bus = kl_sim_bus_new(&error);
    g_assert_no_error(error);
    kl_sim_hub_add(&hub, bus, KL_SIM_HUB_PER_PORT, TRUE, &error);
    g_assert_no_error(error);
    const KlSimOptions options = {.units = SLOTS, .bus = bus, .places = (const char *const *)places};
    g_autoptr(KlLineRig) rig = kl_line_rig_new(&options, product);
    storm_twice(rig);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (!kl_sim_bus_enter(argv, &error))
        g_error("%s", error->message);
    kl_secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub-storm/ptys", test_ptys);
    g_test_add_func("/hub-storm/bus", test_bus);
    return g_test_run();
}
