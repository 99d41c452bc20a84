/* Products: every key's limits, what a unit has to be, what a label has to say. */
#include "station/profile.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "station/error.h"
#include "station/registration.h"

static char *temp_dir;

static char *
fixture(const char *name)
{
    return g_test_build_filename(G_TEST_DIST, "fixtures", "products", name, NULL);
}

/* The minimal product with one key put in: group NULL puts nothing in; a key that is there is replaced. */
static KlProfile *
load_with(const char *group, const char *key, const char *value, GError **error)
{
    g_autofree char *minimal = fixture("minimal.conf");
    g_autofree char *text = NULL;
    g_autoptr(GKeyFile) keys = g_key_file_new();
    g_assert_true(g_key_file_load_from_file(keys, minimal, G_KEY_FILE_NONE, NULL));
    if (group != NULL)
        g_key_file_set_value(keys, group, key, value);
    if (g_strcmp0(key, "pattern") == 0)
        g_key_file_set_value(keys, "id", "rule", "sequence");
    text = g_key_file_to_data(keys, NULL, NULL);
    g_autofree char *path = g_build_filename(temp_dir, "p.conf", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return kl_profile_load(path, error);
}

static void
test_all_keys(void)
{
    g_autofree char *path = fixture("fx30s.conf");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlProfile) profile = kl_profile_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(profile->name, ==, "fx30s");
    g_assert_cmpstr(profile->title, ==, "FX30S gateway");
    g_assert_cmpstr(profile->driver, ==, "at_wp77");
    g_assert_cmpuint(g_strv_length(profile->models), ==, 3);
    g_assert_cmpstr(profile->models[2], ==, "FX30(WP7702)");
    g_assert_cmpuint(g_strv_length(profile->firmware), ==, 2);
    g_assert_cmpuint(profile->restart_seconds, ==, 45);
    g_assert_cmpint(profile->id_rule, ==, KL_ID_SEQUENCE);
    g_assert_cmpstr(profile->id_pattern, ==, "FX30-%06u");
    g_assert_cmpstr(profile->id_sequence, ==, "FX30-%u");
    g_assert_cmpint(profile->label_rule, ==, KL_LABEL_ANY);
    g_assert_true(profile->label_required);
    g_assert_cmpstr(profile->label_pattern, ==, "[0-9]{15}|[A-Za-z0-9]{14}|FX30-\\d{6}");
    g_assert_cmpstr(profile->key_slot, ==, "keyline");
    g_assert_cmpstr(profile->key_backends[0], ==, "iks");
    g_assert_cmpstr(profile->key_backends[1], ==, "software");
    g_assert_true(profile->lock);
    g_assert_cmpstr(profile->subject, ==, "CN={device_id},serialNumber={fsn},O=Example");
    g_assert_cmpuint(profile->validity_days, ==, 7300);
    g_assert_cmpuint(profile->backdate_minutes, ==, 1440);
    g_assert_cmpuint(profile->ca_margin_days, ==, 90);
    g_assert_true(profile->allow_null_parameter);
    g_assert_cmpstr(profile->policy, ==, "fx30s-first-boot");
    g_assert_cmpstr(profile->registration_firmware, ==, "fx30s-1.0.0");
    g_assert_cmpstr(profile->parameters, ==, "{\"topic\":\"dm/device/DEVICE_ID\",\"interval\":60}");
    g_assert_cmpstr(profile->endpoint, ==, "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com");
}

static void
test_defaults(void)
{
    g_autofree char *path = fixture("minimal.conf");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlProfile) profile = kl_profile_load(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(profile->title, ==, "minimal");
    g_assert_cmpstr(profile->driver, ==, "at_wp77");
    g_assert_cmpstr(profile->firmware[0], ==, "*");
    g_assert_cmpuint(profile->restart_seconds, ==, 20);
    g_assert_cmpint(profile->id_rule, ==, KL_ID_FSN);
    g_assert_null(profile->id_pattern);
    g_assert_cmpint(profile->label_rule, ==, KL_LABEL_ANY);
    g_assert_false(profile->label_required);
    g_assert_null(profile->label_pattern);
    g_assert_cmpstr(profile->key_slot, ==, "keyline");
    g_assert_cmpstr(profile->key_backends[0], ==, "iks");
    g_assert_null(profile->key_backends[1]); /* software keys only where somebody decided so */
    g_assert_false(profile->lock);           /* what can't be undone, neither */
    g_assert_cmpstr(profile->subject, ==, "CN={device_id}");
    g_assert_cmpuint(profile->validity_days, ==, 3650);
    g_assert_cmpuint(profile->backdate_minutes, ==, 60);
    g_assert_cmpuint(profile->ca_margin_days, ==, 30);
    g_assert_false(profile->allow_null_parameter);
    g_assert_cmpstr(profile->parameters, ==, "{}");
}

typedef struct {
    const char *group, *key, *value;
    const char *allowed; /* a part of the message; NULL: the value is fine */
} Case;

static const Case cases[] = {
    {"product", "driver", "../at", "a-z 0-9 _"},
    {"product", "models", ";", "separated by ;"},
    {"product", "models", "A;;B", "separated by ;"},
    {"product", "models", "", "needs the key 'models'"},
    {"product", "models", "WP7702;", NULL},
    {"product", "firmware", "*a*b*c*d*", "at most 4 *"},
    {"product", "color", "red", "unknown key 'color' in [product]; allowed: title, driver, models, firmware"},
    {"product", "restart-seconds", "0", "a number from 1 to 120"},
    {"product", "restart-seconds", "121", "a number from 1 to 120"},
    {"product", "restart-seconds", "120", NULL},
    {"produkt", "title", "x", "unknown group [produkt]; allowed: [product], [id], [key]"},
    {"id", "rule", "FSN", "fsn, imei, label, sequence"},
    {"id", "rule", "sequence", "%u or %0Nu"},
    {"id", "label", "serial", "none, any, imei, fsn, device_id"},
    {"id", "label-required", "yes", "true, false"},
    {"id", "label-pattern", "([0-9]", "not a regular expression"},
    {"id", "label-pattern", "a)|(b", "not a regular expression"},
    {"id", "label-pattern", "(?x)a #", "not a regular expression"},
    {"id", "label-pattern", "\\d{15}", NULL},
    {"id", "pattern", "FX30-%06u", NULL},
    {"id", "pattern", "%u", NULL},
    {"id", "pattern", "a%020u.b", NULL},
    {"id", "pattern", "FX30", "%u or %0Nu"},
    {"id", "pattern", "%u%u", "%u or %0Nu"},
    {"id", "pattern", "%s", "%u or %0Nu"},
    {"id", "pattern", "%n", "%u or %0Nu"},
    {"id", "pattern", "%6u", "%u or %0Nu"},
    {"id", "pattern", "%0u", "%u or %0Nu"},
    {"id", "pattern", "%021u", "%u or %0Nu"},
    {"id", "pattern", "%0999999999u", "%u or %0Nu"},
    {"id", "pattern", "%lu", "%u or %0Nu"},
    {"id", "pattern", "%%u", "%u or %0Nu"},
    {"id", "pattern", "a/%u", "%u or %0Nu"},
    {"id", "pattern", "%u b", "%u or %0Nu"},
    {"id", "pattern", "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd-%u-123", "%u or %0Nu"},
    {"key", "slot", "key line", "A-Z a-z 0-9 _ -"},
    {"key", "slot", "123456789012345678901234567890123", "1 to 32"},
    {"key", "backends", "iks;file", "iks, software"},
    {"key", "lock", "1", "true, false"},
    {"certificate", "subject", "O=Example", "{device_id}"},
    {"certificate", "subject", "CN={device_id},O={name}", "{device_id}"},
    {"certificate", "subject", "CN={device_id", "{device_id}"},
    {"certificate", "subject", "CN={device_id}}", "{device_id}"},
    {"certificate", "validity-days", "0", "1 to 36500"},
    {"certificate", "validity-days", "-1", "1 to 36500"},
    {"certificate", "validity-days", "99999999999999999999", "1 to 36500"},
    {"certificate", "validity-days", "10 years", "1 to 36500"},
    {"certificate", "backdate-minutes", "0", NULL},
    {"certificate", "ca-margin-days", "x", "0 to 36500"},
    {"registration", "policy", "a b", "A-Z"},
    {"registration", "policy", "", "needs the key 'policy'"},
    {"registration", "parameters", "[1]", "a JSON object"},
    {"registration", "parameters", "{\"a\":1,}", "a JSON object"},
    {"registration", "parameters", "{\"a\":1e999}", "a JSON object"},
    {"registration", "parameters", "{\"a\":9223372036854775808}", "a JSON object"},
    {"registration", "parameters", "{\"a\":[-123456789012345678,0.12345678901234567890,\"12345678901234567890\"]}",
     NULL},
    {"registration", "parameters", "DEVICE_ID", "a JSON object"},
    {"registration", "parameters", "{\"a\":\"q\\\"\\n\"}", NULL},
    {"install", "endpoint", "mqtt://broker", "a host name"},
    {"install", "endpoint", "broker..example", "a host name"},
    {"install", "endpoint", "-a.example", "a host name"},
    {"install", "endpoint", "a b", "a host name"},
    {"install", "endpoint", "a123456789b123456789c123456789d123456789e123456789f123456789-123.x", "a host name"},
    {"install", "endpoint", "a123456789b123456789c123456789d123456789e123456789f123456789-12.x", NULL},
    {"install", "endpoint", "localhost", NULL},
};

static void
test_every_limit(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        g_test_message("[%s] %s=%s", c->group, c->key, c->value);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlProfile) profile = load_with(c->group, c->key, c->value, &error);
        if (c->allowed == NULL) {
            g_assert_no_error(error);
            continue;
        }
        g_assert_null(profile);
        g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, c->allowed));
        g_assert_true(g_regex_match_simple("p\\.conf:[1-9][0-9]*: ", error->message, 0, 0));
    }
}

static void
test_parameters_bounded(void)
{
    /* 70 * 64 characters of device ids do not fit, 60 * 64 do. */
    for (guint ids = 60; ids <= 70; ids += 10) {
        g_autoptr(GString) text = g_string_new("{\"a\":\"");
        for (guint i = 0; i < ids; i++)
            g_string_append(text, "DEVICE_ID");
        g_string_append(text, "\"}");
        g_autoptr(KlProfile) profile = load_with("registration", "parameters", text->str, NULL);
        g_assert_true((profile != NULL) == (ids == 60));
    }
    /* Brackets that would take a recursing parser down. */
    g_autofree char *deep = g_strnfill(900000, '[');
    g_autoptr(KlProfile) profile = load_with("registration", "parameters", deep, NULL);
    g_assert_null(profile);
}

static void
test_name(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(temp_dir, "two words.conf", NULL);
    g_autoptr(KlProfile) profile = kl_profile_load(path, &error);
    g_assert_null(profile);
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
}

/* --- units --- */

#define TEXT(text) ((char *)(text)) /* a unit owns its texts; these ones are never freed */

static const KlUnit unit = {
    .imei = TEXT("352653090215245"),
    .fsn = TEXT("4L936370140910"),
    .model = TEXT("WP7702"),
    .firmware = TEXT("SWI9X06Y_02.32.02.00"),
    .keystore = TEXT("iks"),
};

static KlProfile *
load_fixture(const char *name)
{
    g_autofree char *path = fixture(name);
    g_autoptr(GError) error = NULL;
    KlProfile *profile = kl_profile_load(path, &error);
    g_assert_no_error(error);
    return profile;
}

static void
assert_accepts(const KlProfile *profile, const KlUnit *candidate, int code)
{
    g_autoptr(GError) error = NULL;
    gboolean accepted = kl_profile_accepts(profile, candidate, &error);
    if (code < 0)
        g_assert_no_error(error);
    else
        g_assert_error(error, KL_ERROR, code);
    g_assert_cmpint(accepted, ==, code < 0);
}

static void
test_accepts(void)
{
    g_autoptr(KlProfile) profile = load_fixture("fx30s.conf");
    static const struct {
        const char *model, *firmware, *keystore;
        int code;
    } table[] = {
        {"WP7702", "SWI9X06Y_02.32.02.00", "iks", -1},
        {"FX30(WP7702)", "SWI9X06Y_02.36.06.00", "software", -1},
        {"WP7607", "SWI9X06Y_02.32.02.00", "iks", KL_ERROR_MODEL_UNKNOWN},
        {"WP7702 ", "SWI9X06Y_02.32.02.00", "iks", KL_ERROR_MODEL_UNKNOWN},
        {"wp7702", "SWI9X06Y_02.32.02.00", "iks", KL_ERROR_MODEL_UNKNOWN},
        {"", "SWI9X06Y_02.32.02.00", "iks", KL_ERROR_MODEL_UNKNOWN},
        {NULL, "SWI9X06Y_02.32.02.00", "iks", KL_ERROR_MODEL_UNKNOWN},
        {"WP7702", "SWI9X06Y_02.22.12.00", "iks", KL_ERROR_FIRMWARE_REFUSED},
        {"WP7702", "SWI9X06Y_02.36.16.00", "iks", KL_ERROR_FIRMWARE_REFUSED},
        {"WP7702", "xSWI9X06Y_02.32.02.00", "iks", KL_ERROR_FIRMWARE_REFUSED},
        {"WP7702", "SWI9X06Y_02.32.\xf0", "iks", KL_ERROR_FIRMWARE_REFUSED},
        {"WP7702", NULL, "iks", KL_ERROR_FIRMWARE_REFUSED},
        {"WP7702", "SWI9X06Y_02.32.02.00", "none", KL_ERROR_KEYSTORE_REFUSED},
        {"WP7702", "SWI9X06Y_02.32.02.00", NULL, KL_ERROR_KEYSTORE_REFUSED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        KlUnit candidate = unit;
        candidate.model = TEXT(table[i].model);
        candidate.firmware = TEXT(table[i].firmware);
        candidate.keystore = TEXT(table[i].keystore);
        assert_accepts(profile, &candidate, table[i].code);
    }
    g_autoptr(KlProfile) minimal = load_fixture("minimal.conf");
    KlUnit software = unit;
    software.keystore = TEXT("software");
    assert_accepts(minimal, &software, KL_ERROR_KEYSTORE_REFUSED);
}

#define PASSES (-1)

static void
test_labels(void)
{
    static const struct {
        const char *id, *label_rule, *device_id, *scan;
        int code;
    } table[] = {
        /* any: one of the three */
        {"fsn", "any", NULL, "352653090215245", PASSES},
        {"fsn", "any", NULL, "352653090215245\r\n", PASSES},
        {"fsn", "any", NULL, "4l936370140910 ", PASSES},
        {"fsn", "any", "D-1", "D-1", PASSES},
        {"fsn", "any", "D-1", "d-1", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "any", "D-1", "D-2", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "any", NULL, "490154203237518", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "any", NULL, "35265309021524", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "any", NULL, " 352653090215245", KL_ERROR_LABEL_MISMATCH},
        {"sequence", "any", NULL, "D-1", KL_ERROR_LABEL_MISMATCH},
        {"label", "any", NULL, "D-1", PASSES},
        {"label", "any", "D-1", "D-2", KL_ERROR_LABEL_MISMATCH},
        /* one of them only */
        {"fsn", "imei", NULL, "352653090215245", PASSES},
        {"fsn", "imei", NULL, "4L936370140910", KL_ERROR_LABEL_MISMATCH},
        {"imei", "fsn", NULL, "4L936370140910", PASSES},
        {"imei", "fsn", NULL, "352653090215245", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "device_id", "D-1", "D-1", PASSES},
        {"fsn", "device_id", "D-1", "352653090215245", KL_ERROR_LABEL_MISMATCH},
        {"fsn", "device_id", NULL, "4L936370140910", PASSES},
        {"fsn", "device_id", NULL, "4L936370140911", KL_ERROR_LABEL_MISMATCH},
        {"imei", "device_id", NULL, "490154203237518", KL_ERROR_LABEL_MISMATCH},
        {"sequence", "device_id", NULL, "D-1", PASSES}, /* not known yet */
        /* none: not compared */
        {"fsn", "none", NULL, "anything at all", PASSES},
        {"label", "none", NULL, "D-1", PASSES}, /* becomes the id; then it has to be that */
        {"label", "none", "D-1", "D-1", PASSES},
        {"label", "none", "D-1", "D-2", KL_ERROR_LABEL_MISMATCH},
        /* no label */
        {"fsn", "any", NULL, NULL, PASSES},
        {"fsn", "any", NULL, "", PASSES},
        {"label", "none", NULL, NULL, KL_ERROR_LABEL_MISSING},
        {"label", "none", NULL, " \r\n", KL_ERROR_LABEL_MISSING},
        /* not a label */
        {"fsn", "none", NULL, "a\tb", KL_ERROR_LABEL_FORMAT},
        {"fsn", "none", NULL, "a\nb", KL_ERROR_LABEL_FORMAT},
        {"fsn", "none", NULL, "a\x1b[2J", KL_ERROR_LABEL_FORMAT},
        {"fsn", "none", NULL, "a\xff", KL_ERROR_LABEL_FORMAT},
        {"label", "none", NULL, "D 1", KL_ERROR_LABEL_FORMAT},
        {"label", "none", NULL, "D/1", KL_ERROR_LABEL_FORMAT},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *scan = g_strescape(table[i].scan != NULL ? table[i].scan : "(none)", NULL);
        g_test_message("rule=%s label=%s scan=%s", table[i].id, table[i].label_rule, scan);
        gboolean sequence = strcmp(table[i].id, "sequence") == 0;
        g_autoptr(KlProfile) profile =
            load_with("id", sequence ? "pattern" : "rule", sequence ? "D-%u" : table[i].id, NULL);
        g_assert_nonnull(profile);
        static const char *const rules[] = {"none", "any", "imei", "fsn", "device_id"};
        for (guint r = 0; r < G_N_ELEMENTS(rules); r++) {
            if (strcmp(rules[r], table[i].label_rule) == 0)
                profile->label_rule = (KlLabelRule)r;
        }
        KlUnit scanned = unit;
        scanned.device_id = TEXT(table[i].device_id);
        g_autoptr(GError) error = NULL;
        gboolean ok = kl_profile_check_label(profile, &scanned, table[i].scan, &error);
        g_assert_cmpint(ok, ==, table[i].code == PASSES);
        if (table[i].code == PASSES)
            g_assert_no_error(error);
        else
            g_assert_error(error, KL_ERROR, table[i].code);
    }
}

static void
test_label_required(void)
{
    g_autoptr(KlProfile) profile = load_with("id", "label-required", "true", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_profile_check_label(profile, &unit, "\n", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_LABEL_MISSING);
}

static void
test_label_pattern_matches_the_whole_scan(void)
{
    g_autoptr(KlProfile) profile = load_with("id", "label-pattern", "ab|[0-9]{3}", NULL);
    profile->label_rule = KL_LABEL_NONE;
    static const struct {
        const char *scan;
        gboolean ok;
    } table[] = {{"ab", TRUE},  {"123", TRUE},   {"abc", FALSE},  {"xab", FALSE},
                 {"12", FALSE}, {"1234", FALSE}, {"x123", FALSE}, {"123\r\n", TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS(table); i++)
        g_assert_cmpint(kl_profile_check_label(profile, &unit, table[i].scan, NULL), ==, table[i].ok);
}

/* A pattern that takes exponential time is given up on; a scan that is too long is not tried. */
static void
test_label_pattern_bounded(void)
{
    g_autoptr(KlProfile) profile = load_with("id", "label-pattern", "(a|aa)+\\d(x*)*", NULL);
    g_assert_nonnull(profile);
    g_autofree char *scan = g_strnfill(KL_LABEL_MAX, 'a');
    g_autoptr(GError) error = NULL;
    g_assert_false(kl_profile_check_label(profile, &unit, scan, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_LABEL_FORMAT);

    g_autoptr(KlProfile) anything = load_with("id", "label-pattern", ".*", NULL);
    anything->label_rule = KL_LABEL_NONE;
    g_assert_true(kl_profile_check_label(anything, &unit, scan, NULL));
    g_autofree char *too_long = g_strnfill(KL_LABEL_MAX + 1, 'a');
    g_assert_false(kl_profile_check_label(anything, &unit, too_long, NULL));
}

static void
test_expand(void)
{
    KlUnit named = unit;
    named.device_id = TEXT("FX30-000001");
    g_autofree char *subject = kl_profile_expand("CN={device_id},OU={imei}+{fsn},O=E", &named);
    g_assert_cmpstr(subject, ==, "CN=FX30-000001,OU=352653090215245+4L936370140910,O=E");
    g_autofree char *plain = kl_profile_expand("O={imei}", &unit);
    g_assert_cmpstr(plain, ==, "O=352653090215245");
}

static void
test_registration(void)
{
    g_autoptr(KlProfile) profile =
        load_with("registration", "parameters", "{\"DEVICE_ID\":\"a/DEVICE_ID/b\",\"n\":[\"DEVICE_ID\",1]}", NULL);
    g_autoptr(KlRegistration) row = kl_registration_new(profile, "FX30-000001");
    g_assert_cmpstr(row->device, ==, "FX30-000001");
    g_assert_cmpstr(row->registered, ==, "false");
    g_assert_cmpstr(row->policy, ==, "first-boot");
    g_assert_cmpstr(row->firmware, ==, "1.0.0");
    g_assert_cmpint(row->version, ==, 0);
    g_assert_cmpint(row->connections, ==, 0);
    g_assert_cmpstr(row->parameters, ==, "{\"FX30-000001\":\"a/FX30-000001/b\",\"n\":[\"FX30-000001\",1]}");
    g_autoptr(JsonParser) parser = json_parser_new();
    g_assert_true(json_parser_load_from_data(parser, row->parameters, -1, NULL));
    kl_registration_free(NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    temp_dir = g_dir_make_tmp("keyline-profile-XXXXXX", NULL);
    g_test_add_func("/profile/all-keys", test_all_keys);
    g_test_add_func("/profile/defaults", test_defaults);
    g_test_add_func("/profile/every-limit", test_every_limit);
    g_test_add_func("/profile/parameters-bounded", test_parameters_bounded);
    g_test_add_func("/profile/name", test_name);
    g_test_add_func("/profile/accepts", test_accepts);
    g_test_add_func("/profile/labels", test_labels);
    g_test_add_func("/profile/label-required", test_label_required);
    g_test_add_func("/profile/label-pattern-matches-the-whole-scan", test_label_pattern_matches_the_whole_scan);
    g_test_add_func("/profile/label-pattern-bounded", test_label_pattern_bounded);
    g_test_add_func("/profile/expand", test_expand);
    g_test_add_func("/profile/registration", test_registration);
    int result = g_test_run();
    g_autofree char *path = g_build_filename(temp_dir, "p.conf", NULL);
    g_unlink(path);
    g_rmdir(temp_dir);
    g_free(temp_dir);
    return result;
}
