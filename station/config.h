/* The station's configuration: station.conf in the station folder. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    char *name;        /* "01", from [slot 01]; "A07", the seventh place of [hub A] */
    char *agent;       /* address, see KlTransportOpen; "usb:1-1.4.2" for a slot known by its hub port */
    char *modem;       /* address or NULL */
    int hub;           /* index into KlConfig.hubs, or -1 */
    guint row, column; /* its place on that hub, from 0 */
} KlSlotConfig;

/* A fixture whose slots stand in rows and columns. */
typedef struct {
    char *name; /* "A", from [hub A] */
    char *path; /* hub port path of the hub itself */
    guint rows, columns;
} KlHubConfig;

/* Rows, and columns, of a hub at most. */
#define KL_HUB_SIDE_MAX 16

/* A USB id; product 0 with any_product: all of the vendor's. */
typedef struct {
    guint16 vendor, product;
    gboolean any_product;
} KlUsbId;

/* Who signs. */
typedef enum {
    KL_SIGNER_LOCAL,    /* the station's own CA, and nobody else knows */
    KL_SIGNER_REGISTER, /* the station's own CA; each certificate is registered with AWS IoT Core */
    KL_SIGNER_IOT,      /* AWS IoT Core */
    KL_SIGNER_PCA,      /* ACM Private CA; registered with AWS IoT Core as well when [aws] register is not "no" */
} KlSignerKind;

/* How certificates that AWS IoT Core did not issue become known to it. */
typedef enum { KL_REGISTER_NO, KL_REGISTER_CA, KL_REGISTER_WITHOUT_CA } KlRegisterMode;

/* [aws]. NULL and 0 where nothing is said and there is no default. */
typedef struct {
    gboolean on;                       /* there is an [aws] group: the outbox runs */
    char *region, *profile, *endpoint; /* else as the AWS tools find them */
    char *registration_table;          /* default Bootstrapping_table_registration */
    char *records_table;               /* default Keyline_records */
    char *counters_table;              /* default Keyline_counters */
    char *firmware_table;              /* Devicemanager_update: where the doctor looks for the firmware; NULL: not */
    char *policy;                      /* the IoT policy of devices; default: the product's registration policy */
    KlRegisterMode register_mode;      /* register=ca|without-ca|no; default ca */
    char *pca_arn, *pca_template;      /* template ARN; default EndEntityClientAuthCertificate/V1 */
    gboolean require_ack;              /* require-ack=: PASS waits for the cloud to have the row */
    guint ack_wait_ms;                 /* ack-wait-ms=: how long a PASS waits for it otherwise; default 2000 */
    guint per_second;                  /* rows-per-second=: default 20 */
    guint id_block;                    /* id-block=: default 500 */
    guint rate_percent;                /* rate-percent=: this station's part of the account's rates; default 100 */
    guint connections_alarm;           /* connections-alarm=: of a unit in the field, more raise an alarm; default 3 */
} KlAwsSection;

/* [rehearsal]: the broker that units rehearse their first boot with. */
typedef struct {
    char *listen;      /* listen=ADDRESS[:PORT]: where it listens; default 127.0.0.1 */
    guint listen_port; /* 0: any free one */
    char *host;        /* address=HOST[:PORT]: how units reach it; NULL: as listen */
    guint port;        /* 0: the one that it listens on */
    char *software;    /* software=: a folder with signed software, absolute; NULL: that part is not rehearsed */
    char *mosquitto;   /* mosquitto=: the broker's program, absolute; NULL: wherever it is */
} KlRehearsalSection;

typedef struct {
    char *dir;             /* the station folder, absolute */
    char *name;            /* [station] name */
    char *product;         /* [station] product: the default profile */
    char *line_file;       /* [station] line: a further file with [slot ...] groups, absolute, or NULL */
    guint columns;         /* [station] columns: of the fixture, 1..64, for the window; 0: as it fits */
    char *ca_key;          /* [ca] key: "file" (ca/ca.key) or a pkcs11: URI */
    char *passphrase_file; /* [ca] passphrase-file: absolute, or NULL: ask */
    char *audit_key;       /* [audit] key: "file" (audit/seal.key) or a pkcs11: URI */
    GPtrArray *slots;      /* KlSlotConfig: those without a hub by name, then the hubs' in reading order */
    KlSignerKind signer;   /* [ca] signer=local|register|iot|pca */
    KlAwsSection aws;
    KlRehearsalSection rehearsal;
    GPtrArray *hubs;      /* KlHubConfig, in the order of the file */
    GArray *usb_modules;  /* [usb] modules: KlUsbId, besides those that the driver knows */
    GArray *usb_adapters; /* [usb] adapters: the same */
    guint power_cycles;   /* [recovery] power-cycles: how often a job may switch its unit's port off and on; 0: never */
} KlConfig;

/* station.conf:
 *   [station] name=        1..64 characters, for records
 *             product=     products/PRODUCT.conf: 1..64 of [A-Za-z0-9_.-]
 *             line=        optional: a further file, with [slot ...] and [hub ...] groups only
 *   [ca]      key=         optional: "file" (the default) or a pkcs11: URI
 *             passphrase-file=  optional
 *   [slot NN] agent=       NN: 1..32 of [A-Za-z0-9_.-]; serial:PATH, pty:PATH, tcp:HOST:PORT or
 * usb:PORTPATH[#INTERFACE] usb=         instead of agent: usb=1-1.4.2 is agent=usb:1-1.4.2 modem=       optional, the
 * same kinds; may be the same as agent [hub A]   path=        A: 1..16 of [A-Za-z0-9_-]; the hub's own port path,
 * "1-1"; "usb1": ports of the computer itself rows=, columns=  1..16 each; slots are named A01, A02, ... in reading
 * order (A001 where over 99) ports=       optional: the port of each place in reading order, below path, separated by
 * ';': "1.1;1.2;-"
 *                          ("-": no slot there); default: 1;2;3;...
 *   [usb]     modules=, adapters=  optional: further USB ids, separated by ';': "1199:9091;1199:*"
 *   [ca]      signer=      optional: local (the default), register, iot, pca; all but local need [aws]
 *   [audit]   key=         optional: "file" (the default) or a pkcs11: URI of a P-256 key, whose certificate is then
 * put into DIR/audit/station.pem by hand [aws]     optional; every key in it, too: region, profile, endpoint,
 * registration-table, records-table, counters-table, firmware-table, policy, register, pca-arn, pca-template,
 * require-ack, ack-wait-ms, rows-per-second, id-block, rate-percent, connections-alarm: see KlAwsSection [recovery]
 * power-cycles= optional: 0..3, default 0 [rehearsal] listen=, address=, software=, mosquitto=: optional, see
 * KlRehearsalSection Relative paths count from the folder of the file that they stand in. No two slots share a
 * port.
 */

/* Reads DIR/station.conf and the line file it names. STATION_MISSING when there is none; CONFIG_INVALID names file,
 * line and what is allowed: unknown groups and keys, duplicate slots, addresses without a known scheme are all errors.
 */
KlConfig *kl_config_load(const char *dir, GError **error);
/* The same, with the file at path in the place of DIR/station.conf: to try what is about to be written there. */
KlConfig *kl_config_load_file(const char *dir, const char *path, GError **error);
void kl_config_free(KlConfig *config);

/* The cloud's table that units of this station do their first boot with: KlFieldFilter.cloud. NULL: they do it with the
 * rows here. Borrowed. */
const char *kl_config_field_table(const KlConfig *config);

/* Borrowed, or NULL with SLOT_UNKNOWN. */
const KlSlotConfig *kl_config_slot(const KlConfig *config, const char *name, GError **error);

/* Whether a hub may have that name. */
gboolean kl_hub_name_valid(const char *name);

/* The name of the slot at that place, from 0, of a hub with so many places: "A07". The caller frees. */
char *kl_hub_slot_name(const char *hub, guint places, guint place);

/* The port path of a slot's address: "1-1.4.2" of "usb:1-1.4.2#3"; NULL for other addresses, and for NULL. The caller
 * frees. */
char *kl_slot_usb_path(const char *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlConfig, kl_config_free)

G_END_DECLS
