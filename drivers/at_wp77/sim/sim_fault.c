#include "drivers/at_wp77/sim/sim_fault.h"

#include <stdatomic.h>
#include <string.h>

#include "drivers/at_wp77/sim/sim_random.h"

#define BIT(step) (1u << KL_SIM_STEP_##step)
#define ALL_STEPS ((1u << KL_SIM_STEPS) - 1)
#define WIRE_STEPS (ALL_STEPS & ~BIT(ISSUE))
#define WRITE_STEPS (BIT(KEY) | BIT(INSTALL) | BIT(LOCK))
#define WRITE_COMMANDS "KLKEY KLDEL KLCOMMIT KLLOCK"
#define INSTALL_SPREAD 8

static const char *const step_names[KL_SIM_STEPS] = {"connect", "identify", "precheck", "key",  "csr",
                                                     "issue",   "install",  "verify",   "lock", "rehearse"};

static const KlSimFaultKind kinds[KL_SIM_FAULTS] = {
    [KL_SIM_FAULT_NO_ANSWER] = {"no-answer", "the command is lost: no answer, no effect", WIRE_STEPS, BIT(CONNECT)},
    [KL_SIM_FAULT_GARBAGE] = {"garbage", "the answer arrives as noise", WIRE_STEPS, BIT(IDENTIFY)},
    [KL_SIM_FAULT_ECHO] = {"echo", "the command is echoed whatever ATE says", WIRE_STEPS, WIRE_STEPS, .harmless = TRUE},
    [KL_SIM_FAULT_LATE] = {"late", "the answer comes when the station has given up (--late-ms)", WIRE_STEPS,
                           BIT(IDENTIFY)},
    [KL_SIM_FAULT_CME] = {"cme", "the command is refused with a +CME ERROR", WIRE_STEPS, BIT(KEY)},
    [KL_SIM_FAULT_DISCONNECT] = {"disconnect", "the cable comes off for a moment, before or after the command's effect",
                                 ALL_STEPS, BIT(KEY)},
    [KL_SIM_FAULT_POWER_CUT] = {"power-cut", "the unit restarts, before or after the command's effect", ALL_STEPS,
                                BIT(INSTALL)},
    [KL_SIM_FAULT_POWER_CUT_BEFORE] = {"power-cut-before", "the unit restarts just before it stores something",
                                       WRITE_STEPS, BIT(INSTALL), WRITE_COMMANDS},
    [KL_SIM_FAULT_POWER_CUT_AFTER] = {"power-cut-after", "the unit restarts just after it stored something",
                                      WRITE_STEPS, BIT(INSTALL), WRITE_COMMANDS},
    [KL_SIM_FAULT_TORN] = {"torn", "a piece of an item arrives with bytes lost or changed", BIT(INSTALL), BIT(INSTALL),
                           "KLPUT"},
    [KL_SIM_FAULT_BIT_FLIP] = {"bit-flip", "a bit of the stored certificate flips after the commit", BIT(INSTALL),
                               BIT(INSTALL), "KLCOMMIT"},
    [KL_SIM_FAULT_CSR_BAD_SIGNATURE] = {"csr-bad-signature", "the CSR's signature is wrong", BIT(CSR), BIT(CSR),
                                        "KLCSR"},
    [KL_SIM_FAULT_CSR_OTHER_KEY] = {"csr-other-key", "the CSR is for another key than the one just made", BIT(CSR),
                                    BIT(CSR), "KLCSR"},
    [KL_SIM_FAULT_CSR_OTHER_CN] = {"csr-other-cn", "the CSR has another common name than asked", BIT(CSR), BIT(CSR),
                                   "KLCSR"},
    [KL_SIM_FAULT_CSR_RSA512] = {"csr-rsa512", "the CSR is for an RSA key of 512 bits", BIT(CSR), BIT(CSR), "KLCSR"},
    [KL_SIM_FAULT_COMMIT_ERROR] = {"commit-error", "storing an item fails", BIT(INSTALL), BIT(INSTALL), "KLCOMMIT"},
    [KL_SIM_FAULT_WRONG_PROOF] = {"wrong-proof", "the proof is a signature over something else", BIT(VERIFY),
                                  BIT(VERIFY), "KLPROVE"},
    [KL_SIM_FAULT_SLOT_USED] = {"slot-used", "the key slot has a key that the station did not ask for", BIT(PRECHECK),
                                BIT(PRECHECK), NULL, TRUE},
    [KL_SIM_FAULT_LOCKED] = {"locked", "the key slot is locked with a foreign key", BIT(PRECHECK), BIT(PRECHECK), NULL,
                             TRUE},
    [KL_SIM_FAULT_DUPLICATE_IMEI] = {"duplicate-imei", "the IMEI is that of the line's first unit; the FSN is its own",
                                     BIT(IDENTIFY), BIT(IDENTIFY), NULL, TRUE},
    [KL_SIM_FAULT_DUPLICATE_KEY] = {"duplicate-key", "the key comes out the same as that of the line's first unit",
                                    BIT(KEY), BIT(KEY), NULL, TRUE},
    [KL_SIM_FAULT_UNKNOWN_MODEL] = {"unknown-model", "a WP7607, which has the same USB ids", BIT(IDENTIFY),
                                    BIT(IDENTIFY), NULL, TRUE},
    [KL_SIM_FAULT_OLD_FIRMWARE] = {"old-firmware", "the firmware is SWI9X06Y_01.00.05.00", BIT(IDENTIFY), BIT(IDENTIFY),
                                   NULL, TRUE},
    [KL_SIM_FAULT_NO_AGENT] = {"no-agent", "stock software: the modem answers on every port", BIT(CONNECT),
                               BIT(CONNECT), NULL, TRUE},
    [KL_SIM_FAULT_SOFTWARE_KEYSTORE] = {"software-keystore", "keys are kept in software", BIT(IDENTIFY), BIT(IDENTIFY),
                                        NULL, TRUE},
    [KL_SIM_FAULT_BOOT_OTHER_ENDPOINT] = {"boot-other-endpoint", "its first boot looks for another endpoint",
                                          BIT(REHEARSE), BIT(REHEARSE), NULL, TRUE},
    [KL_SIM_FAULT_BOOT_OTHER_TRUST] = {"boot-other-trust", "its first boot trusts only its own certificate",
                                       BIT(REHEARSE), BIT(REHEARSE), NULL, TRUE},
    [KL_SIM_FAULT_BOOT_OLD_CLOCK] = {"boot-old-clock", "its clock is ten years behind", BIT(REHEARSE), BIT(REHEARSE),
                                     NULL, TRUE},
    [KL_SIM_FAULT_BOOT_DEAF] = {"boot-deaf", "its first boot never hears of its parameters", BIT(REHEARSE),
                                BIT(REHEARSE), NULL, TRUE},
    [KL_SIM_FAULT_BOOT_STORE_FULL] = {"boot-store-full", "in the field, its parameters can't be stored", BIT(REHEARSE),
                                      BIT(REHEARSE), NULL, TRUE},
    [KL_SIM_FAULT_BOOT_UNKNOWN] = {"boot-unknown", "an older agent, which knows no first boot", BIT(REHEARSE),
                                   BIT(REHEARSE), NULL, TRUE},
};

struct KlSimFaults {
    GArray *list;
    guint install_skip; /* commands of the install step to let pass before the first strike */
    atomic_uint strikes;
};

const char *
kl_sim_step_name(KlSimStep step)
{
    return step_names[step];
}

const KlSimFaultKind *
kl_sim_fault_kind(KlSimFaultId id)
{
    return &kinds[id];
}

/* The steps of a mask, as the parser takes them. */
static char *
steps_text(guint steps)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < KL_SIM_STEPS; i++)
        if (steps & (1u << i))
            g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", step_names[i]);
    return g_string_free(text, FALSE);
}

static char *
short_steps_text(guint steps)
{
    if (steps == ALL_STEPS)
        return g_strdup("any");
    return steps == WIRE_STEPS ? g_strdup("any but issue") : steps_text(steps);
}

char *
kl_sim_faults_table(void)
{
    GString *table = g_string_new(NULL);
    g_string_append_printf(table, "%-18s %-17s %-14s %s\n", "FAULT", "STEPS", "WITHOUT @STEP", "WHAT HAPPENS");
    for (guint i = 0; i < KL_SIM_FAULTS; i++) {
        g_autofree char *steps = short_steps_text(kinds[i].steps);
        g_autofree char *usual = short_steps_text(kinds[i].default_steps);
        g_string_append_printf(table, "%-18s %-17s %-14s %s%s\n", kinds[i].name, steps, usual,
                               kinds[i].trait ? "made so: " : "", kinds[i].text);
    }
    return g_string_free(table, FALSE);
}

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
refuse(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
    return FALSE;
}

static gboolean
parse_name(const char *name, KlSimFault *fault, GError **error)
{
    for (guint i = 0; i < KL_SIM_FAULTS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *fault = (KlSimFault){.id = (KlSimFaultId)i, .steps = kinds[i].default_steps, .times = G_MAXUINT};
            return TRUE;
        }
    }
    return refuse(error, "no fault is named '%s'; --faults lists them", name);
}

static gboolean
parse_step(const char *name, KlSimFault *fault, GError **error)
{
    const KlSimFaultKind *kind = &kinds[fault->id];
    g_autofree char *allowed = steps_text(kind->steps);
    if (strcmp(name, "any") == 0) {
        fault->steps = kind->steps;
        return TRUE;
    }
    for (guint i = 0; i < KL_SIM_STEPS; i++) {
        if (strcmp(step_names[i], name) == 0 && (kind->steps & (1u << i))) {
            fault->steps = 1u << i;
            return TRUE;
        }
    }
    return refuse(error, "'%s' does not happen at step '%s'; its steps: %s, any", kind->name, name, allowed);
}

static gboolean
parse_times(const char *text, KlSimFault *fault, GError **error)
{
    guint64 times = 0;
    if (kinds[fault->id].trait)
        return refuse(error, "'%s' is how a unit is made: it has no number of times", kinds[fault->id].name);
    if (!g_ascii_string_to_unsigned(text, 10, 1, 1000000, &times, NULL))
        return refuse(error, "'*%s' is not a number of times (1 to 1000000)", text);
    fault->times = (guint)times;
    return TRUE;
}

gboolean
kl_sim_fault_parse(const char *text, KlSimFault *fault, GError **error)
{
    g_auto(GStrv) counted = g_strsplit(text, "*", 2);
    g_auto(GStrv) placed = g_strsplit(counted[0] != NULL ? counted[0] : "", "@", 2);
    const char *name = placed[0] != NULL ? placed[0] : "";
    if (!parse_name(name, fault, error))
        return FALSE;
    if (placed[0] != NULL && placed[1] != NULL && !parse_step(placed[1], fault, error))
        return FALSE;
    return counted[0] == NULL || counted[1] == NULL || parse_times(counted[1], fault, error);
}

/* "3", "2-5" or "all" as first and last slot, 1-based. */
static gboolean
parse_range(const char *text, guint slots, guint *first, guint *last, GError **error)
{
    guint64 from = 1;
    guint64 to = slots;
    if (strcmp(text, "all") != 0) {
        g_auto(GStrv) ends = g_strsplit(text, "-", 2);
        const char *begin = ends[0] != NULL ? ends[0] : "";
        const char *end = ends[0] != NULL && ends[1] != NULL ? ends[1] : begin;
        if (!g_ascii_string_to_unsigned(begin, 10, 1, slots, &from, NULL) ||
            !g_ascii_string_to_unsigned(end, 10, from, slots, &to, NULL))
            return refuse(error, "'%s' names no slots of this line (1 to %u); write 3, 2-5, 1,4 or all", text, slots);
    }
    *first = (guint)from;
    *last = (guint)to;
    return TRUE;
}

gboolean
kl_sim_fault_parse_for_slots(const char *text, GPtrArray *slots, GError **error)
{
    KlSimFault fault;
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    if (parts[0] == NULL || parts[1] == NULL)
        return refuse(error, "'%s' is not SLOTS:NAME[@STEP][*TIMES]", text);
    if (!kl_sim_fault_parse(parts[1], &fault, error))
        return FALSE;
    g_auto(GStrv) ranges = g_strsplit(parts[0], ",", -1);
    if (ranges[0] == NULL)
        return refuse(error, "'%s' names no slots", text);
    for (guint i = 0; ranges[i] != NULL; i++) {
        guint first = 0;
        guint last = 0;
        if (!parse_range(ranges[i], slots->len, &first, &last, error))
            return FALSE;
        for (guint slot = first; slot <= last; slot++)
            g_array_append_val((GArray *)slots->pdata[slot - 1], fault);
    }
    return TRUE;
}

KlSimFaults *
kl_sim_faults_new(const GArray *list, guint64 random)
{
    KlSimFaults *faults = g_new0(KlSimFaults, 1);
    faults->list = g_array_new(FALSE, FALSE, sizeof(KlSimFault));
    g_array_append_vals(faults->list, list->data, list->len);
    faults->install_skip = kl_sim_random_below(&random, INSTALL_SPREAD);
    return faults;
}

void
kl_sim_faults_free(KlSimFaults *faults)
{
    g_array_unref(faults->list);
    g_free(faults);
}

gboolean
kl_sim_faults_trait(const KlSimFaults *faults, KlSimFaultId id)
{
    for (guint i = 0; i < faults->list->len; i++)
        if (g_array_index(faults->list, KlSimFault, i).id == id)
            return TRUE;
    return FALSE;
}

static gboolean
strikes_command(const KlSimFaultKind *kind, const char *command)
{
    if (kind->commands == NULL)
        return TRUE;
    g_auto(GStrv) names = g_strsplit(kind->commands, " ", -1);
    return g_strv_contains((const gchar *const *)names, command);
}

gboolean
kl_sim_faults_strike(KlSimFaults *faults, KlSimFaultId id, KlSimStep step, const char *command)
{
    for (guint i = 0; i < faults->list->len; i++) {
        KlSimFault *fault = &g_array_index(faults->list, KlSimFault, i);
        if (fault->id != id || fault->times == 0 || !(fault->steps & (1u << step)) ||
            !strikes_command(&kinds[id], command))
            continue;
        if (step == KL_SIM_STEP_INSTALL && kinds[id].commands == NULL && faults->install_skip > 0) {
            faults->install_skip--;
            continue;
        }
        if (fault->times != G_MAXUINT)
            fault->times--;
        atomic_fetch_add(&faults->strikes, 1);
        return TRUE;
    }
    return FALSE;
}

guint
kl_sim_faults_strikes(const KlSimFaults *faults)
{
    return atomic_load(&faults->strikes);
}
