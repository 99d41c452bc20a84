#include "drivers/at_wp77/sim/sim.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "drivers/at_wp77/sim/sim_folder.h"
#include "drivers/at_wp77/sim/sim_shared_key.h"
#include "drivers/at_wp77/sim/sim_unit.h"

#define KEY_MS_MAX 600000
#define KEY_MS_REAL_MIN 200
#define KEY_MS_REAL_MAX 1500

typedef struct {
    char *agent_link; /* NULL on a bus */
    char *modem_link; /* NULL when there is one port only */
    char *place;      /* on the bus, or NULL */
    char *unit_dir;   /* of the unit that is in the slot now */
    guint index;      /* its number */
    GArray *faults;   /* its KlSimFault */
    KlSimUnit *unit;  /* NULL while the slot is empty */
} Slot;

struct KlSim {
    KlSimOptions options; /* complete; its strings are owned; read-only once units run */
    char *dir;
    char *pool;
    int lock;
    guint digits;     /* of a slot's name */
    GPtrArray *slots; /* of Slot */
};

static void
slot_free(gpointer data)
{
    Slot *slot = data;
    g_clear_pointer(&slot->unit, kl_sim_unit_stop);
    g_free(slot->agent_link);
    g_free(slot->modem_link);
    g_free(slot->place);
    g_free(slot->unit_dir);
    g_clear_pointer(&slot->faults, g_array_unref);
    g_free(slot);
}

static const Slot *
find_slot(const KlSim *sim, guint slot)
{
    g_return_val_if_fail(slot >= 1 && slot <= sim->slots->len, NULL);
    return sim->slots->pdata[slot - 1];
}

static gboolean
connect_to_valid(const char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        if (!kl_host_boot_connect_to_valid(*list))
            return FALSE;
    return TRUE;
}

static gboolean
check_options(const KlSimOptions *options, GError **error)
{
    const char *wrong = NULL;
    const char *keystore = options->keystore;
    if (options->dir == NULL)
        wrong = "a folder is needed";
    else if (options->units < 1 || options->units > KL_SIM_SLOTS_MAX)
        wrong = "the number of units must be 1 to " G_STRINGIFY(KL_SIM_SLOTS_MAX);
    else if (options->key_ms_min > options->key_ms_max || options->key_ms_max > KEY_MS_MAX)
        wrong = "the time for a key must be MIN-MAX in milliseconds, at most " G_STRINGIFY(KEY_MS_MAX);
    else if (options->late_ms > KEY_MS_MAX || options->reconnect_ms > KEY_MS_MAX)
        wrong = "a time is longer than " G_STRINGIFY(KEY_MS_MAX) " milliseconds";
    else if (keystore != NULL && strcmp(keystore, "iks") != 0 && strcmp(keystore, "software") != 0)
        wrong = "the keystore must be iks or software";
    else if (!connect_to_valid(options->connect_to))
        wrong = "where an endpoint is must be HOST:PORT=ADDRESS:PORT";
    else if (options->bus != NULL &&
             (options->places == NULL || g_strv_length((char **)options->places) < options->units))
        wrong = "every unit needs a place on the bus";
    if (wrong != NULL)
        g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, wrong);
    return wrong == NULL;
}

static const char *
copy_or(const char *text, const char *otherwise)
{
    return g_strdup(text != NULL ? text : otherwise);
}

static void
fill_in(KlSimOptions *options, const KlSimOptions *given)
{
    *options = *given;
    options->dir = NULL;
    options->faults = NULL;
    options->places = NULL;
    options->one_port = given->one_port || given->bus != NULL;
    options->late_ms = given->late_ms > 0 ? given->late_ms : KL_SIM_LATE_MS;
    options->reconnect_ms = given->reconnect_ms > 0 ? given->reconnect_ms : KL_SIM_RECONNECT_MS;
    if (given->key_ms_max == 0 && given->real_speed) {
        options->key_ms_min = KEY_MS_REAL_MIN;
        options->key_ms_max = KEY_MS_REAL_MAX;
    }
    options->model = copy_or(given->model, KL_SIM_MODEL);
    options->firmware = copy_or(given->firmware, KL_SIM_FIRMWARE);
    options->keystore = copy_or(given->keystore, "iks");
    options->key_slot = copy_or(given->key_slot, KL_SIM_KEY_SLOT);
    options->connect_to = (const char *const *)g_strdupv((char **)given->connect_to);
}

/* One array of KlSimFault for each slot. */
static GPtrArray *
parse_faults(const KlSimOptions *options, GError **error)
{
    g_autoptr(GPtrArray) slots = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (guint i = 0; i < options->units; i++)
        g_ptr_array_add(slots, g_array_new(FALSE, FALSE, sizeof(KlSimFault)));
    for (const char *const *text = options->faults; text != NULL && *text != NULL; text++)
        if (!kl_sim_fault_parse_for_slots(*text, slots, error))
            return NULL;
    return g_steal_pointer(&slots);
}

static gboolean
power_on(KlSim *sim, Slot *slot, gboolean in_field, GError **error)
{
    const KlSimUnitPlan plan = {
        .module = {.options = &sim->options,
                   .index = slot->index,
                   .folder = slot->unit_dir,
                   .pool = sim->pool,
                   .faults = slot->faults,
                   .in_field = in_field},
        .agent_link = slot->agent_link,
        .modem_link = slot->modem_link,
        .place = slot->place,
    };
    slot->unit = kl_sim_unit_start(&plan, error);
    return slot->unit != NULL;
}

/* Takes a reference to the faults. */
static gboolean
put_unit(KlSim *sim, Slot *slot, guint index, GArray *faults, GError **error)
{
    g_array_ref(faults);
    g_clear_pointer(&slot->faults, g_array_unref);
    slot->faults = faults;
    slot->index = index;
    return power_on(sim, slot, sim->options.in_field, error);
}

static char *
unit_dir(const KlSim *sim, guint index)
{
    return g_strdup_printf("%s/unit-%02u", sim->dir, index + 1);
}

static void
add_slots(KlSim *sim, const char *const *places)
{
    for (guint i = 0; i < sim->options.units; i++) {
        Slot *slot = g_new0(Slot, 1);
        if (sim->options.bus != NULL)
            slot->place = g_strdup(places[i]);
        else
            slot->agent_link = g_strdup_printf("%s/slot-%0*u-agent", sim->dir, (int)sim->digits, i + 1);
        if (!sim->options.one_port)
            slot->modem_link = g_strdup_printf("%s/slot-%0*u-modem", sim->dir, (int)sim->digits, i + 1);
        slot->unit_dir = unit_dir(sim, i);
        g_ptr_array_add(sim->slots, slot);
    }
}

KlSim *
kl_sim_start(const KlSimOptions *options, GError **error)
{
    if (!check_options(options, error))
        return NULL;
    g_autoptr(GPtrArray) faults = parse_faults(options, error);
    if (faults == NULL)
        return NULL;
    g_autoptr(KlSim) sim = g_new0(KlSim, 1);
    fill_in(&sim->options, options);
    sim->digits = options->units > 99 ? 3 : 2;
    sim->slots = g_ptr_array_new_with_free_func(slot_free);
    sim->lock = kl_sim_folder_open(options->dir, options->seed, &sim->dir, error);
    if (sim->lock < 0)
        return NULL;
    sim->pool = g_build_filename(sim->dir, "keys", NULL);
    add_slots(sim, options->places);
    for (guint i = 0; i < sim->slots->len; i++)
        if (!put_unit(sim, sim->slots->pdata[i], i, faults->pdata[i], error))
            return NULL;
    return g_steal_pointer(&sim);
}

void
kl_sim_stop(KlSim *sim)
{
    g_ptr_array_unref(sim->slots);
    g_free((char *)sim->options.model);
    g_free((char *)sim->options.firmware);
    g_free((char *)sim->options.keystore);
    g_free((char *)sim->options.key_slot);
    g_strfreev((char **)sim->options.connect_to);
    g_free(sim->pool);
    g_free(sim->dir);
    if (sim->lock >= 0)
        close(sim->lock);
    g_free(sim);
}

char *
kl_sim_address(const KlSim *sim, guint number, KlSimPortKind kind)
{
    const Slot *slot = find_slot(sim, number);
    if (slot->place != NULL)
        return g_strconcat("usb:", slot->place, NULL);
    gboolean modem = kind == KL_SIM_MODEM && slot->modem_link != NULL;
    return g_strconcat("pty:", modem ? slot->modem_link : slot->agent_link, NULL);
}

const char *
kl_sim_unit_dir(const KlSim *sim, guint slot)
{
    return find_slot(sim, slot)->unit_dir;
}

static const KlSimIdentity *
find_identity(const KlSim *sim, guint slot)
{
    const KlSimUnit *unit = find_slot(sim, slot)->unit;
    return unit != NULL ? kl_sim_unit_identity(unit) : NULL;
}

const char *
kl_sim_imei(const KlSim *sim, guint slot)
{
    const KlSimIdentity *identity = find_identity(sim, slot);
    return identity != NULL ? identity->imei : NULL;
}

const char *
kl_sim_fsn(const KlSim *sim, guint slot)
{
    const KlSimIdentity *identity = find_identity(sim, slot);
    return identity != NULL ? identity->fsn : NULL;
}

guint
kl_sim_strikes(const KlSim *sim, guint slot)
{
    const KlSimUnit *unit = find_slot(sim, slot)->unit;
    return unit != NULL ? kl_sim_unit_strikes(unit) : 0;
}

/* A unit fresh from the factory: nothing is left of an earlier life under the same index. */
static gboolean
wipe_unit(const KlSim *sim, const Slot *slot, guint index, GError **error)
{
    kl_sim_shared_key_drop(sim->pool, index, sim->options.key_slot);
    return kl_sim_folder_wipe(slot->unit_dir, error);
}

gboolean
kl_sim_replace(KlSim *sim, guint number, guint index, const char *const *faults, GError **error)
{
    g_return_val_if_fail(number >= 1 && number <= sim->slots->len && index < KL_SIM_INDICES, FALSE);
    Slot *slot = sim->slots->pdata[number - 1];
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(KlSimFault));
    for (const char *const *text = faults; text != NULL && *text != NULL; text++) {
        KlSimFault fault;
        if (!kl_sim_fault_parse(*text, &fault, error))
            return FALSE;
        g_array_append_val(list, fault);
    }
    g_clear_pointer(&slot->unit, kl_sim_unit_stop);
    g_free(slot->unit_dir);
    slot->unit_dir = unit_dir(sim, index);
    return wipe_unit(sim, slot, index, error) && put_unit(sim, slot, index, list, error);
}

gboolean
kl_sim_power_on_in_field(KlSim *sim, guint number, GError **error)
{
    g_return_val_if_fail(number >= 1 && number <= sim->slots->len, FALSE);
    Slot *slot = sim->slots->pdata[number - 1];
    g_clear_pointer(&slot->unit, kl_sim_unit_stop);
    return power_on(sim, slot, TRUE, error);
}

gboolean
kl_sim_clone(KlSim *sim, guint number, guint original, GError **error)
{
    g_return_val_if_fail(number >= 1 && number <= sim->slots->len && original >= 1 && original <= sim->slots->len &&
                             number != original,
                         FALSE);
    Slot *slot = sim->slots->pdata[number - 1];
    const Slot *from = sim->slots->pdata[original - 1];
    g_clear_pointer(&slot->unit, kl_sim_unit_stop);
    g_free(slot->unit_dir);
    slot->unit_dir = g_strdup_printf("%s/clone-%02u", sim->dir, number);
    if (!kl_sim_folder_copy(from->unit_dir, slot->unit_dir, error))
        return FALSE;
    g_clear_pointer(&slot->faults, g_array_unref);
    slot->faults = g_array_ref(from->faults);
    slot->index = from->index;
    return power_on(sim, slot, TRUE, error);
}

void
kl_sim_unplug(KlSim *sim, guint number)
{
    g_return_if_fail(number >= 1 && number <= sim->slots->len);
    Slot *slot = sim->slots->pdata[number - 1];
    g_clear_pointer(&slot->unit, kl_sim_unit_stop);
}

gboolean
kl_sim_write_line(const KlSim *sim, const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    for (guint i = 1; i <= sim->slots->len; i++) {
        g_autofree char *group = g_strdup_printf("slot %0*u", (int)sim->digits, i);
        g_autofree char *agent = kl_sim_address(sim, i, KL_SIM_AGENT);
        g_autofree char *modem = kl_sim_address(sim, i, KL_SIM_MODEM);
        g_key_file_set_string(file, group, "agent", agent);
        g_key_file_set_string(file, group, "modem", modem);
    }
    return g_key_file_save_to_file(file, path, error);
}
