#include "drivers/at_wp77/sim/sim_control.h"

#include <string.h>

/* A slot's number, or 0. */
static guint
read_slot(const char *text, guint n_slots)
{
    guint64 slot = 0;
    return text != NULL && g_ascii_string_to_unsigned(text, 10, 1, n_slots, &slot, NULL) ? (guint)slot : 0;
}

char *
kl_sim_control(KlSim *sim, guint n_slots, guint *next_index, const char *line)
{
    g_autofree char *copy = g_strstrip(g_strdup(line));
    g_auto(GStrv) words = g_strsplit(copy, " ", -1);
    guint slot = words[0] != NULL ? read_slot(words[1], n_slots) : 0;
    if (slot == 0)
        return g_strdup_printf("error: \"plug SLOT [FAULT ...]\" or \"unplug SLOT\", with a slot from 1 to %u",
                               n_slots);
    if (strcmp(words[0], "unplug") == 0) {
        kl_sim_unplug(sim, slot);
        return g_strdup_printf("ok unplug %u", slot);
    }
    if (strcmp(words[0], "plug") != 0)
        return g_strdup_printf("error: '%s' is neither plug nor unplug", words[0]);
    g_autoptr(GError) error = NULL;
    if (!kl_sim_replace(sim, slot, *next_index, (const char *const *)words + 2, &error))
        return g_strdup_printf("error: %s", error->message);
    (*next_index)++;
    return g_strdup_printf("ok plug %u %s", slot, kl_sim_fsn(sim, slot));
}
