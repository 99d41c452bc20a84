/* The architecture's arrows, read from the #include lines of the source tree: who may know whom. */
#include <glib.h>
#include <string.h>

/* A folder (with what is below it), the project's folders that it may include from, and the libraries that it must not
 * see. The first rule that fits a file is its rule. */
typedef struct {
    const char *path;          /* a prefix of the file's path in the tree */
    const char *own[5];        /* prefixes of "..." includes */
    const char *forbidden[10]; /* prefixes of <...> includes */
} Rule;

#define GTK "gtk/", "gdk/", "gio/gdesktopappinfo"
#define DATABASE "sqlite3"
#define NETWORK "curl/"
#define PORTS "libserialport", "libusb"

static const Rule rules[] = {
    /* The composition root: the only place that names concrete parts. */
    {"station/station.", {"station/", "drivers/", "certs/", "db/"}, {GTK}},
    {"station/station_", {"station/", "drivers/", "certs/", "db/"}, {GTK}},
    {"station/cli/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS}},
    {"station/net/", {"station/"}, {GTK, DATABASE, PORTS}},
    {"station/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS}},
    /* What runs on the module: the portable part knows C and itself. */
    {"drivers/at_wp77/agent/", {"drivers/at_wp77/agent/"}, {GTK, DATABASE, NETWORK, PORTS, "glib", "gio"}},
    {"drivers/", {"drivers/", "station/"}, {GTK, DATABASE, NETWORK}},
    {"certs/", {"certs/", "station/"}, {GTK, DATABASE, NETWORK, PORTS}},
    {"db/", {"db/", "station/"}, {GTK, NETWORK, PORTS}},
    {"gui/", {"gui/", "station/"}, {DATABASE, NETWORK, PORTS}},
};

/* In agent/, only these know the machine that they run on. */
static const char *const agent_back_ends[] = {"drivers/at_wp77/agent/host/", "drivers/at_wp77/agent/legato/"};

static gboolean
has_prefix_of(const char *text, const char *const *prefixes, gsize count)
{
    for (gsize i = 0; i < count && prefixes[i] != NULL; i++) {
        if (g_str_has_prefix(text, prefixes[i]))
            return TRUE;
    }
    return FALSE;
}

static const Rule *
rule_for(const char *file)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (g_str_has_prefix(file, rules[i].path))
            return &rules[i];
    }
    return NULL;
}

/* What is wrong with that include in that file, or NULL. name is as written, without its quotes. */
static const char *
judge(const char *file, gboolean quoted, const char *name)
{
    const Rule *rule = rule_for(file);
    if (rule == NULL)
        return "no rule for this folder";
    gboolean back_end = has_prefix_of(file, agent_back_ends, G_N_ELEMENTS(agent_back_ends));
    if (!quoted)
        return !back_end && has_prefix_of(name, rule->forbidden, G_N_ELEMENTS(rule->forbidden))
                   ? "this folder must not see that library"
                   : NULL;
    /* The module's build knows no tree: there the agent's headers, and Legato's, are found by their bare names. */
    if (g_str_has_prefix(file, "drivers/at_wp77/agent/") && strchr(name, '/') == NULL)
        return NULL;
    if (g_str_has_prefix(name, "../") || strstr(name, "/../") != NULL)
        return "includes are written from the tree's root";
    return has_prefix_of(name, rule->own, G_N_ELEMENTS(rule->own)) ? NULL : "no arrow leads there";
}

/* Takes the name out of an #include line. */
static gboolean
parse_include(const char *line, gboolean *quoted, char **name)
{
    g_autoptr(GRegex) regex = g_regex_new("^\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"]", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    if (!g_regex_match(regex, line, 0, &match))
        return FALSE;
    g_autofree char *bracket = g_match_info_fetch(match, 1);
    *quoted = *bracket == '"';
    *name = g_match_info_fetch(match, 2);
    return TRUE;
}

static guint
check_file(const char *root, const char *file)
{
    g_autofree char *path = g_build_filename(root, file, NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint includes = 0;
    for (guint i = 0; lines[i] != NULL; i++) {
        gboolean quoted = FALSE;
        g_autofree char *name = NULL;
        if (!parse_include(lines[i], &quoted, &name))
            continue;
        includes++;
        const char *wrong = judge(file, quoted, name);
        if (wrong != NULL) {
            g_test_message("%s:%u: %s: %s", file, i + 1, name, wrong);
            g_test_fail();
        }
    }
    return includes;
}

static guint
check_folder(const char *root, const char *folder)
{
    g_autofree char *path = g_build_filename(root, folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint includes = 0;
    for (const char *name = dir != NULL ? g_dir_read_name(dir) : NULL; name != NULL; name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(folder, name, NULL);
        g_autofree char *full = g_build_filename(root, below, NULL);
        if (g_file_test(full, G_FILE_TEST_IS_DIR))
            includes += check_folder(root, below);
        else if (g_str_has_suffix(name, ".c") || g_str_has_suffix(name, ".h"))
            includes += check_file(root, below);
    }
    return includes;
}

static void
test_tree(void)
{
    g_autofree char *root = g_test_build_filename(G_TEST_DIST, "..", NULL);
    static const char *const folders[] = {"station", "drivers", "certs", "db", "gui"};
    guint includes = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++)
        includes += check_folder(root, folders[i]);
    g_assert_cmpuint(includes, >, 50); /* the tree was really read */
}

/* The judge itself: what it must find and what it must let pass. */
static void
test_judge(void)
{
    static const struct {
        const char *file;
        gboolean quoted;
        const char *name;
        gboolean allowed;
    } table[] = {
        {"station/job.c", TRUE, "station/unit.h", TRUE},
        {"station/job.c", TRUE, "drivers/at_wp77/wp77.h", FALSE},
        {"station/job.c", TRUE, "certs/csr.h", FALSE},
        {"station/job.c", TRUE, "../certs/csr.h", FALSE},
        {"station/job.c", TRUE, "station/../certs/csr.h", FALSE},
        {"station/job.c", TRUE, "unit.h", FALSE},
        {"station/job.c", FALSE, "sqlite3.h", FALSE},
        {"station/job.c", FALSE, "gtk/gtk.h", FALSE},
        {"station/job.c", FALSE, "curl/curl.h", FALSE},
        {"station/job.c", FALSE, "libserialport.h", FALSE},
        {"station/job.c", FALSE, "libusb-1.0/libusb.h", FALSE},
        {"station/job.c", FALSE, "openssl/crypto.h", TRUE},
        {"station/station.c", TRUE, "db/store_sqlite.h", TRUE},
        {"station/station_setup.c", TRUE, "certs/ca.h", TRUE},
        {"station/station.c", FALSE, "gtk/gtk.h", FALSE},
        {"station/cli/main.c", TRUE, "station/station.h", TRUE},
        {"station/cli/main.c", TRUE, "db/database.h", FALSE},
        {"certs/csr.c", TRUE, "station/error.h", TRUE},
        {"certs/csr.c", TRUE, "db/database.h", FALSE},
        {"db/database.c", FALSE, "sqlite3.h", TRUE},
        {"db/database.c", TRUE, "certs/digest.h", FALSE},
        {"drivers/at_wp77/wp77.c", FALSE, "libserialport.h", TRUE},
        {"drivers/at_wp77/wp77.c", TRUE, "gui/window.h", FALSE},
        {"drivers/at_wp77/agent/commands.c", FALSE, "glib.h", FALSE},
        {"drivers/at_wp77/agent/commands.c", TRUE, "station/error.h", FALSE},
        {"drivers/at_wp77/agent/commands.c", FALSE, "string.h", TRUE},
        {"drivers/at_wp77/agent/commands.c", TRUE, "pkcs10.h", TRUE},
        {"drivers/at_wp77/wp77.c", TRUE, "wp77.h", FALSE},
        {"drivers/at_wp77/agent/host/main.c", FALSE, "glib.h", TRUE},
        {"drivers/at_wp77/agent/legato/agentComponent/agent.c", TRUE, "interfaces.h", TRUE},
        {"gui/window.c", FALSE, "gtk/gtk.h", TRUE},
        {"gui/window.c", TRUE, "drivers/at_wp77/wp77.h", FALSE},
        {"elsewhere/x.c", TRUE, "station/error.h", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_test_message("%s: %s", table[i].file, table[i].name);
        g_assert_true((judge(table[i].file, table[i].quoted, table[i].name) == NULL) == table[i].allowed);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/arrows/judge", test_judge);
    g_test_add_func("/arrows/tree", test_tree);
    return g_test_run();
}
