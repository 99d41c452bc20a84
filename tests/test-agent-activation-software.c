/* What the service sends in a first boot: no software, newer software, and software and parameters that are wrong in
 * every way. */
#include "tests/boot_ways.h"

/* No software comes: the unit has its telemetry, and goes on asking with its confirmation before it. */
static void
test_no_software(void)
{
    g_autoptr(World) world = world_new();
    reach_updating(world);
    event_time(world);
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_NO_ANSWER);
    world_ack(world, WORLD_TOPIC);
    g_assert_true(world_turn(world));
    guint n = world->said->len;
    g_assert_cmpstr(((const Said *)world->said->pdata[n - 2])->topic, ==, WORLD_BS "register/ok");
    world_last(world, WORLD_DM "version/request");
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_NO_ANSWER);
    world_tell_notice(world, 3, SOFTWARE);
    world_tell_software(world, SOFTWARE);
    world_ack(world, WORLD_DM "update/ok");
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    g_assert_cmpint(world_status(world).version, ==, 3);
}

/* Without a key in its parameters, a unit asks for no software, and takes none. */
static void
test_no_key(void)
{
    g_autoptr(World) world = world_new();
    reach_requested(world);
    g_assert_cmpint(world_tell_text(world, WORLD_BS "parameters/", "{\"topic\":\"" WORLD_TOPIC "\"}"), ==, 0);
    world_ack(world, WORLD_BS "register/ok");
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    world_last(world, WORLD_TOPIC);
    event_software(world);
    g_assert_cmpuint(world->applies, ==, 0);
    g_assert_cmpuint(world->said->len, ==, 3);
}

/* An active unit asks once after power-on; the same version is told again, a newer one is taken, an older one is not.
 */
static void
test_newer_software(void)
{
    g_autoptr(World) world = world_new();
    reach_active(world);
    world_power_on(world);
    world_link(world);
    g_assert_cmpuint(world->said->len, ==, 2);
    g_assert_cmpstr(((const Said *)world->said->pdata[0])->topic, ==, WORLD_DM "version/request");
    event_software(world);
    g_assert_cmpuint(world->applies, ==, 1);
    world_ack(world, WORLD_DM "update/ok");
    g_assert_cmpint(world_tell_notice(world, 4, "newer"), ==, 0);
    g_assert_cmpint(world_tell_software(world, "newer"), ==, 0);
    world_ack(world, WORLD_DM "update/ok");
    g_assert_cmpint(world_status(world).version, ==, 4);
    g_assert_cmpint(world_tell_notice(world, 3, SOFTWARE), ==, 0);
    g_assert_cmpint(world_tell_software(world, SOFTWARE), ==, KL_AGENT_E_SOFTWARE_OLD);
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_BAD_SOFTWARE);
    g_assert_cmpuint(world->applies, ==, 2);
    g_assert_cmpint(kl_agent_boot_reset(world->boot), ==, 0);
    g_assert_cmpuint(world->reverts, ==, 1);
}

static void
test_not_applied(void)
{
    g_autoptr(World) world = world_new();
    reach_updating(world);
    world->apply_fails = TRUE;
    event_software(world);
    assert_status(world, KL_AGENT_BOOT_UPDATING, KL_AGENT_TROUBLE_NOT_APPLIED);
    g_assert_cmpint(world_status(world).version, ==, 0);
    world->apply_fails = FALSE;
    g_assert_true(world_turn(world));
    world_last(world, WORLD_DM "version/request");
    event_software(world);
    world_ack(world, WORLD_DM "update/ok");
    assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
}

static char *
replaced(const char *text, const char *what, const char *with)
{
    g_auto(GStrv) parts = g_strsplit(text, what, -1);
    g_assert_cmpuint(g_strv_length(parts), >=, 2);
    return g_strjoinv(with, parts);
}

typedef struct {
    const char *what, *with; /* replaced in the notice; NULL: nothing */
    const char *content;     /* in place of the Base64; NULL: the right one */
    int error;
} BadSoftware;

static const BadSoftware bad_softwares[] = {
    {"\"size\":13", "\"size\":12", NULL, KL_AGENT_E_SOFTWARE_SIZE},
    {"\"size\":13", "\"size\":98305", NULL, KL_AGENT_E_SOFTWARE_SIZE},
    {"\"version\":3", "\"version\":4", NULL, KL_AGENT_E_SOFTWARE_SIGNATURE},
    {"\"version\":3", "\"version\":-3", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"version\":3", "\"version\":3.0", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"version\":3", "\"version\":\"3\"", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"version\":3", "\"version\":9007199254740992", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"version\":3", "\"version\":3,\"version\":4", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"sha256\":\"", "\"sha256\":\"0", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"\"signature\":\"M", "\"signature\":\"N", NULL, KL_AGENT_E_SOFTWARE_SIGNATURE},
    {"\"signature\"", "\"signed\"", NULL, KL_AGENT_E_MESSAGE_FORM},
    {"}", "", NULL, KL_AGENT_E_MESSAGE_FORM},
    {NULL, NULL, "cHJpbnQoJ2JhZCcpCg==", KL_AGENT_E_SOFTWARE_HASH}, /* print('bad') */
    {NULL, NULL, "cHJpbnQoJ25ldycpCg=", KL_AGENT_E_MESSAGE_FORM},
    {NULL, NULL, "cHJpbnQoJ25ldycpCg==\n", KL_AGENT_E_MESSAGE_FORM},
    {NULL, NULL, "print('new')", KL_AGENT_E_MESSAGE_FORM},
    {NULL, NULL, "", KL_AGENT_E_SOFTWARE_SIZE},
};

/* Nothing of it is ever applied; the unit says what is wrong, asks again, and takes the right one. */
static void
test_bad_software(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_softwares); i++) {
        const BadSoftware *bad = &bad_softwares[i];
        g_autoptr(World) world = world_new();
        reach_updating(world);
        g_autofree char *right = world_notice(3, SOFTWARE, strlen(SOFTWARE));
        g_autofree char *notice = bad->what != NULL ? replaced(right, bad->what, bad->with) : g_strdup(right);
        g_autofree char *base64 = g_base64_encode((const guchar *)SOFTWARE, strlen(SOFTWARE));
        int first = world_tell_text(world, WORLD_DM "update/parameters/", notice);
        int second = world_tell_text(world, WORLD_DM "update/", bad->content != NULL ? bad->content : base64);
        g_test_message("%s %s", notice, bad->content);
        g_assert_cmpint(first != 0 ? first : second, ==, bad->error);
        assert_status(world, KL_AGENT_BOOT_UPDATING, KL_AGENT_TROUBLE_BAD_SOFTWARE);
        g_autofree char *number = g_strdup_printf("%d ", bad->error);
        g_assert_true(g_str_has_prefix(world_status(world).detail, number));
        g_assert_cmpuint(world->applies, ==, 0);
        g_assert_true(world_turn(world));
        world_last(world, WORLD_DM "version/request");
        event_software(world);
        world_ack(world, WORLD_DM "update/ok");
        assert_status(world, KL_AGENT_BOOT_ACTIVE, KL_AGENT_TROUBLE_FINE);
    }
}

/* The largest there may be, and one byte more. */
static void
test_software_size(void)
{
    g_autofree char *content = g_malloc(KL_BOOT_SOFTWARE_MAX + 2);
    memset(content, 'x', KL_BOOT_SOFTWARE_MAX + 1);
    content[KL_BOOT_SOFTWARE_MAX + 1] = '\0';
    g_autoptr(World) world = world_new();
    reach_updating(world);
    g_assert_cmpint(world_tell_software(world, content), ==, KL_AGENT_E_MESSAGE_TOO_BIG);
    g_assert_cmpint(world_tell_notice(world, 3, content), ==, KL_AGENT_E_SOFTWARE_SIZE);
    content[KL_BOOT_SOFTWARE_MAX] = '\0';
    g_assert_cmpint(world_tell_software(world, content), ==, 0);
    g_assert_cmpint(world_tell_notice(world, 3, content), ==, 0);
    g_assert_cmpuint(world->software->len, ==, KL_BOOT_SOFTWARE_MAX);
}

/* --- parameters --- */

static void
test_bad_parameters(void)
{
    static const struct {
        const char *text;
        int error;
    } rows[] = {
        {"", KL_AGENT_E_MESSAGE_FORM},
        {"[]", KL_AGENT_E_MESSAGE_FORM},
        {"{\"topic\":\"t\"", KL_AGENT_E_MESSAGE_FORM},
        {"{\"topic\":\"t\"}x", KL_AGENT_E_MESSAGE_FORM},
        {"{}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":7}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"a/#\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"a/+/b\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"a\\u0000b\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"a\\nb\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"t\",\"topic\":\"u\"}", KL_AGENT_E_PARAMETERS_TOPIC},
        {"{\"topic\":\"t\",\"software_key\":\"AAAA\"}", KL_AGENT_E_PARAMETERS_KEY},
        {"{\"topic\":\"t\",\"software_key\":\"?\"}", KL_AGENT_E_PARAMETERS_KEY},
        {"{\"topic\":\"t\",\"software_key\":null}", KL_AGENT_E_PARAMETERS_KEY},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(World) world = world_new();
        reach_requested(world);
        g_assert_cmpint(world_tell_text(world, WORLD_BS "parameters/", rows[i].text), ==, rows[i].error);
        assert_status(world, KL_AGENT_BOOT_REQUESTED, KL_AGENT_TROUBLE_BAD_PARAMETERS);
        g_assert_null(g_hash_table_lookup(world->device.items, KL_BOOT_RECEIVED));
        g_assert_true(world_turn(world));
        world_last(world, WORLD_BS "register/request");
        event_parameters(world);
        assert_status(world, KL_AGENT_BOOT_CONFIRMED, KL_AGENT_TROUBLE_FINE);
    }
    g_autoptr(World) empty = world_new();
    reach_requested(empty);
    g_assert_cmpint(kl_agent_boot_message(empty->boot, WORLD_BS "parameters/", NULL, 0, false), ==,
                    KL_AGENT_E_MESSAGE_FORM);
    g_autofree char *big = g_strnfill(KL_BOOT_PARAMETERS_MAX + 1, ' ');
    g_autoptr(World) world = world_new();
    reach_requested(world);
    g_assert_cmpint(world_tell_text(world, WORLD_BS "parameters/", big), ==, KL_AGENT_E_MESSAGE_TOO_BIG);
}

/* The store takes no parameters for a while. */
static void
test_parameters_not_stored(void)
{
    g_autoptr(World) world = world_new();
    reach_requested(world);
    world->device.fail_op = "item_write";
    world->device.fail_with = KL_AGENT_E_STORE_FULL;
    event_parameters(world);
    assert_status(world, KL_AGENT_BOOT_REQUESTED, KL_AGENT_TROUBLE_OTHER);
    world->device.fail_op = NULL;
    g_assert_true(world_turn(world));
    event_parameters(world);
    assert_status(world, KL_AGENT_BOOT_CONFIRMED, KL_AGENT_TROUBLE_FINE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-activation-software/no-software", test_no_software);
    g_test_add_func("/agent-activation-software/no-key", test_no_key);
    g_test_add_func("/agent-activation-software/newer-software", test_newer_software);
    g_test_add_func("/agent-activation-software/not-applied", test_not_applied);
    g_test_add_func("/agent-activation-software/bad-software", test_bad_software);
    g_test_add_func("/agent-activation-software/software-size", test_software_size);
    g_test_add_func("/agent-activation-software/bad-parameters", test_bad_parameters);
    g_test_add_func("/agent-activation-software/parameters-not-stored", test_parameters_not_stored);
    return g_test_run();
}
