/* Who a simulated unit is: a function of the line's seed and the unit's index, and of nothing else. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Indices below this give different IMEIs and FSNs under one seed. */
#define KL_SIM_INDICES 1000000

typedef struct {
    char imei[16];  /* TAC 35265309, six digits, Luhn digit */
    char fsn[15];   /* "4L936", three digits of the seed, six digits */
    char iccid[20]; /* 19 digits, the last one Luhn */
    char eid[33];   /* 32 digits */
} KlSimIdentity;

void kl_sim_identity(guint64 seed, guint index, KlSimIdentity *identity);

G_END_DECLS
