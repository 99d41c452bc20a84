/* A product: which units are accepted, how they are named, what their certificate and registration row look like. */
#pragma once

#include <glib.h>

#include "station/unit.h"

G_BEGIN_DECLS

typedef enum { KL_ID_FSN, KL_ID_IMEI, KL_ID_LABEL, KL_ID_SEQUENCE } KlIdRule;

/* Which identity a scanned label must match. ANY: IMEI, FSN or device id; NONE: labels are not compared, but one that
 * is to be the device id (KL_ID_LABEL) has to be the id that the unit has already. */
typedef enum { KL_LABEL_NONE, KL_LABEL_ANY, KL_LABEL_IMEI, KL_LABEL_FSN, KL_LABEL_DEVICE_ID } KlLabelRule;

/* products/NAME.conf. Values are taken as written: a backslash is no escape; lists are separated by ';'. */
typedef struct {
    char *name; /* the file's name without .conf: 1..64 of [A-Za-z0-9_.-]; the profile's id everywhere */

    /* [product] */
    char *title;     /* title=, for people; default: the name */
    char *driver;    /* driver=, default "at_wp77"; [a-z0-9_] */
    char **models;   /* models=, required: accepted models, exact */
    char **firmware; /* firmware=, default "*": accepted firmware, patterns with * (at most 4 in each) and ? */

    guint restart_seconds; /* restart-seconds=, 1..120, default 20: how long a unit that vanishes in mid-job may take to
                              come back before it counts as pulled out */

    /* [id] */
    KlIdRule id_rule;  /* rule=fsn|imei|label|sequence, default fsn */
    char *id_pattern;  /* pattern=, required with sequence, else refused: one %u or %0Nu, "FX30-%06u" */
    char *id_sequence; /* with sequence: the pattern without its width, "FX30-%u": what products have in common whose
                          ids could be the same, and so the name of the numbers that stations lease; else NULL */
    KlLabelRule label_rule;  /* label=none|any|imei|fsn|device_id, default any */
    gboolean label_required; /* label-required=true|false, default false; always TRUE with rule=label */
    char *label_pattern; /* label-pattern=, a Perl-like regular expression that the whole scan must match, or NULL */

    /* [key] */
    char *key_slot;      /* slot=, default "keyline": name of the key on the module; 1..32 of [A-Za-z0-9_-] */
    char **key_backends; /* backends=, of iks and software; default iks only */
    gboolean lock;       /* lock=, default false: lock the unit's key after all is proved (can't be undone) */

    /* [certificate] */
    char *subject; /* subject=, default "CN={device_id}"; RFC 2253-like, {device_id} (has to be there), {imei} and {fsn}
                      are replaced: "CN={device_id},O=Example" */
    guint validity_days;    /* validity-days=, 1..36500, default 3650 */
    guint backdate_minutes; /* backdate-minutes=, 0..525600, default 60: notBefore is this much in the past, as the
                               units' clocks may be behind */
    guint ca_margin_days;   /* ca-margin-days=, 0..36500, default 30: the CA must outlive today by at least this */
    gboolean allow_null_parameter; /* allow-null-parameter=, default false. Named exception: tolerate NULL parameters in
                                      a CSR's ECDSA algorithm */

    /* [registration] */
    char *policy;                /* policy=, required: 1..128 of [A-Za-z0-9_+=,.@-] (names of IoT policies) */
    char *registration_firmware; /* firmware=, required: 1..128 characters */
    char *parameters;            /* parameters=, default {}: a JSON object, kept compact; DEVICE_ID is replaced */

    /* [install] */
    char *endpoint;   /* endpoint=, required: host name of the unit's broker */
    char *trust_file; /* trust=, or NULL: a file of CA certificates (PEM), absolute; written, it counts from the
                         product's folder */
    char *trust;      /* what is in it: whom the unit trusts for its broker; else it is its own chain */

    /* [rehearsal] */
    gboolean rehearse;            /* first-boot=, default false: a job rehearses the unit's first boot. The parameters
                                     have a "topic" then */
    guint rehearsal_seconds;      /* timeout-seconds=, 5..300, default 60: how long it may take */
    guint rehearsal_clock_hours;  /* clock-tolerance=, 0..8760, default 24: how far a unit's clock may be off; 0: any
                                     time by which the broker's certificate is valid */
    gboolean rehearsal_telemetry; /* telemetry=, default true: until a unit has published its telemetry. The topic has
                                     DEVICE_ID as one of its levels then: else nobody could tell who spoke */
} KlProfile;

#define KL_PARAMETERS_MAX 4096 /* bytes of a unit's parameters, with its device id in them: what an agent stores */
#define KL_TRUST_MAX 4096      /* bytes of the CA certificates that an agent stores */
#define KL_LABEL_MAX 256       /* bytes of a scan */

/* Reads products/NAME.conf. Every key has to be known and valid: CONFIG_INVALID names file, line and what is allowed.
 */
KlProfile *kl_profile_load(const char *path, GError **error);
void kl_profile_free(KlProfile *profile);

/* FALSE with MODEL_UNKNOWN, FIRMWARE_REFUSED or KEYSTORE_REFUSED when the unit is not one of this product. */
gboolean kl_profile_accepts(const KlProfile *profile, const KlUnit *unit, GError **error);

/* A scan without the blanks and line ends that scanners append; NULL when nothing is left (or scan is NULL). With the
 * id rule "label" this is the device id. */
char *kl_label_clean(const char *scan);

/* Compares a scanned label (may be NULL; cleaned here) with a unit, by the profile's rule; the FSN without regard to
 * case. As long as unit->device_id is NULL it counts as what the id rule will make of it (FSN, IMEI, the label itself);
 * a sequence number is unknown until then: the rule device_id passes and has to be checked again when it is given, the
 * rule any compares IMEI and FSN only. So set a device id that the store knows first.
 * FALSE with LABEL_MISSING, LABEL_FORMAT or LABEL_MISMATCH. */
gboolean kl_profile_check_label(const KlProfile *profile, const KlUnit *unit, const char *label, GError **error);

/* template with {device_id}, {imei} and {fsn} replaced from the unit. Unknown {names} are refused at load
 * time. The unit has to have what the template names. */
char *kl_profile_expand(const char *template, const KlUnit *unit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlProfile, kl_profile_free)

G_END_DECLS
