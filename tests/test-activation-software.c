/* Software in a local folder: whatever the index and the folder hold, nothing outside of the folder is ever read. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "station/activation/software_folder.h"
#include "station/error.h"

#define SIGNATURE "MAYCAQECAQE=" /* of a made-up signature, 8 bytes */
#define GOOD "bucket=soft-ware\nfile=a/main.bin\nversion=3\nsignature=" SIGNATURE "\n"

typedef struct {
    char *dir;    /* has secret.bin and shelf/ */
    char *folder; /* shelf/ with soft-ware/a/main.bin */
} Scene;

static void
write_file(const char *dir, const char *name, const char *content, gssize length)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, content, length, NULL));
}

static void
link_file(const char *dir, const char *name, const char *target)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

static void
set_up(Scene *scene, gconstpointer data)
{
    scene->dir = g_dir_make_tmp("keyline-software-XXXXXX", NULL);
    scene->folder = g_build_filename(scene->dir, "shelf", NULL);
    write_file(scene->dir, "secret.bin", "secret", -1);
    write_file(scene->dir, "outside/secret.bin", "secret", -1);
    write_file(scene->folder, "soft-ware/a/main.bin", "software", -1);
    link_file(scene->folder, "soft-ware/link.bin", "a/main.bin");
    link_file(scene->folder, "soft-ware/out", "../../outside");
    link_file(scene->folder, "linked-bucket", "soft-ware");
    g_autofree char *pipe_path = g_build_filename(scene->folder, "soft-ware", "pipe", NULL);
    g_assert_cmpint(mkfifo(pipe_path, 0600), ==, 0);
}

static void
tear_down(Scene *scene, gconstpointer data)
{
    const char *argv[] = {"rm", "-rf", scene->dir, NULL};
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(scene->dir);
    g_free(scene->folder);
}

static KlSoftware *
find(const Scene *scene, const char *index, const char *name, GError **error)
{
    if (index != NULL)
        write_file(scene->folder, KL_SOFTWARE_INDEX, index, -1);
    KlSoftwareShelf *shelf = kl_software_folder_new(scene->folder);
    KlSoftware *software = shelf->klass->find(shelf, name, NULL, error);
    kl_software_shelf_free(shelf);
    return software;
}

static void
test_found(Scene *scene, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(KlSoftware) software = find(scene, "[other]\n[main 2.0/x]\n" GOOD, "main 2.0/x", &error);
    g_assert_no_error(error);
    g_assert_cmpint(software->version, ==, 3);
    g_assert_cmpstr(software->signature, ==, SIGNATURE);
    g_assert_cmpmem(g_bytes_get_data(software->content, NULL), g_bytes_get_size(software->content), "software", 8);
}

#define ENTRY(bucket, file) "[main]\nbucket=" bucket "\nfile=" file "\nversion=3\nsignature=" SIGNATURE "\n"
#define VERSIONED(version) "[main]\nbucket=soft-ware\nfile=a/main.bin\nversion=" version "\nsignature=" SIGNATURE "\n"
#define SIGNED(text) "[main]\nbucket=soft-ware\nfile=a/main.bin\nversion=3\nsignature=" text "\n"

static const struct {
    const char *index;
    const char *name;
    KlErrorCode code;
} refused[] = {
    /* names that are nobody's */
    {"[main]\n" GOOD, "", KL_ERROR_RECORD_UNKNOWN},
    {"[main]\n" GOOD, "other", KL_ERROR_RECORD_UNKNOWN},
    {"[main]\n" GOOD, "../main", KL_ERROR_RECORD_UNKNOWN},
    {"[main]\n" GOOD, "main]\n[main", KL_ERROR_RECORD_UNKNOWN},
    {"[main]\n" GOOD, "\xff\xfe", KL_ERROR_RECORD_UNKNOWN},
    {"", "main", KL_ERROR_RECORD_UNKNOWN},
    /* places that lead elsewhere */
    {ENTRY("soft-ware", "../../secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "a/../../../secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "/etc/hostname"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "a//main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "./a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "a/"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", ""), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("..", "secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("...", "secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY(".", "soft-ware/a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("", "secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware/a", "main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("../outside", "secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("Soft-ware", "a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "link.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "out/secret.bin"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("linked-bucket", "a/main.bin"), "main", KL_ERROR_CONFIG_INVALID},
    /* what is no file, or not there */
    {ENTRY("soft-ware", "a"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "pipe"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "a/main.bin/x"), "main", KL_ERROR_CONFIG_INVALID},
    {ENTRY("soft-ware", "none"), "main", KL_ERROR_CONFIG_INVALID},
    {"[main]\nfile=a/main.bin\nversion=3\nsignature=" SIGNATURE, "main", KL_ERROR_CONFIG_INVALID},
    {"[main]\nbucket=soft-ware\nversion=3\nsignature=" SIGNATURE, "main", KL_ERROR_CONFIG_INVALID},
    /* versions and signatures */
    {VERSIONED(""), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("-1"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("1.5"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("3x"), "main", KL_ERROR_CONFIG_INVALID},
    {VERSIONED("9007199254740992"), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED(""), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED("AAAA"), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED("MAYCAQECAQE"), "main", KL_ERROR_CONFIG_INVALID},
    {SIGNED("MAYCAQECAQE=\",\"x\":\""), "main", KL_ERROR_CONFIG_INVALID},
    /* an index that is none */
    {"nonsense", "main", KL_ERROR_CONFIG_INVALID},
    {"[main\n", "main", KL_ERROR_CONFIG_INVALID},
};

static void
test_refused(Scene *scene, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(find(scene, refused[i].index, refused[i].name, &error));
        g_test_message("%s: %s", refused[i].index, error->message);
        g_assert_error(error, KL_ERROR, (int)refused[i].code);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strpbrk(error->message, "\r\n"));
    }
}

static void
test_sizes(Scene *scene, gconstpointer data)
{
    g_autofree char *content = g_strnfill(KL_SOFTWARE_MAX + 1, 'x');
    for (gssize size = KL_SOFTWARE_MAX - 1; size <= KL_SOFTWARE_MAX + 1; size++) {
        g_autoptr(GError) error = NULL;
        write_file(scene->folder, "soft-ware/a/main.bin", content, size);
        KlSoftware *software = find(scene, "[main]\n" GOOD, "main", &error);
        g_assert_true((software != NULL) == (size <= KL_SOFTWARE_MAX));
        g_clear_pointer(&software, kl_software_free);
        g_assert_true(error == NULL || g_error_matches(error, KL_ERROR, KL_ERROR_CONFIG_INVALID));
    }
    write_file(scene->folder, "soft-ware/a/main.bin", "", 0);
    g_autoptr(KlSoftware) empty = find(scene, NULL, "main", NULL);
    g_assert_cmpuint(g_bytes_get_size(empty->content), ==, 0);
}

/* The index itself may be no link either; the folder may. */
static void
test_links(Scene *scene, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    write_file(scene->dir, "index", "[main]\n" GOOD, -1);
    link_file(scene->folder, KL_SOFTWARE_INDEX, "../index");
    g_assert_null(find(scene, NULL, "main", &error));
    g_assert_error(error, KL_ERROR, KL_ERROR_CONFIG_INVALID);

    g_autofree char *index = g_build_filename(scene->folder, KL_SOFTWARE_INDEX, NULL);
    g_unlink(index);
    link_file(scene->dir, "current", "shelf");
    write_file(scene->folder, KL_SOFTWARE_INDEX, "[main]\n" GOOD, -1);
    g_autofree char *current = g_build_filename(scene->dir, "current", NULL);
    const Scene linked = {scene->dir, current};
    g_autoptr(KlSoftware) software = find(&linked, NULL, "main", NULL);
    g_assert_nonnull(software);
    const Scene nowhere = {scene->dir, (char *)"/nonexistent/folder"};
    g_assert_null(find(&nowhere, NULL, "main", NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/activation-software/found", Scene, NULL, set_up, test_found, tear_down);
    g_test_add("/activation-software/refused", Scene, NULL, set_up, test_refused, tear_down);
    g_test_add("/activation-software/sizes", Scene, NULL, set_up, test_sizes, tear_down);
    g_test_add("/activation-software/links", Scene, NULL, set_up, test_links, tear_down);
    return g_test_run();
}
