/* keyline recall: the list of units that a recall is about, row by row as they are found. */
#include <stdio.h>
#include <string.h>

#include "station/cli/commands.h"
#include "station/cli/text.h"
#include "station/csv.h"
#include "station/error.h"
#include "station/station_trace.h"

typedef enum { FORM_TABLE, FORM_CSV, FORM_JSON } Form;

typedef struct {
    Form form;
    guint64 rows;
    GString *line;
} Listing;

/* --- one row in each form --- */

#define N_FIELDS 15

static const char *const names[N_FIELDS] = {"imei",   "fsn",      "device",     "certificate", "serial",
                                            "issuer", "status",   "outcome",    "when",        "station",
                                            "slot",   "operator", "work_order", "batch",       "firmware"};

/* A JSON string: what JSON can't hold as it stands is escaped. */
static void
append_json(GString *line, const char *text)
{
    if (text == NULL) {
        g_string_append(line, "null");
        return;
    }
    g_autofree char *valid = g_utf8_validate(text, -1, NULL) ? NULL : g_utf8_make_valid(text, -1);
    g_string_append_c(line, '"');
    for (const char *p = valid != NULL ? valid : text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            g_string_append_printf(line, "\\%c", *p);
        else if ((guchar)*p < 0x20)
            g_string_append_printf(line, "\\u%04x", (guchar)*p);
        else
            g_string_append_c(line, *p);
    }
    g_string_append_c(line, '"');
}

static void
write_json(Listing *listing, const char *const *fields)
{
    g_string_append(listing->line, listing->rows > 0 ? ",\n  {" : "\n  {");
    for (guint i = 0; i < N_FIELDS; i++) {
        g_string_append_printf(listing->line, "%s\"%s\": ", i > 0 ? ", " : "", names[i]);
        append_json(listing->line, fields[i]);
    }
    g_string_append_c(listing->line, '}');
}

static void
write_csv(GString *line, const char *const *fields)
{
    for (guint i = 0; i < N_FIELDS; i++) {
        g_string_append(line, i > 0 ? "," : "");
        kl_csv_field(line, fields[i]);
    }
    g_string_append(line, "\r\n");
}

/* Rows are printed as they come, so the widths are those that the fields usually have. */
static void
append_cell(GString *line, const char *text, int width)
{
    g_autofree char *safe = kl_text_safe(text);
    g_string_append_printf(line, "%s%*s  ", safe, MAX(width - (int)kl_text_width(safe), 0), "");
}

static void
write_table(GString *line, const char *const *fields)
{
    static const struct {
        guint field;
        int width;
    } cells[] = {{0, 15}, {1, 14}, {2, 14}, {3, 64}, {4, 40}, {6, 10}, {7, 7}, {8, 19}, {9, 10}, {10, 4}, {12, 1}};
    for (guint i = 0; i < G_N_ELEMENTS(cells); i++)
        append_cell(line, fields[cells[i].field], cells[i].width);
    g_strchomp(line->str);
    g_string_truncate(line, strlen(line->str));
    g_string_append_c(line, '\n');
}

static gboolean
print_line(Listing *listing, GError **error)
{
    gboolean ok = fwrite(listing->line->str, 1, listing->line->len, stdout) == listing->line->len;
    g_string_truncate(listing->line, 0);
    return ok || kl_fail(error, KL_ERROR_FILE_FAILED, "standard output: the list could not be written");
}

/* Printed when something was found: a failure stands alone. */
static gboolean
print_head(Listing *listing, GError **error)
{
    static const char *const headings[N_FIELDS] = {"IMEI",       "FSN",  "DEVICE",  "CERTIFICATE", "SERIAL", "",
                                                   "STATUS",     "LAST", "STARTED", "STATION",     "SLOT",   "",
                                                   "WORK ORDER", "",     ""};
    if (listing->form == FORM_JSON)
        g_string_append(listing->line, "{\n \"units\": [");
    else if (listing->form == FORM_CSV)
        write_csv(listing->line, names);
    else
        write_table(listing->line, headings);
    return print_line(listing, error);
}

static gboolean
print_row(const KlRecallRow *row, gpointer data, GError **error)
{
    Listing *listing = data;
    g_autofree char *when = listing->form == FORM_TABLE ? kl_text_time(row->when_us) : kl_text_iso_time(row->when_us);
    const char *const fields[N_FIELDS] = {
        row->imei,       row->fsn,     row->device_id, row->certificate, row->serial, row->issuer,
        row->status,     row->outcome, when,           row->station,     row->slot,   row->operator_id,
        row->work_order, row->batch,   row->firmware};
    if (listing->rows == 0 && !print_head(listing, error))
        return FALSE;
    if (listing->form == FORM_JSON)
        write_json(listing, fields);
    else if (listing->form == FORM_CSV)
        write_csv(listing->line, fields);
    else
        write_table(listing->line, fields);
    listing->rows++;
    return print_line(listing, error);
}

static void
print_end(const Listing *listing)
{
    if (listing->form == FORM_JSON)
        printf("%s],\n \"rows\": %" G_GUINT64_FORMAT "\n}\n", listing->rows > 0 ? "\n " : "", listing->rows);
    else if (listing->form == FORM_TABLE)
        printf("\n%" G_GUINT64_FORMAT " lines: one a certificate, one a unit that has none.\n", listing->rows);
}

/* --- what is asked for --- */

typedef struct {
    char *certificate, *like, *ca, *firmware, *operator_id, *work_order, *batch, *program, *from, *to;
    gboolean csv;
} Options;

static void
options_clear(Options *o)
{
    g_free(o->certificate);
    g_free(o->like);
    g_free(o->ca);
    g_free(o->firmware);
    g_free(o->operator_id);
    g_free(o->work_order);
    g_free(o->batch);
    g_free(o->program);
    g_free(o->from);
    g_free(o->to);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* The filter borrows from the options. */
static gboolean
make_filter(const Options *o, KlRecallFilter *filter, GError **error)
{
    *filter = (KlRecallFilter){
        .certificate = o->certificate,
        .like = o->like,
        .ca = o->ca,
        .firmware = o->firmware,
        .operator_id = o->operator_id,
        .work_order = o->work_order,
        .batch = o->batch,
        .program = o->program,
    };
    if (o->certificate == NULL && o->like == NULL && o->ca == NULL && o->firmware == NULL && o->operator_id == NULL &&
        o->work_order == NULL && o->batch == NULL && o->program == NULL && o->from == NULL && o->to == NULL)
        return kl_fail(error, KL_ERROR_USAGE, "say what the recall is about: --like, --certificate, --ca, ...");
    return (o->from == NULL || kl_text_parse_time(o->from, FALSE, &filter->from_us, error)) &&
           (o->to == NULL || kl_text_parse_time(o->to, TRUE, &filter->to_us, error));
}

static int
list(const KlCli *cli, const KlRecallFilter *filter, gboolean csv, GError **error)
{
    g_autoptr(GString) line = g_string_sized_new(1024);
    Listing listing = {.form = cli->json ? FORM_JSON : csv ? FORM_CSV : FORM_TABLE, .line = line};
    if (!kl_station_recall(cli->dir, filter, print_row, &listing, error) ||
        (listing.rows == 0 && !print_head(&listing, error)))
        return -1;
    print_end(&listing);
    return KL_EXIT_DONE;
}

int
kl_cmd_recall(KlCli *cli, char **words, GError **error)
{
    g_auto(Options) o = {0};
    const GOptionEntry entries[] = {
        {"like", 0, 0, G_OPTION_ARG_STRING, &o.like, "All of the batch (or work order) of this certificate or unit",
         "IDENTIFIER"},
        {"certificate", 0, 0, G_OPTION_ARG_STRING, &o.certificate, "This certificate: fingerprint or serial", "ID"},
        {"ca", 0, 0, G_OPTION_ARG_STRING, &o.ca, "Signed by this CA: fingerprint, or the issuer's name", "CA"},
        {"firmware", 0, 0, G_OPTION_ARG_STRING, &o.firmware, "With this firmware; * and ? stand for anything",
         "PATTERN"},
        {"operator", 0, 0, G_OPTION_ARG_STRING, &o.operator_id, "Worked on by this operator", "ID"},
        {"work-order", 'w', 0, G_OPTION_ARG_STRING, &o.work_order, "Of this work order", "WO"},
        {"batch", 0, 0, G_OPTION_ARG_STRING, &o.batch, "Of this batch; 8 characters are enough", "BATCH"},
        {"station-program", 0, 0, G_OPTION_ARG_STRING, &o.program, "Worked on by this version of Keyline", "VERSION"},
        {"from", 0, 0, G_OPTION_ARG_STRING, &o.from, "Worked on at or after (2025-01-31 or '2025-01-31 14:05')",
         "TIME"},
        {"to", 0, 0, G_OPTION_ARG_STRING, &o.to, "Worked on before; a day is included", "TIME"},
        {"csv", 0, 0, G_OPTION_ARG_NONE, &o.csv, "As CSV, with all columns", NULL},
        {NULL},
    };
    KlRecallFilter filter;
    if (!kl_cli_parse(cli, "keyline recall", NULL,
                      "Lists the units that a recall is about, with every certificate that fits, and the last job of\n"
                      "each. What is said must all hold; what is said of work must hold of one job of the unit.",
                      entries, 0, 0, words, error) ||
        !make_filter(&o, &filter, error))
        return -1;
    if (cli->json && o.csv) {
        kl_fail(error, KL_ERROR_USAGE, "--csv and --output json are two forms");
        return -1;
    }
    return list(cli, &filter, o.csv, error);
}
