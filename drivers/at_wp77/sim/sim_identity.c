#include "drivers/at_wp77/sim/sim_identity.h"

#include <string.h>

#include "drivers/at_wp77/sim/sim_random.h"

/* Steps through all six-digit numbers: they have no factor in common with 10^6. */
#define IMEI_STRIDE 7919
#define FSN_STRIDE 104729

/* Puts the Luhn check digit of `digits` behind them. */
static void
append_luhn(char *digits)
{
    gsize len = strlen(digits);
    guint sum = 0;
    for (gsize i = 0; i < len; i++) {
        guint digit = (guint)(digits[len - 1 - i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    digits[len] = (char)('0' + (10 - sum % 10) % 10);
    digits[len + 1] = '\0';
}

static guint
six_digits(guint base, guint index, guint stride)
{
    return (guint)((base + (guint64)index * stride) % KL_SIM_INDICES);
}

void
kl_sim_identity(guint64 seed, guint index, KlSimIdentity *identity)
{
    guint64 line = seed;
    guint imei_base = kl_sim_random_below(&line, KL_SIM_INDICES);
    guint fsn_base = kl_sim_random_below(&line, KL_SIM_INDICES);
    guint fsn_batch = kl_sim_random_below(&line, 1000);
    guint64 unit = seed ^ kl_sim_random(&line) ^ index;
    g_snprintf(identity->imei, sizeof identity->imei, "35265309%06u", six_digits(imei_base, index, IMEI_STRIDE));
    append_luhn(identity->imei);
    g_snprintf(identity->fsn, sizeof identity->fsn, "4L936%03u%06u", fsn_batch,
               six_digits(fsn_base, index, FSN_STRIDE));
    g_snprintf(identity->iccid, sizeof identity->iccid, "893108%06u%06u", kl_sim_random_below(&unit, 1000000), index);
    append_luhn(identity->iccid);
    g_snprintf(identity->eid, sizeof identity->eid, "89033023%08u%08u%08u", kl_sim_random_below(&unit, 100000000),
               kl_sim_random_below(&unit, 100000000), index);
}
