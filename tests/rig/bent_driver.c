#include "tests/rig/bent_driver.h"

/* The station's handle of a unit: the real one behind it may change. */
typedef struct {
    KlDevice *inner; /* NULL: the cable is off */
    KlTransportOpen open_transport;
} BentDevice;

static const KlDriver *real;
static KlBentDriver *how;
static gboolean refuse_open; /* once */

static KlDevice *
inner(KlDevice *device)
{
    return ((BentDevice *)device)->inner;
}

static gboolean
cable_off(KlDevice *device, GError **error)
{
    return inner(device) == NULL && !kl_fail(error, KL_ERROR_PORT_GONE, "the cable is off");
}

static void
strike(BentDevice *device, KlOp *op)
{
    how->struck = TRUE;
    refuse_open = how->bend == KL_BEND_SWAP_LOUD;
    real->close(g_steal_pointer(&device->inner));
    if (how->bend == KL_BEND_SWAP_SILENT)
        device->inner = real->open(how->other, device->open_transport, op, NULL);
}

/* After a call: TRUE when its answer is lost now. */
static gboolean
after(KlDevice *device, const char *call, KlOp *op, GError **error)
{
    if (how->nth == 0 || how->struck || (how->call != NULL && g_strcmp0(how->call, call) != 0) ||
        ++how->calls < how->nth)
        return FALSE;
    strike((BentDevice *)device, op);
    if (inner(device) != NULL)
        return FALSE;
    g_clear_error(error);
    return cable_off(device, error);
}

static gboolean
may_open(GError **error)
{
    if (how->starting > 0) {
        how->starting--;
        if (how->cancel != NULL)
            g_cancellable_cancel(how->cancel);
        return kl_fail(error, KL_ERROR_UNIT_STARTING, "bent");
    }
    if (refuse_open || (how->struck && how->bend == KL_BEND_DIE)) {
        refuse_open = FALSE;
        return kl_fail(error, KL_ERROR_NO_ANSWER, "bent");
    }
    return TRUE;
}

static KlDevice *
bent_open(const KlPorts *ports, KlTransportOpen open_transport, KlOp *op, GError **error)
{
    if (!may_open(error))
        return NULL;
    KlDevice *device = real->open(how->struck && how->other != NULL ? how->other : ports, open_transport, op, error);
    if (device == NULL)
        return NULL;
    BentDevice *bent = g_new0(BentDevice, 1);
    bent->inner = device;
    bent->open_transport = open_transport;
    return (KlDevice *)bent;
}

static void
bent_close(KlDevice *device)
{
    if (inner(device) != NULL)
        real->close(inner(device));
    g_free(device);
}

#define BENT_FLAG(method, parameters, ...)                                                                             \
    static gboolean bent_##method parameters                                                                           \
    {                                                                                                                  \
        if (cable_off(device, error))                                                                                  \
            return FALSE;                                                                                              \
        gboolean ok = real->method(inner(device), __VA_ARGS__);                                                        \
        return !after(device, #method, op, error) && ok;                                                               \
    }

#define BENT_POINTER(type, release, method, parameters, ...)                                                           \
    static type *bent_##method parameters                                                                              \
    {                                                                                                                  \
        if (cable_off(device, error))                                                                                  \
            return NULL;                                                                                               \
        type *answer = real->method(inner(device), __VA_ARGS__);                                                       \
        if (after(device, #method, op, error))                                                                         \
            g_clear_pointer(&answer, release);                                                                         \
        return answer;                                                                                                 \
    }

BENT_POINTER(GBytes, g_bytes_unref, get_csr,
             (KlDevice * device, const char *slot, const char *cn, KlOp *op, GError **error), slot, cn, op, error)
BENT_POINTER(GPtrArray, g_ptr_array_unref, read_back, (KlDevice * device, KlOp *op, GError **error), op, error)
BENT_POINTER(GBytes, g_bytes_unref, prove,
             (KlDevice * device, const char *slot, const guint8 nonce[KL_NONCE_SIZE], KlOp *op, GError **error), slot,
             nonce, op, error)
BENT_FLAG(key_status, (KlDevice * device, const char *slot, KlKeyInfo *info, KlOp *op, GError **error), slot, info, op,
          error)
BENT_FLAG(generate_key, (KlDevice * device, const char *slot, KlKeyInfo *info, KlOp *op, GError **error), slot, info,
          op, error)
BENT_FLAG(install, (KlDevice * device, const char *item, GBytes *data, KlOp *op, GError **error), item, data, op, error)
BENT_FLAG(erase, (KlDevice * device, const char *slot, KlOp *op, GError **error), slot, op, error)
BENT_FLAG(rehearse, (KlDevice * device, const char *address, const char *sha256, KlOp *op, GError **error), address,
          sha256, op, error)
BENT_FLAG(boot_status, (KlDevice * device, KlBootInfo *info, KlOp *op, GError **error), info, op, error)
BENT_FLAG(boot_reset, (KlDevice * device, KlOp *op, GError **error), op, error)

static KlUnit *
bent_identify(KlDevice *device, KlOp *op, GError **error)
{
    if (cable_off(device, error))
        return NULL;
    KlUnit *unit = real->identify(inner(device), op, error);
    if (after(device, "identify", op, error))
        g_clear_pointer(&unit, kl_unit_free);
    if (unit != NULL && how->keystore_is_a_lie) {
        g_free(unit->keystore);
        unit->keystore = g_strdup("iks");
    }
    return unit;
}

static gboolean
bent_lock(KlDevice *device, const char *slot, KlOp *op, GError **error)
{
    if (cable_off(device, error))
        return FALSE;
    gboolean ok = how->lock_is_a_lie || real->lock(inner(device), slot, op, error);
    return !after(device, "lock", op, error) && ok;
}

const KlDriver *
kl_bent_driver(const KlDriver *driver, KlBentDriver *bent)
{
    static const KlDriver table = {
        .id = "bent",
        .title = "A bent driver",
        .open = bent_open,
        .identify = bent_identify,
        .key_status = bent_key_status,
        .generate_key = bent_generate_key,
        .get_csr = bent_get_csr,
        .install = bent_install,
        .read_back = bent_read_back,
        .prove = bent_prove,
        .erase = bent_erase,
        .lock = bent_lock,
        .rehearse = bent_rehearse,
        .boot_status = bent_boot_status,
        .boot_reset = bent_boot_reset,
        .close = bent_close,
    };
    real = driver;
    how = bent;
    refuse_open = FALSE;
    return &table;
}

KlPorts
kl_bent_ports(const KlLineRig *rig, guint slot)
{
    const KlSlotConfig *config = g_ptr_array_index(kl_station_config(rig->station)->slots, slot - 1);
    return (KlPorts){config->agent, config->modem};
}

static void
drop(KlEvent *event, gpointer data)
{
    kl_event_free(event);
}

KlRecord *
kl_bent_run(const KlLineRig *rig, guint slot, KlBentDriver *bent, const KlProfile *profile, const KlJobRequest *request)
{
    static const KlJobRequest plain = {.operator_id = "rig"};
    const KlSlotConfig *config = g_ptr_array_index(kl_station_config(rig->station)->slots, slot - 1);
    KlBench bench = *kl_station_bench(rig->station);
    KlPorts ports = kl_bent_ports(rig, slot);
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    if (bent != NULL)
        bench.driver = kl_bent_driver(bench.driver, bent);
    if (profile != NULL)
        bench.profile = profile;
    return kl_job_run(&bench, config->name, &ports, request != NULL ? request : &plain,
                      bent != NULL && bent->cancel != NULL ? bent->cancel : cancel, drop, NULL);
}
