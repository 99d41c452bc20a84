/* Software by the table Devicemanager_update, out of S3, both of the strict peer. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#include "db/software_s3.h"
#include "station/error.h"
#include "tests/cloud_tables.h"

#define SIGNATURE "MAYCAQECAQE=" /* of a made-up signature, 8 bytes */

static AwsPeer *peer;
static KlAws *aws;
static KlSoftwareShelf *shelf;

/* Puts an object into the peer's folder. */
static void
put_object(const char *bucket, const char *file, const char *content, gssize length)
{
    g_autofree char *path = g_build_filename(aws_peer_folder(peer), "s3", bucket, file, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, content, length, NULL));
}

/* attributes: in DynamoDB's own form, without the name. */
static void
put_entry(const char *name, const char *attributes)
{
    g_autofree char *item =
        g_strdup_printf("{\"device\":{\"S\":\"%s\"}%s%s}", name, *attributes != '\0' ? "," : "", attributes);
    cloud_table_put(aws, TABLE_FIRMWARE, item);
}

static KlSoftware *
find(const char *name, GError **error)
{
    KlOp op = {.deadline_us = g_get_monotonic_time() + 120 * G_USEC_PER_SEC};
    return shelf->klass->find(shelf, name, &op, error);
}

#define ENTRY(bucket, file)                                                                                            \
    "\"bucket\":{\"S\":\"" bucket "\"},\"file\":{\"S\":\"" file "\"},\"version\":{\"N\":\"3\"},"                       \
    "\"signature\":{\"S\":\"" SIGNATURE "\"}"
#define VERSIONED(version)                                                                                             \
    "\"bucket\":{\"S\":\"soft-ware\"},\"file\":{\"S\":\"a/main.bin\"},\"version\":" version                            \
    ",\"signature\":{\"S\":\"" SIGNATURE "\"}"
#define SIGNED(signature)                                                                                              \
    "\"bucket\":{\"S\":\"soft-ware\"},\"file\":{\"S\":\"a/"                                                            \
    "main.bin\"},\"version\":{\"N\":\"3\"},\"signature\":" signature

/* Names of software and of files may be odd: each byte of them is signed as S3 wants it. */
static void
test_found(void)
{
    static const char *const files[] = {"a/main.bin", "a b+c/%2F&=.bin", "\xc3\xbc/~*'(),.bin", "x"};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *entry = g_strdup_printf(ENTRY("soft-ware", "%s"), files[i]);
        put_object("soft-ware", files[i], "soft\0ware\xff", 10);
        put_entry("main 2.0/x", entry);
        g_autoptr(KlSoftware) software = find("main 2.0/x", &error);
        g_assert_no_error(error);
        g_assert_cmpint(software->version, ==, 3);
        g_assert_cmpstr(software->signature, ==, SIGNATURE);
        g_assert_cmpmem(g_bytes_get_data(software->content, NULL), g_bytes_get_size(software->content),
                        "soft\0ware\xff", 10);
    }
}

static const struct {
    const char *entry; /* NULL: the one that is there */
    const char *name;
    KlErrorCode code;
} refused[] = {
    {ENTRY("soft-ware", "a/main.bin"), "", KL_ERROR_RECORD_UNKNOWN},
    {NULL, "other", KL_ERROR_RECORD_UNKNOWN},
    {NULL, "\xff\xfe", KL_ERROR_RECORD_UNKNOWN},
    {ENTRY("soft-ware", "none"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("no-bucket", "a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "../soft-ware/a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "/a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("..", "a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware/a", "main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {"", "main", KL_ERROR_CONFIG_INVALID},
    {"\"bucket\":{\"N\":\"5\"}", "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("{\"S\":\"3\"}"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("{\"N\":\"-1\"}"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("{\"N\":\"1.5\"}"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("{\"N\":\"9007199254740992\"}"), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED("{\"S\":\"AAAA\"}"), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED("{\"S\":\"MAYCAQECAQE=\\\",\\\"x\"}"), "main", KL_ERROR_CONFIG_INVALID},
};

static void
test_refused(void)
{
    put_object("soft-ware", "a/main.bin", "software", -1);
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        if (refused[i].entry != NULL)
            put_entry("main", refused[i].entry);
        g_assert_null(find(refused[i].name, &error));
        g_test_message("%s: %s", refused[i].entry, error->message);
        g_assert_error(error, KL_ERROR, (int)refused[i].code);
    }
    g_autofree char *long_name = g_strnfill(KL_SOFTWARE_NAME_MAX + 1, 'x');
    g_autoptr(GError) error = NULL;
    g_assert_null(find(long_name, &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_RECORD_UNKNOWN);
}

static void
test_sizes(void)
{
    static const gssize sizes[] = {0, 1, KL_SOFTWARE_MAX, KL_SOFTWARE_MAX + 1, 40 * KL_SOFTWARE_MAX};
    g_autofree char *content = g_strnfill(40 * KL_SOFTWARE_MAX, 'x');
    put_entry("main", ENTRY("soft-ware", "sized"));
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GError) error = NULL;
        put_object("soft-ware", "sized", content, sizes[i]);
        KlSoftware *software = find("main", &error);
        g_assert_true((software != NULL) == (sizes[i] <= KL_SOFTWARE_MAX));
        if (software != NULL)
            g_assert_cmpint((gssize)g_bytes_get_size(software->content), ==, sizes[i]);
        else
            g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);
        g_clear_pointer(&software, kl_software_free);
    }
}

/* What passes by itself is asked for again; what does not, is told as what it is. */
static void
test_faults(void)
{
    static const struct {
        const char *fault;
        int code; /* -1: found all the same */
    } table[] = {
        {"{\"operation\":\"GetObject\",\"kind\":\"throttle\",\"nth\":1}", -1},
        {"{\"operation\":\"GetObject\",\"kind\":\"status\",\"status\":500,\"nth\":1}", -1},
        {"{\"operation\":\"GetObject\",\"kind\":\"drop-before\",\"nth\":1}", -1},
        {"{\"operation\":\"GetObject\",\"kind\":\"truncated\",\"nth\":1}", -1},
        {"{\"operation\":\"GetObject\",\"kind\":\"throttle\"}", KL_ERROR_CLOUD_THROTTLED},
        {"{\"operation\":\"GetObject\",\"kind\":\"status\",\"status\":503}", KL_ERROR_CLOUD_UNAVAILABLE},
        {"{\"operation\":\"GetObject\",\"kind\":\"error\",\"name\":\"AccessDeniedException\"}", KL_ERROR_CLOUD_DENIED},
        {"{\"operation\":\"GetItem\",\"kind\":\"error\",\"name\":\"ResourceNotFoundException\"}",
         KL_ERROR_CLOUD_MISSING},
    };
    put_object("soft-ware", "a/main.bin", "software", -1);
    put_entry("main", ENTRY("soft-ware", "a/main.bin"));
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        aws_peer_plant(peer, table[i].fault);
        KlSoftware *software = find("main", &error);
        g_test_message("%s: %s", table[i].fault, error != NULL ? error->message : "found");
        g_assert_cmpint(error != NULL ? (int)error->code : -1, ==, table[i].code);
        g_clear_pointer(&software, kl_software_free);
        aws_peer_clear(peer);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    peer = aws_peer_start(NULL);
    aws_peer_lead(peer);
    aws = kl_aws_new(&(KlAwsOptions){.backoff_ms = 1, .attempts = 3}, NULL);
    shelf = kl_software_s3_new(aws, TABLE_FIRMWARE);
    cloud_table_make(aws, TABLE_FIRMWARE, "device", NULL);
    g_test_add_func("/software-s3/found", test_found);
    g_test_add_func("/software-s3/refused", test_refused);
    g_test_add_func("/software-s3/sizes", test_sizes);
    g_test_add_func("/software-s3/faults", test_faults);
    int status = g_test_run();
    aws_peer_assert_clean(peer);
    kl_software_shelf_free(shelf);
    kl_aws_free(aws);
    aws_peer_free(peer);
    return status;
}
