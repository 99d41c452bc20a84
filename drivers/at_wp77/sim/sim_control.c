#include "drivers/at_wp77/sim/sim_control.h"

#include <string.h>

/* A slot's number, or 0. */
static guint
read_slot(const char *text, guint n_slots)
{
    guint64 slot = 0;
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 1, n_slots, &slot, NULL) ? (guint)slot : 0;
}

/* "field SLOT" and "clone SLOT ORIGINAL"; NULL: it is neither. */
static char *
obey_in_field(KlSim *sim, guint n_slots, guint slot, char **words)
{
    g_autoptr(GError) error = NULL;
    gboolean clone = strcmp(words[0], "clone") == 0;
    guint original = clone ? read_slot(words[2], n_slots) : 0;
    if (!clone && strcmp(words[0], "field") != 0)
        return NULL;
    if (clone && (original == 0 || original == slot))
        return g_strdup("error: \"clone SLOT ORIGINAL\", with two slots");
    if (!(clone ? kl_sim_clone(sim, slot, original, &error) : kl_sim_power_on_in_field(sim, slot, &error)))
        return g_strdup_printf("error: %s", error->message);
    return g_strdup_printf("ok %s %u %s", words[0], slot, kl_sim_fsn(sim, slot));
}

char *
kl_sim_control(KlSim *sim, guint n_slots, guint *next_index, const char *line)
{
    g_autofree char *copy = g_strstrip(g_strdup(line));
    g_auto(GStrv) words = g_strsplit(copy, " ", -1);
    guint slot = words[0] != NULL ? read_slot(words[1], n_slots) : 0;
    if (slot == 0)
        return g_strdup_printf("error: \"plug SLOT [FAULT ...]\", \"unplug SLOT\", \"field SLOT\" or \"clone SLOT "
                               "ORIGINAL\", with a slot from 1 to %u",
                               n_slots);
    if (strcmp(words[0], "unplug") == 0) {
        kl_sim_unplug(sim, slot);
        return g_strdup_printf("ok unplug %u", slot);
    }
    char *answer = obey_in_field(sim, n_slots, slot, words);
    if (answer != NULL)
        return answer;
    if (strcmp(words[0], "plug") != 0)
        return g_strdup_printf("error: '%s' is neither plug, unplug, field nor clone", words[0]);
    g_autoptr(GError) error = NULL;
    if (!kl_sim_replace(sim, slot, *next_index, (const char *const *)words + 2, &error))
        return g_strdup_printf("error: %s", error->message);
    (*next_index)++;
    return g_strdup_printf("ok plug %u %s", slot, kl_sim_fsn(sim, slot));
}
