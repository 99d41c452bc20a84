/* The summary of an export on paper: A4, as many pages as it takes. In English, as the export's other files are:
 * whoever audits need not read the station's language. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "station/paper.h"
#include "station/station_audit.h"

/* Points. */
#define MARGIN 48.0
#define WIDTH (KL_PAPER_WIDTH - 2 * MARGIN)
#define FOOT (KL_PAPER_HEIGHT - MARGIN)
#define ROW_GAP 2.5
#define SECTION_GAP 14.0

/* Of each list: what comes behind is in summary.csv. */
#define ROWS_MAX 20

typedef struct {
    cairo_t *cairo;
    double y; /* where the next thing goes */
    guint page;
    const KlAuditSummary *summary;
} Paper;

/* --- text --- */

/* Returns the text's height. */
static double
draw_text(const Paper *paper, const KlTextBox *box, double y, const char *text)
{
    return kl_paper_text(paper->cairo, box, y, text);
}

static char *
time_text(gint64 time_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(time_us / G_USEC_PER_SEC);
    return time != NULL && time_us > 0 ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S UTC") : g_strdup("-");
}

/* "12 345 678": no language's own comma or point. */
static char *
number_text(gint64 number)
{
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%" G_GINT64_FORMAT, number);
    for (gssize place = (gssize)text->len - 3; place > 0 && text->str[place - 1] != '-'; place -= 3)
        g_string_insert(text, place, "\xc2\xa0");
    return g_string_free(text, FALSE);
}

/* "3f2a 9c01 ...", in two lines: as it is compared by eye. */
static char *
hash_text(const char *hash)
{
    GString *text = g_string_new(NULL);
    for (const char *p = hash != NULL ? hash : ""; *p != '\0'; p++) {
        if (p != hash && (p - hash) % 4 == 0)
            g_string_append_c(text, (p - hash) % 32 == 0 ? '\n' : ' ');
        g_string_append_c(text, *p);
    }
    return g_string_free(text, FALSE);
}

/* --- pages --- */

static void
draw_foot(const Paper *paper)
{
    const KlTextBox left = {MARGIN, WIDTH - 60, "Sans 8", 0.4, FALSE}, right = {MARGIN, WIDTH, "Sans 8", 0.4, TRUE};
    g_autofree char *number = g_strdup_printf("%u", paper->page);
    draw_text(paper, &left, FOOT + 8,
              "For people. What counts is events.jsonl with manifest.json and its signature: keyline audit verify.");
    draw_text(paper, &right, FOOT + 8, number);
}

/* Makes sure that so much fits on the page. */
static void
make_room(Paper *paper, double height)
{
    if (paper->y + height <= FOOT)
        return;
    draw_foot(paper);
    cairo_show_page(paper->cairo);
    paper->page++;
    paper->y = MARGIN;
}

static void
draw_rule(const Paper *paper)
{
    kl_paper_rule(paper->cairo, MARGIN, paper->y, WIDTH);
}

static void
draw_heading(Paper *paper, const char *text)
{
    const KlTextBox box = {MARGIN, WIDTH, "Sans Bold 11", 0, FALSE};
    paper->y += SECTION_GAP;
    make_room(paper, 60);
    paper->y += draw_text(paper, &box, paper->y, text) + 3;
    draw_rule(paper);
    paper->y += 4;
}

/* A row "name  value". font: the value's. */
static void
draw_pair(Paper *paper, const char *name, const char *font, const char *value)
{
    const KlTextBox left = {MARGIN, 120, "Sans 9", 0.35, FALSE}, right = {MARGIN + 124, WIDTH - 124, font, 0, FALSE};
    make_room(paper, kl_paper_text_height(paper->cairo, &right, value));
    double name_height = draw_text(paper, &left, paper->y, name);
    double value_height = draw_text(paper, &right, paper->y, value);
    paper->y += MAX(name_height, value_height) + ROW_GAP;
}

/* --- tables: a name and numbers, the numbers at the right --- */

#define N_NUMBERS 4
#define NUMBER_WIDTH 64.0
#define NAME_WIDTH (WIDTH - N_NUMBERS * NUMBER_WIDTH - 8)

static void
draw_cells(Paper *paper, const char *font, double ink, const char *name, const char *const numbers[N_NUMBERS])
{
    const KlTextBox left = {MARGIN, NAME_WIDTH, font, ink, FALSE};
    double height = kl_paper_text_height(paper->cairo, &left, name);
    make_room(paper, height);
    draw_text(paper, &left, paper->y, name);
    for (guint i = 0; i < N_NUMBERS; i++) {
        const KlTextBox box = {MARGIN + WIDTH - (N_NUMBERS - i) * NUMBER_WIDTH, NUMBER_WIDTH, font, ink, TRUE};
        if (numbers[i] != NULL)
            draw_text(paper, &box, paper->y, numbers[i]);
    }
    paper->y += height + ROW_GAP;
}

static void
draw_group(Paper *paper, const char *name, const KlAuditGroup *group)
{
    g_autofree char *jobs = number_text(group->jobs);
    g_autofree char *units = number_text(group->units);
    g_autofree char *passed = number_text(group->passed);
    g_autofree char *yield =
        group->units > 0 ? g_strdup_printf("%.1f %%", 100.0 * (double)group->passed / (double)group->units) : NULL;
    draw_cells(paper, "Sans 9", 0, name, (const char *const[N_NUMBERS]){jobs, units, passed, yield});
}

static void
draw_groups(Paper *paper, const char *heading, const char *none, const GPtrArray *groups)
{
    if (groups->len == 0)
        return;
    draw_heading(paper, heading);
    draw_cells(paper, "Sans 8", 0.35, "", (const char *const[N_NUMBERS]){"Jobs", "Units", "Passed", "Yield"});
    for (guint i = 0; i < groups->len && i < ROWS_MAX; i++) {
        const KlAuditGroup *group = groups->pdata[i];
        draw_group(paper, group->name != NULL ? group->name : none, group);
    }
    if (groups->len > ROWS_MAX) {
        g_autofree char *more = g_strdup_printf("and %u more, in summary.csv", groups->len - ROWS_MAX);
        draw_cells(paper, "Sans Italic 8", 0.35, more, (const char *const[N_NUMBERS]){NULL});
    }
}

/* Names with one number each, in two columns. */
static void
draw_counts(Paper *paper, const char *heading, const GPtrArray *counts)
{
    const double half = (WIDTH - 32) / 2;
    if (counts->len == 0)
        return;
    draw_heading(paper, heading);
    for (guint i = 0; i < counts->len; i += 2) {
        double height = 0;
        make_room(paper, 12);
        for (guint j = i; j < counts->len && j < i + 2; j++) {
            const KlAuditCount *count = counts->pdata[j];
            double x = MARGIN + (j - i) * (half + 32);
            const KlTextBox name = {x, half - NUMBER_WIDTH, "Sans 9", 0, FALSE}, number = {x, half, "Sans 9", 0, TRUE};
            g_autofree char *text = number_text(count->count);
            double drawn = draw_text(paper, &name, paper->y, count->name);
            draw_text(paper, &number, paper->y, text);
            height = MAX(height, drawn);
        }
        paper->y += height + ROW_GAP;
    }
}

/* --- what it tells --- */

/* The request in words: "work order WO2, from 2026-11-22 00:00:00 UTC". The caller frees. */
static char *
selection_text(const char *selection)
{
    g_autoptr(JsonNode) node = json_from_string(selection, NULL);
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node) || json_object_get_size(json_node_get_object(node)) == 0)
        return g_strdup("everything");
    JsonObject *object = json_node_get_object(node);
    g_autoptr(GList) names = json_object_get_members(object);
    GString *text = g_string_new(NULL);
    for (const GList *name = names; name != NULL; name = name->next) {
        JsonNode *value = json_object_get_member(object, name->data);
        gboolean time = json_node_get_value_type(value) == G_TYPE_INT64;
        g_autofree char *words = time ? time_text(json_node_get_int(value)) : json_node_dup_string(value);
        g_autofree char *label = g_strndup(name->data, strlen(name->data) - (time ? strlen("_us") : 0));
        g_strdelimit(label, "_", ' ');
        g_string_append_printf(text, "%s%s %s", text->len > 0 ? ", " : "", label, words);
    }
    return g_string_free(text, FALSE);
}

static void
draw_head(Paper *paper)
{
    const KlAuditSummary *summary = paper->summary;
    const KlTextBox title = {MARGIN, WIDTH, "Sans Bold 20", 0, FALSE};
    g_autofree char *created = time_text(summary->created_us);
    g_autofree char *first = time_text(summary->first_us);
    g_autofree char *last = time_text(summary->last_us);
    g_autofree char *events = number_text((gint64)summary->events);
    g_autofree char *through = number_text((gint64)summary->through);
    g_autofree char *shown = g_strdup_printf("%s of the journal's first %s", events, through);
    g_autofree char *span = g_strdup_printf("%s to %s", first, last);
    g_autofree char *hash = hash_text(summary->hash);
    g_autofree char *fingerprint = hash_text(summary->fingerprint);
    g_autofree char *asked = selection_text(summary->selection);
    paper->y += draw_text(paper, &title, paper->y, "Journal export") + 8;
    draw_rule(paper);
    paper->y += 6;
    draw_pair(paper, "Station", "Sans 9", summary->station);
    draw_pair(paper, "Made on", "Sans 9", created);
    draw_pair(paper, "Asked for", "Sans 9", asked);
    draw_pair(paper, "Events", "Sans 9", shown);
    if (summary->events > 0)
        draw_pair(paper, "Time of these", "Sans 9", span);
    draw_pair(paper, "Journal", "Monospace 8.5", summary->journal);
    draw_pair(paper, "Checkpoint", "Sans 9", through);
    draw_pair(paper, "Its hash", "Monospace 8.5", hash);
    draw_pair(paper, "Station certificate", "Monospace 8.5", fingerprint);
}

static void
draw_totals(Paper *paper)
{
    const KlAuditSummary *summary = paper->summary;
    const KlAuditGroup all = {NULL, summary->jobs, summary->units, summary->passed};
    g_autofree char *first_pass = number_text(summary->first_pass);
    g_autofree char *issued = number_text(summary->issued);
    g_autofree char *revoked = number_text(summary->revoked);
    g_autofree char *checkpoints = number_text(summary->checkpoints);
    g_autofree char *before = number_text(summary->before_journal);
    draw_heading(paper, "Units");
    draw_cells(paper, "Sans 8", 0.35, "", (const char *const[N_NUMBERS]){"Jobs", "Units", "Passed", "Yield"});
    draw_group(paper, "All", &all);
    draw_cells(paper, "Sans 9", 0, "Passed in their first job", (const char *const[N_NUMBERS]){NULL, NULL, first_pass});
    if (summary->before_journal > 0)
        draw_cells(paper, "Sans 9", 0, "From before the journal: not covered by it",
                   (const char *const[N_NUMBERS]){before});
    draw_heading(paper, "Certificates and checkpoints");
    draw_cells(paper, "Sans 9", 0, "Certificates issued", (const char *const[N_NUMBERS]){issued});
    draw_cells(paper, "Sans 9", 0, "Certificates revoked", (const char *const[N_NUMBERS]){revoked});
    draw_cells(paper, "Sans 9", 0, "Checkpoints in this export", (const char *const[N_NUMBERS]){checkpoints});
}

static void
draw_pages(cairo_t *cairo, gconstpointer data)
{
    const KlAuditSummary *summary = data;
    Paper paper = {cairo, MARGIN, 1, summary};
    draw_head(&paper);
    draw_totals(&paper);
    draw_counts(&paper, "Outcomes of jobs", summary->outcomes);
    draw_groups(&paper, "Products", "none", summary->products);
    draw_groups(&paper, "Work orders", "no work order", summary->work_orders);
    draw_groups(&paper, "Operators", "nobody signed on", summary->operators);
    draw_counts(&paper, "Events by kind", summary->types);
    draw_foot(&paper);
    cairo_show_page(cairo);
}

GBytes *
kl_station_audit_pdf(const KlAuditSummary *summary, GError **error)
{
    return kl_paper_pdf("Journal export", draw_pages, summary, error);
}
