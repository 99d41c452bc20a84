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
#define MQTT "mosquitto", "mqtt_protocol"

static const Rule rules[] = {
    /* The composition root: the only place that names concrete parts. */
    {"station/station.", {"station/", "drivers/", "certs/", "db/"}, {GTK, MQTT}},
    {"station/station_", {"station/", "drivers/", "certs/", "db/"}, {GTK, MQTT}},
    {"station/cli/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    {"station/net/", {"station/"}, {GTK, DATABASE, PORTS, MQTT}},
    /* What is decided of a message: by rules, tables and software behind contracts, and no cryptography of its own. */
    {"station/activation/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT, "openssl/"}},
    /* The only part that talks MQTT. */
    {"station/mqtt/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS}},
    /* Programs of their own, which put tables and software together with the engine. */
    {"station/service/", {"station/", "certs/", "db/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    {"station/lambda/credentials.", {"station/", "certs/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    {"station/lambda/", {"station/", "db/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    {"station/", {"station/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    /* What runs on the module: the portable part knows C and itself. */
    {"drivers/at_wp77/agent/", {"drivers/at_wp77/agent/"}, {GTK, DATABASE, NETWORK, PORTS, "glib", "gio"}},
    {"drivers/", {"drivers/", "station/"}, {GTK, DATABASE, NETWORK}},
    {"certs/", {"certs/", "station/"}, {GTK, DATABASE, NETWORK, PORTS, MQTT}},
    {"db/", {"db/", "station/"}, {GTK, NETWORK, PORTS, MQTT}},
    {"gui/", {"gui/", "station/"}, {DATABASE, NETWORK, PORTS, MQTT}},
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
        const char *name;
        gboolean quoted;
        gboolean allowed;
    } table[] = {
        {"station/job.c", "station/unit.h", TRUE, TRUE},
        {"station/job.c", "drivers/at_wp77/wp77.h", TRUE, FALSE},
        {"station/job.c", "certs/csr.h", TRUE, FALSE},
        {"station/job.c", "../certs/csr.h", TRUE, FALSE},
        {"station/job.c", "station/../certs/csr.h", TRUE, FALSE},
        {"station/job.c", "unit.h", TRUE, FALSE},
        {"station/job.c", "sqlite3.h", FALSE, FALSE},
        {"station/job.c", "gtk/gtk.h", FALSE, FALSE},
        {"station/job.c", "curl/curl.h", FALSE, FALSE},
        {"station/job.c", "libserialport.h", FALSE, FALSE},
        {"station/job.c", "libusb-1.0/libusb.h", FALSE, FALSE},
        {"station/job.c", "openssl/crypto.h", FALSE, TRUE},
        {"station/station.c", "db/store_sqlite.h", TRUE, TRUE},
        {"station/station_setup.c", "certs/ca.h", TRUE, TRUE},
        {"station/station.c", "gtk/gtk.h", FALSE, FALSE},
        {"station/activation/engine.c", "station/signer.h", TRUE, TRUE},
        {"station/activation/engine.c", "db/activation_sqlite.h", TRUE, FALSE},
        {"station/activation/activation.c", "openssl/evp.h", FALSE, FALSE},
        {"station/activation/engine.c", "mosquitto.h", FALSE, FALSE},
        {"station/mqtt/link.c", "mosquitto.h", FALSE, TRUE},
        {"station/mqtt/link.c", "sqlite3.h", FALSE, FALSE},
        {"station/mqtt/rehearsal.c", "db/activation_sqlite.h", TRUE, FALSE},
        {"station/service/main.c", "db/activation_sqlite.h", TRUE, TRUE},
        {"station/service/main.c", "mosquitto.h", FALSE, FALSE},
        {"station/job.c", "mosquitto.h", FALSE, FALSE},
        {"station/lambda/function.c", "db/software_s3.h", TRUE, TRUE},
        {"station/lambda/function.c", "certs/ca.h", TRUE, FALSE},
        {"station/lambda/credentials.c", "certs/pki.h", TRUE, TRUE},
        {"station/lambda/credentials.c", "db/database.h", TRUE, FALSE},
        {"station/lambda/runtime.c", "curl/curl.h", FALSE, FALSE},
        {"station/cli/main.c", "station/station.h", TRUE, TRUE},
        {"station/cli/main.c", "db/database.h", TRUE, FALSE},
        {"certs/csr.c", "station/error.h", TRUE, TRUE},
        {"certs/csr.c", "db/database.h", TRUE, FALSE},
        {"db/database.c", "sqlite3.h", FALSE, TRUE},
        {"db/database.c", "certs/digest.h", TRUE, FALSE},
        {"drivers/at_wp77/wp77.c", "libserialport.h", FALSE, TRUE},
        {"drivers/at_wp77/wp77.c", "gui/window.h", TRUE, FALSE},
        {"drivers/at_wp77/agent/commands.c", "glib.h", FALSE, FALSE},
        {"drivers/at_wp77/agent/commands.c", "station/error.h", TRUE, FALSE},
        {"drivers/at_wp77/agent/commands.c", "string.h", FALSE, TRUE},
        {"drivers/at_wp77/agent/commands.c", "pkcs10.h", TRUE, TRUE},
        {"drivers/at_wp77/wp77.c", "wp77.h", TRUE, FALSE},
        {"drivers/at_wp77/agent/host/main.c", "glib.h", FALSE, TRUE},
        {"drivers/at_wp77/agent/legato/agentComponent/agent.c", "interfaces.h", TRUE, TRUE},
        {"gui/window.c", "gtk/gtk.h", FALSE, TRUE},
        {"gui/window.c", "drivers/at_wp77/wp77.h", TRUE, FALSE},
        {"elsewhere/x.c", "station/error.h", TRUE, FALSE},
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
