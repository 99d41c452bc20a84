/* keyline registry list, show: the registration rows, and how far their units have come in the field. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/json.h"
#include "station/cli/table.h"
#include "station/cli/text.h"
#include "station/csv.h"
#include "station/station.h"

#define NUMBER_SIZE 24

static char *
number(gint64 value, char text[NUMBER_SIZE])
{
    g_snprintf(text, NUMBER_SIZE, "%" G_GINT64_FORMAT, value);
    return text;
}

/* The number if it is known, else NULL. */
static const char *
known_number(const KlFieldUnit *unit, gint64 value, char text[NUMBER_SIZE])
{
    return kl_field_known(unit) ? number(value, text) : NULL;
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* --- as JSON --- */

static void
add_counts(JsonBuilder *builder, const char *name, const GPtrArray *counts)
{
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    for (guint i = 0; i < counts->len; i++) {
        const KlFieldCount *count = counts->pdata[i];
        kl_json_int(builder, count->verdict, count->total);
    }
    json_builder_end_object(builder);
}

static void
add_known_int(JsonBuilder *builder, const KlFieldUnit *unit, const char *name, gint64 value)
{
    if (kl_field_known(unit))
        kl_json_int(builder, name, value);
    else
        kl_json_string(builder, name, NULL);
}

static void
add_unit(JsonBuilder *builder, const KlFieldUnit *unit)
{
    const KlRegistration *row = unit->row;
    json_builder_begin_object(builder);
    kl_json_string(builder, "device", row->device);
    kl_json_string(builder, "registered", kl_field_known(unit) ? row->registered : NULL);
    kl_json_string(builder, "policy", row->policy);
    kl_json_string(builder, "firmware", row->firmware);
    kl_json_string(builder, "parameters", row->parameters);
    add_known_int(builder, unit, "version", row->version);
    add_known_int(builder, unit, "connections", row->connections);
    kl_json_string(builder, "imei", unit->imei);
    kl_json_string(builder, "state", kl_field_state_name(unit->state));
    kl_json_time(builder, "first_seen", unit->first_seen_us);
    kl_json_time(builder, "last_seen", unit->last_seen_us);
    kl_json_time(builder, "alarm_since", unit->alarm_us);
    kl_json_time(builder, "asked", unit->asked_us);
    if (unit->counts != NULL)
        add_counts(builder, "counts", unit->counts);
    json_builder_end_object(builder);
}

/* strangers: NULL for one device alone. cloud_table: where first boot changes the rows; NULL: here. */
static void
print_json(const GPtrArray *units, const GPtrArray *strangers, const char *cloud_table)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    json_builder_begin_object(builder);
    kl_json_array(builder, "registrations");
    for (guint i = 0; i < units->len; i++)
        add_unit(builder, units->pdata[i]);
    json_builder_end_array(builder);
    if (strangers != NULL && cloud_table != NULL)
        kl_json_string(builder, "unknown_devices", NULL);
    else if (strangers != NULL)
        add_counts(builder, "unknown_devices", strangers);
    kl_json_string(builder, "changed_in", cloud_table);
    json_builder_end_object(builder);
    kl_json_print(builder);
}

/* --- as CSV --- */

static void
print_csv_line(const char *const *fields)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (guint i = 0; fields[i] != NULL; i++) {
        if (i > 0)
            g_string_append_c(line, ',');
        kl_csv_field(line, fields[i]);
    }
    printf("%s\r\n", line->str);
}

static void
print_csv(const GPtrArray *units)
{
    print_csv_line((const char *const[]){"device", "imei", "state", "version", "connections", "first_seen", "last_seen",
                                         "alarm_since", "registered", "policy", "firmware", "parameters", "asked",
                                         NULL});
    for (guint i = 0; i < units->len; i++) {
        const KlFieldUnit *unit = units->pdata[i];
        const KlRegistration *row = unit->row;
        char version[NUMBER_SIZE], connections[NUMBER_SIZE];
        g_autofree char *first = kl_text_iso_time(unit->first_seen_us), *last = kl_text_iso_time(unit->last_seen_us),
                        *alarm = kl_text_iso_time(unit->alarm_us), *asked = kl_text_iso_time(unit->asked_us);
        print_csv_line((const char *const[]){row->device, unit->imei, kl_field_state_name(unit->state),
                                             or_empty(known_number(unit, row->version, version)),
                                             or_empty(known_number(unit, row->connections, connections)),
                                             or_empty(first), or_empty(last), or_empty(alarm),
                                             kl_field_known(unit) ? row->registered : "", row->policy, row->firmware,
                                             row->parameters, or_empty(asked), NULL});
    }
}

/* --- for people --- */

/* The parameters are too long for a line: registry show and --csv have them. */
static void
print_table(const GPtrArray *units, const char *cloud_table)
{
    const char *const headings[] = {"DEVICE", "STATE",  ">VERSION", ">CONNECTIONS", "LAST SEEN",
                                    "ALARM",  "POLICY", "FIRMWARE", ">ASKED",       NULL};
    const char *here[G_N_ELEMENTS(headings)];
    memcpy(here, headings, sizeof here);
    here[8] = NULL;
    g_autoptr(KlTable) table = kl_table_new(cloud_table != NULL ? headings : here);
    for (guint i = 0; i < units->len; i++) {
        const KlFieldUnit *unit = units->pdata[i];
        const KlRegistration *row = unit->row;
        char version[NUMBER_SIZE], connections[NUMBER_SIZE];
        g_autofree char *seen = kl_text_time(unit->last_seen_us), *age = kl_text_age(unit->asked_us);
        g_autofree char *asked = age != NULL ? g_strconcat(age, " ago", NULL) : NULL;
        kl_table_add(table,
                     (const char *const[]){row->device, kl_field_state_name(unit->state),
                                           known_number(unit, row->version, version),
                                           known_number(unit, row->connections, connections), seen,
                                           unit->alarm_us > 0 ? "ALARM" : "", row->policy, row->firmware, asked});
    }
    kl_table_print(table, stdout);
}

static void
print_count_pairs(KlTable *table, const GPtrArray *counts)
{
    for (guint i = 0; i < counts->len; i++) {
        const KlFieldCount *count = counts->pdata[i];
        char total[NUMBER_SIZE];
        g_autofree char *what = g_strconcat("Messages, ", count->verdict, NULL);
        kl_table_add_pair(table, what, number(count->total, total));
    }
}

static void
print_unit(const KlFieldUnit *unit, const char *cloud_table)
{
    const KlRegistration *row = unit->row;
    char version[NUMBER_SIZE], connections[NUMBER_SIZE];
    g_autofree char *first = kl_text_time(unit->first_seen_us), *last = kl_text_time(unit->last_seen_us);
    g_autofree char *alarm = kl_text_time(unit->alarm_us), *asked = kl_text_time(unit->asked_us);
    g_autoptr(KlTable) table = kl_table_new((const char *const[]){"", "", NULL});
    kl_table_add_pair(table, "Device", row->device);
    kl_table_add_pair(table, "IMEI", unit->imei);
    kl_table_add_pair(table, "State", kl_field_state_name(unit->state));
    kl_table_add_pair(table, "Version", known_number(unit, row->version, version));
    kl_table_add_pair(table, "Connections", known_number(unit, row->connections, connections));
    kl_table_add_pair(table, "First seen", first);
    kl_table_add_pair(table, "Last seen", last);
    kl_table_add_pair(table, "Alarm since", alarm);
    if (cloud_table != NULL)
        kl_table_add_pair(table, "Cloud asked", asked);
    kl_table_add_pair(table, "Registered", kl_field_known(unit) ? row->registered : NULL);
    kl_table_add_pair(table, "Policy", row->policy);
    kl_table_add_pair(table, "Firmware", row->firmware);
    kl_table_add_pair(table, "Parameters", row->parameters);
    print_count_pairs(table, unit->counts);
    kl_table_print(table, stdout);
}

static gint64
count_all(const GPtrArray *counts)
{
    gint64 sum = 0;
    for (guint i = 0; i < counts->len; i++)
        sum += ((const KlFieldCount *)counts->pdata[i])->total;
    return sum;
}

/* What is to be known of the list as a whole; cloud_table: see above. */
static void
print_notes(const GPtrArray *strangers, const char *cloud_table)
{
    gint64 ignored = strangers != NULL && cloud_table == NULL ? count_all(strangers) : 0;
    if (ignored > 0)
        printf("\n%" G_GINT64_FORMAT " %s not in this table %s not answered.\n", ignored,
               ignored == 1 ? "message of a device that is" : "messages of devices that are",
               ignored == 1 ? "was" : "were");
    if (cloud_table != NULL)
        printf("\nFirst boot changes the rows in the cloud, in %s: this is what was there when it was asked.\n"
               "Ask it: keyline registry refresh\n",
               cloud_table);
}

/* --- */

typedef struct {
    char *state;
    gboolean alarms, csv;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->state);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean
make_filter(const KlCli *cli, const Options *options, KlFieldFilter *filter, GError **error)
{
    *filter = (KlFieldFilter){.state = -1, .alarms = options->alarms};
    if (cli->json && options->csv)
        return kl_fail(error, KL_ERROR_USAGE, "--csv and --output json are two forms");
    if (options->state == NULL)
        return TRUE;
    filter->state = kl_field_state_from_name(options->state);
    return filter->state >= 0 ||
           kl_fail(error, KL_ERROR_USAGE, "'%s' is no state: never-seen, seen, requested, ok, not-asked or missing",
                   options->state);
}

static void
print_list(const KlCli *cli, gboolean csv, const GPtrArray *units, const GPtrArray *strangers, const char *cloud_table)
{
    if (cli->json)
        print_json(units, strangers, cloud_table);
    else if (csv)
        print_csv(units);
    else if (units->len == 0)
        printf("No device.\n");
    else
        print_table(units, cloud_table);
    if (!cli->json && !csv)
        print_notes(strangers, cloud_table);
}

int
kl_cmd_registry_list(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) options = {0};
    KlFieldFilter filter;
    const GOptionEntry entries[] = {
        {"state", 0, 0, G_OPTION_ARG_STRING, &options.state, "Only in this state", "STATE"},
        {"alarms", 0, 0, G_OPTION_ARG_NONE, &options.alarms, "Only with too many connections", NULL},
        {"csv", 0, 0, G_OPTION_ARG_NONE, &options.csv, "As CSV, with all columns", NULL},
        {NULL},
    };
    if (!kl_cli_parse(cli, "keyline registry list", NULL,
                      "Lists the registration rows of all devices, and how far they have come with\n"
                      "their first boot: never-seen, seen, requested or ok. With [aws] that is what the\n"
                      "cloud said when it was asked last (not-asked: never, or not since the unit was\n"
                      "provisioned anew; missing: it had no row).",
                      entries, 0, 0, words, error) ||
        !make_filter(cli, &options, &filter, error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    filter.cloud = kl_config_field_table(kl_station_config(station));
    g_autoptr(GPtrArray) units = store->klass->field(store, &filter, error);
    g_autoptr(GPtrArray) strangers = units != NULL ? store->klass->field_strangers(store, error) : NULL;
    if (strangers == NULL)
        return -1;
    print_list(cli, options.csv, units, strangers, filter.cloud);
    return KL_EXIT_DONE;
}

int
kl_cmd_registry_show(KlCli *cli, char **words, GError **error)
{
    if (!kl_cli_parse(cli, "keyline registry show", "DEVICE",
                      "Shows the registration row of one device, how far it has come with its first\n"
                      "boot, and how often which of its messages came to what.",
                      NULL, 1, 1, words, error))
        return -1;
    g_autoptr(KlStation) station = kl_station_open(cli->dir, KL_STATION_READ, NULL, error);
    if (station == NULL)
        return -1;
    KlStore *store = kl_station_store(station);
    const KlFieldFilter filter = {
        .cloud = kl_config_field_table(kl_station_config(station)), .device = words[1], .state = -1, .counts = TRUE};
    g_autoptr(GPtrArray) units = store->klass->field(store, &filter, error);
    if (units == NULL)
        return -1;
    if (units->len == 0) {
        kl_fail(error, KL_ERROR_RECORD_UNKNOWN, "no registration row for device '%s'", words[1]);
        return -1;
    }
    if (cli->json) {
        print_json(units, NULL, filter.cloud);
    } else {
        print_unit(units->pdata[0], filter.cloud);
        print_notes(NULL, filter.cloud);
    }
    return KL_EXIT_DONE;
}
