#include "station/mqtt/turns.h"

#include "station/error.h"

#define HANDLE_US (30 * G_USEC_PER_SEC) /* at most so long for one message */
#define AGAIN_MS 50                     /* before a message is tried again in its place; twice as long each time */
#define AGAIN_TIMES 5
#define STUCK_TIMES 3 /* so often a request comes again while those of other units get through */

static void
turn_free(gpointer data)
{
    KlTurn *turn = data;
    if (turn->became != NULL)
        kl_activation_free(turn->became);
    g_clear_error(&turn->error);
    g_free(turn);
}

GPtrArray *
kl_turns_new(void)
{
    return g_ptr_array_new_with_free_func(turn_free);
}

void
kl_turns_add(GPtrArray *turns, const GPtrArray *messages)
{
    for (guint i = turns->len; i < messages->len; i++) {
        KlTurn *turn = g_new0(KlTurn, 1);
        turn->message = messages->pdata[i];
        g_ptr_array_add(turns, turn);
    }
}

const KlTurn *
kl_turns_find_coming_again(const GPtrArray *turns)
{
    for (guint i = 0; i < turns->len; i++) {
        const KlTurn *turn = turns->pdata[i];
        if (turn->comes_again)
            return turn;
    }
    return NULL;
}

/* --- one by one --- */

static gboolean
is_retry(const GError *error)
{
    return error != NULL && kl_error_kind(kl_error_code(error)) == KL_ERROR_KIND_RETRY;
}

/* What a unit tells, it tells until the broker has it: if nothing became of that, it has to come again, whatever was
 * wrong. What it asks for, it asks for again by itself; so a request comes again while that is worth it, and not for
 * ever while other units wait behind it. */
static gboolean
has_to_come_again(const KlHandling *handling, const KlTurn *turn)
{
    if (turn->error == NULL)
        return FALSE;
    KlTopicKind kind = kl_topic_parse(turn->message->topic).kind;
    if (kind == KL_TOPIC_CONFIRM || kind == KL_TOPIC_VERSION)
        return TRUE;
    guint times = GPOINTER_TO_UINT(g_hash_table_lookup(handling->stuck, turn->message->topic));
    return is_retry(turn->error) && times < STUCK_TIMES;
}

static KlActivationMessage
message_of(const KlTurn *turn)
{
    gsize length = 0;
    const char *payload = g_bytes_get_data(turn->message->payload, &length);
    return (KlActivationMessage){
        .topic = turn->message->topic,
        .payload = payload,
        .length = length,
        .retained = turn->message->retained,
        .again = turn->message->again,
    };
}

static void
handle(const KlHandling *handling, KlTurn *turn)
{
    const KlActivationMessage message = message_of(turn);
    turn->tried = TRUE;
    for (guint i = 0; i < AGAIN_TIMES && turn->became == NULL; i++) {
        if (i > 0)
            g_usleep((gulong)AGAIN_MS * 1000 << (i - 1));
        KlOp op = {.deadline_us = g_get_monotonic_time() + HANDLE_US};
        g_clear_error(&turn->error);
        turn->became = kl_activation_engine_handle(handling->engine, &message, &op, &turn->error);
        if (!is_retry(turn->error))
            break;
    }
    turn->comes_again = has_to_come_again(handling, turn);
}

/* Behind a message of its device that has to come again, a message has to come again as well. */
static void
hold_back(KlTurn *turn, const KlTurn *before)
{
    turn->error = g_error_copy(before->error);
    turn->comes_again = TRUE;
}

void
kl_turns_handle_chain(gpointer chain, gpointer data)
{
    for (KlTurn *turn = chain, *before = NULL; turn != NULL; before = turn, turn = turn->next) {
        if (before != NULL && before->comes_again)
            hold_back(turn, before);
        else
            handle(data, turn);
    }
}

gboolean
kl_turns_are_of_units(const GPtrArray *turns)
{
    for (guint i = 0; i < turns->len; i++) {
        const KlTurn *turn = turns->pdata[i];
        if (kl_topic_parse(turn->message->topic).device[0] == '\0')
            return FALSE;
    }
    return TRUE;
}

GPtrArray *
kl_turns_chain_up(GPtrArray *turns)
{
    GPtrArray *chains = g_ptr_array_new();
    g_autoptr(GHashTable) ends = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < turns->len; i++) {
        KlTurn *turn = turns->pdata[i];
        KlTopic topic = kl_topic_parse(turn->message->topic);
        KlTurn *before = topic.device[0] != '\0' ? g_hash_table_lookup(ends, topic.device) : NULL;
        gboolean is_new = !turn->tried && !turn->comes_again;
        if (is_new && before != NULL && before->comes_again)
            hold_back(turn, before);
        else if (is_new && before != NULL && !before->tried)
            before->next = turn;
        else if (is_new)
            g_ptr_array_add(chains, turn);
        g_hash_table_insert(ends, g_strdup(topic.device), turn);
    }
    return chains;
}

void
kl_turns_note_stuck(KlHandling *handling, const GPtrArray *turns)
{
    gboolean others = FALSE;
    for (guint i = 0; i < turns->len; i++)
        others |= ((const KlTurn *)turns->pdata[i])->became != NULL;
    if (g_hash_table_size(handling->stuck) > handling->window)
        g_hash_table_remove_all(handling->stuck);
    for (guint i = 0; i < turns->len; i++) {
        const KlTurn *turn = turns->pdata[i];
        const char *topic = turn->message->topic;
        guint times = GPOINTER_TO_UINT(g_hash_table_lookup(handling->stuck, topic));
        if (!turn->comes_again)
            g_hash_table_remove(handling->stuck, topic);
        else if (turn->tried && others)
            g_hash_table_insert(handling->stuck, g_strdup(topic), GUINT_TO_POINTER(times + 1));
    }
}

/* --- together --- */

static void
group_free(gpointer data)
{
    KlTurnGroup *group = data;
    g_ptr_array_unref(group->first);
    g_ptr_array_unref(group->handled);
    g_free(group);
}

GPtrArray *
kl_turns_group_up(GPtrArray *turns, guint size)
{
    g_autoptr(GPtrArray) chains = kl_turns_chain_up(turns);
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
    for (guint i = 0; i < chains->len; i++) {
        if (i % size == 0) {
            KlTurnGroup *group = g_new0(KlTurnGroup, 1);
            group->first = g_ptr_array_new();
            group->handled = g_ptr_array_new();
            g_ptr_array_add(groups, group);
        }
        g_ptr_array_add(((KlTurnGroup *)groups->pdata[groups->len - 1])->first, chains->pdata[i]);
    }
    return groups;
}

/* Handles the first ones of the chains; after that it is the turn of those behind them. Where one is not handled, its
 * chain ends. */
static void
handle_first(const KlHandling *handling, KlTurnGroup *group)
{
    guint n = group->first->len, left = 0;
    g_autofree KlActivationMessage *messages = g_new(KlActivationMessage, n);
    g_autofree KlActivation **became = g_new0(KlActivation *, n);
    KlOp op = {.deadline_us = g_get_monotonic_time() + HANDLE_US};
    for (guint i = 0; i < n; i++)
        messages[i] = message_of(group->first->pdata[i]);
    kl_activation_engine_handle_all(handling->engine, messages, n, &op, became);
    for (guint i = 0; i < n; i++) {
        KlTurn *turn = group->first->pdata[i];
        if (became[i] == NULL)
            continue;
        turn->became = became[i];
        turn->tried = TRUE;
        g_ptr_array_add(group->handled, turn);
        if (turn->next != NULL)
            group->first->pdata[left++] = turn->next;
    }
    g_ptr_array_set_size(group->first, (int)left);
}

void
kl_turns_handle_group(gpointer group, gpointer data)
{
    while (((KlTurnGroup *)group)->first->len > 0)
        handle_first(data, group);
}
