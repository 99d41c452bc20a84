/* What can go wrong with a simulated unit: the table of faults, how they are asked for, and whether one strikes now. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The station's steps that a unit takes part in. */
typedef enum {
    KL_SIM_STEP_CONNECT,
    KL_SIM_STEP_IDENTIFY,
    KL_SIM_STEP_PRECHECK,
    KL_SIM_STEP_KEY,
    KL_SIM_STEP_CSR,
    KL_SIM_STEP_ISSUE, /* the unit is not asked anything meanwhile: it begins when the station has read the CSR */
    KL_SIM_STEP_INSTALL,
    KL_SIM_STEP_VERIFY,
    KL_SIM_STEP_LOCK,
    KL_SIM_STEP_REHEARSE,
    KL_SIM_STEPS,
} KlSimStep;

/* "connect", "identify", ... Static. */
const char *kl_sim_step_name(KlSimStep step);

typedef enum {
    KL_SIM_FAULT_NO_ANSWER,
    KL_SIM_FAULT_GARBAGE,
    KL_SIM_FAULT_ECHO,
    KL_SIM_FAULT_LATE,
    KL_SIM_FAULT_CME,
    KL_SIM_FAULT_DISCONNECT,
    KL_SIM_FAULT_POWER_CUT,
    KL_SIM_FAULT_POWER_CUT_BEFORE,
    KL_SIM_FAULT_POWER_CUT_AFTER,
    KL_SIM_FAULT_TORN,
    KL_SIM_FAULT_BIT_FLIP,
    KL_SIM_FAULT_CSR_BAD_SIGNATURE,
    KL_SIM_FAULT_CSR_OTHER_KEY,
    KL_SIM_FAULT_CSR_OTHER_CN,
    KL_SIM_FAULT_CSR_RSA512,
    KL_SIM_FAULT_COMMIT_ERROR,
    KL_SIM_FAULT_WRONG_PROOF,
    KL_SIM_FAULT_SLOT_USED,
    KL_SIM_FAULT_LOCKED,
    KL_SIM_FAULT_DUPLICATE_IMEI,
    KL_SIM_FAULT_DUPLICATE_KEY,
    KL_SIM_FAULT_UNKNOWN_MODEL,
    KL_SIM_FAULT_OLD_FIRMWARE,
    KL_SIM_FAULT_NO_AGENT,
    KL_SIM_FAULT_SOFTWARE_KEYSTORE,
    KL_SIM_FAULT_BOOT_OTHER_ENDPOINT,
    KL_SIM_FAULT_BOOT_OTHER_TRUST,
    KL_SIM_FAULT_BOOT_OLD_CLOCK,
    KL_SIM_FAULT_BOOT_DEAF,
    KL_SIM_FAULT_BOOT_STORE_FULL,
    KL_SIM_FAULT_BOOT_UNKNOWN,
    KL_SIM_FAULTS,
} KlSimFaultId;

/* One row of the table. Steps are bits: 1 << KlSimStep. */
typedef struct {
    const char *name;
    const char *text;
    guint steps;          /* where it makes sense */
    guint default_steps;  /* where it strikes when no step is named */
    const char *commands; /* the only commands that it strikes on, separated by spaces; NULL: all of the step */
    gboolean trait;       /* the unit is made like this: it can't be given a step of choice or a number of times */
    gboolean harmless;    /* the station is expected to cope and to pass the unit */
} KlSimFaultKind;

/* The row of a fault. Static. */
const KlSimFaultKind *kl_sim_fault_kind(KlSimFaultId id);

/* All faults for people to read: a heading and one line each (name, steps, usual step, what happens). */
char *kl_sim_faults_table(void);

/* A fault that was asked for. */
typedef struct {
    KlSimFaultId id;
    guint steps;
    guint times; /* how often it may still strike; G_MAXUINT: always */
} KlSimFault;

/* Reads "NAME[@STEP][*TIMES]"; the step may be "any". G_OPTION_ERROR says what is wrong and what is allowed. */
gboolean kl_sim_fault_parse(const char *text, KlSimFault *fault, GError **error);

/* Reads "SLOTS:NAME[@STEP][*TIMES]" and appends the fault to the arrays of KlSimFault of its slots; `slots` has one for
 * each of the line's slots, slot 1 first. SLOTS is "all" or numbers and ranges: "3", "2-5", "1,4". */
gboolean kl_sim_fault_parse_for_slots(const char *text, GPtrArray *slots, GError **error);

/* The faults of one unit. Belongs to one thread but for kl_sim_faults_strikes. */
typedef struct KlSimFaults KlSimFaults;

/* Copies the array of KlSimFault. */
KlSimFaults *kl_sim_faults_new(const GArray *faults, guint64 random);
void kl_sim_faults_free(KlSimFaults *faults);

/* Whether the unit was made like this. */
gboolean kl_sim_faults_trait(const KlSimFaults *faults, KlSimFaultId id);

/* Whether the fault strikes on this command (its name without "AT+"; "" for a basic one); uses up one of its times.
 * In the install step the first strike comes at one of its first eight commands, picked at random. */
gboolean kl_sim_faults_strike(KlSimFaults *faults, KlSimFaultId id, KlSimStep step, const char *command);

/* How often anything has struck so far. Safe from any thread. */
guint kl_sim_faults_strikes(const KlSimFaults *faults);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlSimFaults, kl_sim_faults_free)

G_END_DECLS
