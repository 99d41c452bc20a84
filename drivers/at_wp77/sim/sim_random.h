/* The simulator's random numbers: SplitMix64 (Steele, Lea, Flood 2014), so that a seed gives the same line on every
 * machine and in every version of every library. Not for keys. */
#pragma once

#include <glib.h>

static inline guint64
kl_sim_random(guint64 *state)
{
    *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    guint64 z = *state;
    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A number in 0..n-1; n > 0. */
static inline guint
kl_sim_random_below(guint64 *state, guint n)
{
    return (guint)(kl_sim_random(state) % n);
}
