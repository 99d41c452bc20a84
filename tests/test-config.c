/* station.conf and the strict reading of key files: what is wrong is named with file, line and what is allowed. */
#include "station/config.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "station/error.h"

#define HEAD "[station]\nname=Line 4\nproduct=fx30s\n"

static char *dir;

static void
put(const char *name, const char *text, gssize length)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_assert_true(g_file_set_contents(path, text, length, NULL));
}

static void
drop(const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_remove(path);
}

static void
assert_invalid(const char *message_part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_assert_null(config);
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
    g_test_message("%s", error->message);
    if (strstr(error->message, message_part) == NULL)
        g_error("'%s' is not in '%s'", message_part, error->message);
}

static void
test_whole(void)
{
    put("station.conf",
        "# a comment\n\n [station] \r\n  name\t=\tLine 4 \nproduct=fx30s\nline=sim/line.conf\n"
        "columns=4\n[ca]\nkey=pkcs11:token=ca;object=key\npassphrase-file=ca/pass\n"
        "[slot 02]\nagent=serial:/dev/ttyS0\nmodem=serial:/dev/ttyS0\n[slot 01]\nagent=tcp:192.168.2.2:5001\n",
        -1);
    g_autofree char *sim = g_build_filename(dir, "sim", NULL);
    g_mkdir(sim, 0755);
    put("sim/line.conf", "[slot 10]\nagent=pty:/tmp/a\nmodem=pty:b\n", -1);

    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->dir, ==, dir);
    g_assert_cmpstr(config->name, ==, "Line 4");
    g_assert_cmpstr(config->product, ==, "fx30s");
    g_assert_cmpuint(config->columns, ==, 4);
    g_autofree char *line = g_build_filename(dir, "sim/line.conf", NULL);
    g_assert_cmpstr(config->line_file, ==, line);
    g_assert_cmpstr(config->ca_key, ==, "pkcs11:token=ca;object=key");
    g_autofree char *pass = g_build_filename(dir, "ca/pass", NULL);
    g_assert_cmpstr(config->passphrase_file, ==, pass);

    g_assert_cmpuint(config->slots->len, ==, 3);
    static const char *const order[] = {"01", "02", "10"};
    for (guint i = 0; i < 3; i++)
        g_assert_cmpstr(((KlSlotConfig *)config->slots->pdata[i])->name, ==, order[i]);
    const KlSlotConfig *slot = kl_config_slot(config, "02", &error);
    g_assert_cmpstr(slot->agent, ==, "serial:/dev/ttyS0");
    g_assert_cmpstr(slot->modem, ==, "serial:/dev/ttyS0");
    slot = kl_config_slot(config, "01", &error);
    g_assert_cmpstr(slot->agent, ==, "tcp:192.168.2.2:5001");
    g_assert_null(slot->modem);
    slot = kl_config_slot(config, "10", &error);
    g_autofree char *beside = g_strdup_printf("pty:%s/sim/b", dir);
    g_assert_cmpstr(slot->modem, ==, beside); /* beside the file that names it */
    g_assert_null(kl_config_slot(config, "03", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_SLOT_UNKNOWN);
    drop("sim/line.conf");
    drop("sim");
}

static void
test_defaults(void)
{
    put("station.conf", HEAD "line=\n[slot 1-1.4.2]\nagent=pty:/x\nmodem=\n", -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->ca_key, ==, "file");
    g_assert_null(config->passphrase_file);
    g_assert_null(config->line_file);
    g_assert_null(kl_config_slot(config, "1-1.4.2", NULL)->modem);
}

static void
test_aws(void)
{
    put("station.conf", HEAD, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) without = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_false(without->aws.on);
    g_assert_null(kl_config_field_table(without));
    g_assert_cmpint(without->signer, ==, KL_SIGNER_LOCAL);

    put("station.conf", HEAD "[aws]\n", -1);
    g_autoptr(KlConfig) plain = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_true(plain->aws.on);
    g_assert_null(plain->aws.region);
    g_assert_null(plain->aws.firmware_table);
    g_assert_cmpstr(plain->aws.registration_table, ==, "Bootstrapping_table_registration");
    g_assert_cmpint(plain->aws.register_mode, ==, KL_REGISTER_CA);
    g_assert_false(plain->aws.require_ack);
    g_assert_cmpuint(plain->aws.ack_wait_ms, ==, 2000);
    g_assert_cmpuint(plain->aws.per_second, ==, 20);
    g_assert_cmpuint(plain->aws.id_block, ==, 500);
    g_assert_cmpuint(plain->aws.rate_percent, ==, 100);
    g_assert_cmpuint(plain->aws.connections_alarm, ==, 3);
    g_assert_cmpstr(kl_config_field_table(plain), ==, "Bootstrapping_table_registration");

    put("station.conf",
        HEAD "[ca]\nsigner=pca\n[aws]\nregion=eu-central-1\nprofile=a b\nendpoint=http://127.0.0.1:1\n"
             "records-table=r\nfirmware-table=f\npolicy=p\nregister=without-ca\npca-arn=arn:aws:acm-pca:x:1:y/z\n"
             "require-ack=true\nack-wait-ms=0\nrows-per-second=7\nid-block=9\nrate-percent=25\nconnections-alarm=0\n",
        -1);
    g_autoptr(KlConfig) whole = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpint(whole->signer, ==, KL_SIGNER_PCA);
    g_assert_cmpstr(whole->aws.profile, ==, "a b");
    g_assert_cmpstr(whole->aws.endpoint, ==, "http://127.0.0.1:1");
    g_assert_cmpstr(whole->aws.records_table, ==, "r");
    g_assert_cmpstr(whole->aws.firmware_table, ==, "f");
    g_assert_cmpint(whole->aws.register_mode, ==, KL_REGISTER_WITHOUT_CA);
    g_assert_cmpstr(whole->aws.pca_arn, ==, "arn:aws:acm-pca:x:1:y/z");
    g_assert_true(whole->aws.require_ack);
    g_assert_cmpuint(whole->aws.ack_wait_ms, ==, 0);
    g_assert_cmpuint(whole->aws.per_second, ==, 7);
    g_assert_cmpuint(whole->aws.id_block, ==, 9);
    g_assert_cmpuint(whole->aws.rate_percent, ==, 25);
    g_assert_cmpuint(whole->aws.connections_alarm, ==, 0);
}

static void
test_missing(void)
{
    drop("station.conf");
    g_autoptr(GError) error = NULL;
    g_autoptr(KlConfig) config = kl_config_load(dir, &error);
    g_assert_null(config);
    g_assert_error(error, KL_ERROR, KL_ERROR_STATION_MISSING);
}

static void
test_every_mistake(void)
{
    static const struct {
        const char *text;
        const char *message;
    } table[] = {
        {"", "station.conf:1: [station] needs the key 'name'"},
        {"[station]\nname=\nproduct=p\n", "station.conf:2: [station] needs the key 'name'"},
        {"[station]\nname=a\n", "station.conf:1: [station] needs the key 'product'"},
        {HEAD "nane=x\n", "station.conf:4: unknown key 'nane' in [station]; allowed: name, product, line, columns"},
        {HEAD "columns=0\n", "station.conf:4: [station] columns: allowed: a number from 1 to 64"},
        {HEAD "columns=four\n", "station.conf:4: [station] columns: allowed: a number from 1 to 64"},
        {HEAD "name[de]=x\n", "station.conf:4: unknown key 'name[de]'"},
        {HEAD "[ca]\nsigner=aws\n", "station.conf:5: [ca] signer: 'aws' is none of: local, register, iot, pca"},
        {HEAD "[ca]\nsigner=iot\n", "station.conf:5: [ca] signer: iot needs an [aws] group"},
        {HEAD "[ca]\nsigner=pca\n[aws]\n", "station.conf:5: [ca] signer: pca needs [aws] pca-arn"},
        {HEAD "[ca]\nsigner=register\n[aws]\nregister=no\n", "[aws] register: signer=register needs ca or"},
        {HEAD "[aws]\nregister=yes\n", "station.conf:5: [aws] register: 'yes' is none of: no, ca, without-ca"},
        {HEAD "[aws]\nrequire-ack=1\n", "station.conf:5: [aws] require-ack: '1' is none of: false, true"},
        {HEAD "[aws]\nrows-per-second=0\n", "[aws] rows-per-second: allowed: a number from 1 to 1000"},
        {HEAD "[aws]\nack-wait-ms=20001\n", "[aws] ack-wait-ms: allowed: a number from 0 to 20000"},
        {HEAD "[aws]\nrate-percent=101\n", "[aws] rate-percent: allowed: a number from 1 to 100"},
        {HEAD "[aws]\nconnections-alarm=-1\n", "[aws] connections-alarm: allowed: a number from 0 to 2147483647"},
        {HEAD "[aws]\nid-block=1\n", "[aws] id-block: allowed: a number from 2 to 100000"},
        {HEAD "[aws]\nrecords-table=a b\n", "[aws] records-table: 'a b' has characters that may not be there"},
        {HEAD "[aws]\nregion=eu/1\n", "[aws] region: 'eu/1' has characters that may not be there"},
        {HEAD "[aws]\ntable=x\n", "station.conf:5: unknown key 'table' in [aws]; allowed: region, profile, endpoint"},
        {HEAD "[cat]\n",
         "station.conf:4: unknown group [cat]; allowed: [station], [ca], [audit], [slot *], [hub *], [usb], "
         "[recovery]"},
        {HEAD "name=again\n", "station.conf:4: key 'name' in [station] is repeated; it is already in line 2"},
        {HEAD "[ca]\n[ca]\n", "station.conf:5: group [ca] is repeated; it is already in line 4"},
        {HEAD "[slot 01]\nagent=pty:/a\n[slot 01]\n", "station.conf:6: group [slot 01] is repeated"},
        {HEAD "[slot 01]\n", "station.conf:4: [slot 01] agent: needs agent (serial:PATH, pty:PATH, tcp:HOST:PORT or "
                             "usb:PORTPATH) or usb (PORTPATH), and one of them only"},
        {HEAD "[slot]\nagent=pty:/a\n", "station.conf:4: unknown group [slot]"},
        {HEAD "[slot  01]\nagent=pty:/a\n", "station.conf:5: [slot  01] agent: a slot's name"},
        {HEAD "[slot a/b]\nagent=pty:/a\n", "station.conf:5: [slot a/b] agent: a slot's name"},
        {HEAD "[slot 01\n", "station.conf:4: '[slot 01' is neither"},
        {HEAD "[]\n", "station.conf:4: '[]' is neither"},
        {HEAD "=x\n", "station.conf:4: '=x' is neither"},
        {HEAD "just words\n", "station.conf:4: 'just words' is neither"},
        {"name=x\n" HEAD, "station.conf:1: a key before the first group"},
        {HEAD "\x01\n", "station.conf:4: control character 0x01"},
        {HEAD "a\rb=1\n", "station.conf:4: control character 0x0d"},
        {HEAD "# \xff\n", "station.conf:4: not UTF-8"},
        {"[station]\nname=a\nproduct=../p\n", "station.conf:3: [station] product: "},
        {"[station]\nname=a\nproduct=..\n", "station.conf:3: [station] product: "},
        {HEAD "[ca]\n# here\nkey=/etc/key\n", "station.conf:6: [ca] key: allowed: file, or a pkcs11: URI"},
        {HEAD "line=no.conf\n", "station.conf:4: [station] line: there is no file"},
        {HEAD "[slot 01]\nagent=/dev/ttyS0\n", "station.conf:5: [slot 01] agent: '/dev/ttyS0' is not an address; "
                                               "allowed: serial:PATH, pty:PATH, tcp:HOST:PORT or usb:PORTPATH"},
        {HEAD "[slot 01]\nagent=pty:/a\nmodem=com1\n", "station.conf:6: [slot 01] modem: "},
        {HEAD "[slot 01]\nagent=serial:\n", "agent: 'serial:' is not an address"},
        {HEAD "[slot 01]\nagent=tcp:\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:host\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp::80\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:host:0\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:host:65536\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:host:+80\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:host:8 0\n", "is not an address"},
        {HEAD "[slot 01]\nagent=tcp:a/b:80\n", "is not an address"},
        {HEAD "[slot 01]\nagent=pty:/a\n[slot 02]\nagent=pty:/a\n",
         "station.conf:7: [slot 02] agent: pty:/a is already a port of slot 01"},
        {HEAD "[slot 01]\nagent=pty:/a\nmodem=pty:/b\n[slot 02]\nagent=pty:/c\nmodem=pty:/b\n",
         "station.conf:9: [slot 02] modem: pty:/b is already a port of slot 01"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        put("station.conf", table[i].text, -1);
        assert_invalid(table[i].message);
    }
    g_autofree char *name = g_strnfill(65, 'n');
    g_autofree char *text = g_strdup_printf("[station]\nname=%s\nproduct=p\n", name);
    put("station.conf", text, -1);
    assert_invalid("station.conf:2: [station] name: longer than 64");
}

static void
test_line_file_mistakes(void)
{
    put("station.conf", HEAD "line=line.conf\n[slot 01]\nagent=pty:/a\n", -1);
    put("line.conf", "[station]\nname=x\n", -1);
    assert_invalid("line.conf:1: unknown group [station]; allowed: [slot *], [hub *]");
    put("line.conf", "# more\n[slot 01]\nagent=pty:/b\n", -1);
    assert_invalid("line.conf:3: [slot 01] agent: slot 01 is defined twice");
    put("line.conf", "[slot 02]\nagent=pty:/a\n", -1);
    assert_invalid("line.conf:2: [slot 02] agent: pty:/a is already a port of slot 01");
    drop("line.conf");
}

/* Every single byte value in the middle of a good file: an error or not, never a crash; a NUL is always one. */
static void
test_hostile_files(void)
{
    for (guint byte = 0; byte < 256; byte++) {
        char text[] = HEAD "[slot 01]\nagent=pty:/a?b\nmodem=pty:/m\n";
        *strchr(text, '?') = (char)byte;
        put("station.conf", text, sizeof text - 1);
        g_autoptr(GError) error = NULL;
        g_autoptr(KlConfig) config = kl_config_load(dir, &error);
        g_assert_true((config == NULL) == (error != NULL));
        if (byte < 0x20 && byte != '\t' && byte != '\n')
            g_assert_null(config);
    }
    g_autofree char *big = g_strnfill(1024 * 1024 + 1, '#');
    memcpy(big, HEAD, strlen(HEAD));
    put("station.conf", big, -1);
    assert_invalid("larger than 1 MiB");
    big[1024 * 1024] = '\0';
    put("station.conf", big, -1);
    g_autoptr(KlConfig) config = kl_config_load(dir, NULL);
    g_assert_nonnull(config);

    g_autofree char *long_name = g_strnfill(5000, 'k');
    g_autofree char *text = g_strdup_printf(HEAD "%s=1\n", long_name);
    put("station.conf", text, -1);
    g_autoptr(GError) error = NULL;
    g_assert_null(kl_config_load(dir, &error));
    g_assert_cmpuint(strlen(error->message), <, 400);
    g_clear_error(&error);

    g_autofree char *long_value = g_strdup_printf(HEAD "[slot 01]\nagent=%s\n", long_name);
    put("station.conf", long_value, -1);
    g_assert_null(kl_config_load(dir, &error));
    g_assert_cmpuint(strlen(error->message), <, 600);
}

/* What is not a regular file is neither read nor waited for. */
static void
test_not_a_file(void)
{
    drop("station.conf");
    g_autofree char *path = g_build_filename(dir, "station.conf", NULL);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    assert_invalid("not a file");
    drop("station.conf");
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    assert_invalid("not a file");
    drop("station.conf");
}

static void
test_too_many_slots(void)
{
    g_autoptr(GString) text = g_string_new(HEAD);
    for (guint i = 0; i < 256; i++)
        g_string_append_printf(text, "[slot %u]\nagent=pty:/%u\n", i, i);
    put("station.conf", text->str, -1);
    g_autoptr(KlConfig) config = kl_config_load(dir, NULL);
    g_assert_cmpuint(config->slots->len, ==, 256);
    g_string_append(text, "[slot x]\nagent=pty:/x\n");
    put("station.conf", text->str, -1);
    assert_invalid("more than 256 slots");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("keyline-config-XXXXXX", NULL);
    g_test_add_func("/config/whole", test_whole);
    g_test_add_func("/config/defaults", test_defaults);
    g_test_add_func("/config/aws", test_aws);
    g_test_add_func("/config/missing", test_missing);
    g_test_add_func("/config/every-mistake", test_every_mistake);
    g_test_add_func("/config/line-file-mistakes", test_line_file_mistakes);
    g_test_add_func("/config/hostile-files", test_hostile_files);
    g_test_add_func("/config/not-a-file", test_not_a_file);
    g_test_add_func("/config/too-many-slots", test_too_many_slots);
    int result = g_test_run();
    drop("station.conf");
    g_rmdir(dir);
    g_free(dir);
    return result;
}
