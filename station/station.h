/* A station as a whole: the composition root's face to the command line and the window. */
#pragma once

#include "station/config.h"
#include "station/field_ask.h"
#include "station/line.h"
#include "station/secret.h"

G_BEGIN_DECLS

#define KL_PROGRAM_VERSION KL_VERSION

typedef struct KlStation KlStation;

/* The station folder where no --station names one: KEYLINE_STATION; or the current folder, when it is a station or
 * nothing else is known; or what the program was built for (an installed one: /var/lib/keyline). The caller frees. */
char *kl_station_usual_dir(void);

/* What setup writes for a file of that name ("station.conf", "fx30s.conf"), with the example of a name in it; NULL: no
 * such file. The caller frees. */
char *kl_station_template(const char *file);

typedef enum {
    KL_STATION_READ, /* look at records; any number of programs at once */
    KL_STATION_RUN,  /* work on units: one program at a time (STATION_BUSY) */
    KL_STATION_SEND, /* send rows to the cloud: as RUN, but without a bus, and others only have to wait a moment */
} KlStationMode;

/* Makes a new station folder: station.conf, products/fx30s.conf, ca/, empty database. Never overwrites: what exists is
 * left. USAGE (the name, the line file), STATION_DENIED, STORE_*; STORE_MISSING for a station whose database is gone.
 */
gboolean kl_station_setup(const char *dir, const char *name, const char *line_file, GError **error);

/* Opens a station folder: configuration, profiles, database. In RUN mode also takes the station's lock and ends jobs
 * that an earlier program left running. product NULL: the configured one. */
KlStation *kl_station_open(const char *dir, KlStationMode mode, const char *product, GError **error);
void kl_station_free(KlStation *station);

/* Borrowed, valid while the station lives. */
const KlConfig *kl_station_config(const KlStation *station);
const KlProfile *kl_station_profile(const KlStation *station);
KlStore *kl_station_store(const KlStation *station);

/* The station's seal; NULL for who only reads. Borrowed. */
KlSeal *kl_station_seal(const KlStation *station);

/* Gives the station another seal, for one that is lost or that others may have; the old files stay, under other names.
 * What the old one has sealed stays sealed by it. Takes the station's lock. USAGE (the key is on a token),
 * STATION_BUSY, STORE_*. */
gboolean kl_station_new_seal(const char *dir, const char *reason, GError **error);

/* Keeps in the journal what the user of this computer did apart from the line ("ca-create"), also while another program
 * runs the station; nothing where there is no database yet. STORE_*, AUDIT_BROKEN. */
gboolean kl_station_note_act(const char *dir, const char *what, const char *subject, const char *reason,
                             GError **error);

/* A second connection to the records, for reading only, so that a long query never delays a unit. The caller frees it.
 */
KlStore *kl_station_open_reader(const KlStation *station, GError **error);

/* A second connection that writes, too, beside whoever runs the station: for what any program may do to its rows at any
 * time. The caller frees it. */
KlStore *kl_station_open_writer(const KlStation *station, GError **error);

/* Makes signer and checks ready, and with [aws] starts the outbox. passphrase NULL: from the configured passphrase
 * file; a signer in the cloud needs none. PASSPHRASE_*, CA_*, TOKEN_FAILED, CLOUD_*, NET_DOWN. */
gboolean kl_station_unlock(KlStation *station, const KlSecret *passphrase, GError **error);
/* Whether the passphrase has to come from a person: there is a CA, and nothing configured opens it. */
gboolean kl_station_needs_passphrase(const KlStation *station);

gboolean kl_station_unlocked(const KlStation *station);

/* Before the line starts, once: whether the firmware that the product's registration row names is in the cloud's
 * firmware table, where the station has one. May take some seconds. FIRMWARE_MISSING; CLOUD_MISSING: the table is not
 * there. That it can't be known now is logged, and no reason not to start. Of a product whose first boot is rehearsed,
 * the broker for that is started: CONFIG_INVALID, BROKER_MISSING, BROKER_DOWN. */
gboolean kl_station_ready(const KlStation *station, GError **error);

/* What sends the station's rows to the cloud; NULL without [aws], and until the station is unlocked. Borrowed. */
KlOutbox *kl_station_outbox(const KlStation *station);

/* Sends the rows of a station that was opened to SEND, from now on, without unlocking it. Nothing without [aws]. */
void kl_station_start_sending(KlStation *station);

/* Sends rows whenever there are any and no other program works on units, until stop_fd is readable; a program that
 * wants to gets the station at once. Returns TRUE at once when there is no station or no [aws]: *why then says so, and
 * is NULL otherwise; the caller frees it. CONFIG_INVALID, STATION_DENIED, STORE_*. */
gboolean kl_station_serve(const char *dir, int stop_fd, char **why, GError **error);

/* Who wants to see how asking gets on; called in the caller's thread. */
typedef struct {
    void (*told)(const KlFieldAsked *asked, gpointer data);
    gpointer data;
} KlFieldWatch;

/* Asks the cloud's table how these units (device ids, NULL-terminated; NULL: all of them) got on with their first boot,
 * and keeps what it says: see kl_field_ask(). Blocks; works beside whoever runs the station, and safe from any thread.
 * watch may be NULL. CONFIG_INVALID: the station has no [aws]. */
gboolean kl_station_ask_field(const KlStation *station, const char *const *devices, const KlFieldWatch *watch, KlOp *op,
                              KlFieldAsked *asked, GError **error);

/* What jobs work with. Borrowed. */
const KlBench *kl_station_bench(const KlStation *station);

/* The USB bus; opened when it is first asked for; in RUN mode at once when a slot is known by its hub port. BUS_FAILED.
 * Borrowed. */
KlBus *kl_station_bus(KlStation *station, GError **error);

/* Opens the slot's ports, asks who is there, closes them. For listings. */
KlUnit *kl_station_look(const KlStation *station, const KlSlotConfig *slot, GCancellable *cancel, GError **error);

/* Puts a fixture into station.conf: group is one [hub NAME] group, as kl_teach_text makes it. It takes the place of the
 * group of that name, or comes last; comments and all else stay. The new file is tried before it replaces the old one,
 * and stays when the power goes. It counts from the next open. As with kl_station_set_product, who calls it holds the
 * station's lock (RUN mode). CONFIG_INVALID (ports or names that other slots have, too), STATION_DENIED, STORE_*. */
gboolean kl_station_set_fixture(const char *dir, const char *group, GError **error);

/* --- the products --- */

/* The names of the products in DIR/products, sorted; g_strfreev. CONFIG_INVALID. */
char **kl_station_products(const char *dir, GError **error);

/* Makes another product the station's own, in station.conf; comments there stay. It counts from the next open. The
 * product is checked first. USAGE, CONFIG_INVALID, STATION_DENIED, STORE_*. */
gboolean kl_station_set_product(const char *dir, const char *product, GError **error);

/* --- the certificate authority --- */

/* Makes a P-256 CA in DIR/ca, its key encrypted under the passphrase. CA_EXISTS. */
gboolean kl_station_ca_init(const char *dir, const char *common_name, guint days, const KlSecret *passphrase,
                            GError **error);

/* Takes over a CA: PEM key (key_passphrase NULL: not encrypted) and certificate. CA_EXISTS, CA_*. */
gboolean kl_station_ca_import(const char *dir, const char *key_path, const char *certificate_path,
                              const KlSecret *key_passphrase, const KlSecret *passphrase, GError **error);

/* Whether there is a CA, or what is left of one. */
gboolean kl_station_ca_exists(const char *dir);

/* The CA's certificate; needs no passphrase. CA_MISSING, CA_UNREADABLE. The caller frees. */
KlCertificate *kl_station_ca_certificate(const char *dir, GError **error);

/* The CA's certificate as text for people. */
char *kl_station_ca_show(const char *dir, GError **error);

/* Any certificate as text for people: names, validity, key, fingerprint, extensions. Never NULL. */
char *kl_station_certificate_text(const KlCertificate *certificate);

/* What AWS knows of a revocation. */
typedef enum {
    KL_TOLD_NOBODY, /* it never knew the certificate */
    KL_TOLD_SENT,   /* the certificate is out of AWS */
    KL_TOLD_QUEUED, /* it is to be told: that waits in the outbox */
} KlTold;

/* Revokes a certificate by fingerprint, in the ledger for good, and tries to take it out of AWS, for so many seconds at
 * most. *why, with KL_TOLD_QUEUED, is what is in the way, in words (the caller frees). Who calls it holds the station's
 * lock (RUN), and the station is not unlocked: then the outbox does the rest. CERTIFICATE_UNKNOWN, STORE_*. */
gboolean kl_station_ca_revoke(KlStation *station, const char *certificate_sha256, const char *reason, guint seconds,
                              KlTold *told, char **why, GError **error);

/* Signs a CRL over all revoked certificates and writes it to DIR/ca/ca.crl; returns its path. Needs an unlocked
 * station. */
char *kl_station_ca_crl(KlStation *station, guint days, GError **error);

/* How AWS IoT Core has the CA. */
typedef struct {
    char *id;            /* the CA's there: the SHA-256 of its certificate */
    char *mode;          /* "SNI_ONLY" or "DEFAULT" */
    gboolean registered; /* now; else it was before */
    gboolean activated;  /* now, though it was registered before */
} KlCaRegistration;

void kl_ca_registration_clear(KlCaRegistration *registration);

/* Registers the CA with AWS IoT Core, where that takes certificates that the CA signs from then on, and sets it active;
 * what is so already is left. In default mode the CA's key has to prove that the CA is ours: passphrase as for unlock;
 * otherwise it is not looked at. *done is filled in on success. CONFIG_INVALID (no [aws]), CA_*, PASSPHRASE_*, CLOUD_*,
 * NET_DOWN. */
gboolean kl_station_ca_register(const char *dir, gboolean default_mode, const KlSecret *passphrase,
                                KlCaRegistration *done, GError **error);

/* One finding of the doctor. */
typedef struct {
    char *title; /* "Database" */
    gboolean ok;
    gboolean warning; /* works, but not for long or not well */
    char *detail;     /* what was found */
    char *remedy;     /* NULL when ok */
} KlFinding;

void kl_finding_free(KlFinding *finding);

/* Looks at everything that a shift needs. Array of KlFinding; never NULL. passphrase as for unlock; without one the
 * CA's key is reported as not tried. */
GPtrArray *kl_station_doctor(const char *dir, const KlSecret *passphrase);
/* The same for a station that this program runs itself: its own database connection is tried, and an unlocked CA counts
 * as opened.
 */
GPtrArray *kl_station_doctor_running(const KlStation *station);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KlCaRegistration, kl_ca_registration_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlStation, kl_station_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlFinding, kl_finding_free)

G_END_DECLS
