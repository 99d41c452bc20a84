/* The products, and which one a station makes. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "certs/subject.h"
#include "certs/trust.h"
#include "station/station.h"
#include "station/station_private.h"

/* A product's name becomes part of a path. */
static gboolean
check_product_name(const char *product, GError **error)
{
    if (product[0] == '\0' || product[0] == '.' || strlen(product) > 64 ||
        product[strspn(product, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-")] != '\0')
        return kl_fail(error, KL_ERROR_USAGE, "'%s' is no product: the name of a file in products, without .conf",
                       product);
    return TRUE;
}

static gboolean
check_trust(const KlProfile *profile, GError **error)
{
    if (kl_trust_check(profile->trust, error))
        return TRUE;
    g_prefix_error(error, "[install] trust=%s: ", profile->trust_file);
    return FALSE;
}

KlProfile *
kl_station_load_profile(const char *dir, const char *product, GError **error)
{
    if (!check_product_name(product, error))
        return NULL;
    g_autofree char *file = g_strconcat(product, ".conf", NULL);
    g_autofree char *path = g_build_filename(dir, "products", file, NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "no product '%s': there is no %s", product, path);
        return NULL;
    }
    g_autoptr(KlProfile) profile = kl_profile_load(path, error);
    if (profile == NULL)
        return NULL;
    if (!kl_station_check_driver(profile->driver, error) || !kl_subject_check(profile->subject, error) ||
        (profile->trust != NULL && !check_trust(profile, error))) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    return g_steal_pointer(&profile);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **
kl_station_products(const char *dir, GError **error)
{
    g_autofree char *folder = g_build_filename(dir, "products", NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GDir) files = g_dir_open(folder, 0, &failure);
    if (files == NULL) {
        kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s", failure->message);
        return NULL;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(files); name != NULL; name = g_dir_read_name(files)) {
        if (name[0] != '.' && g_str_has_suffix(name, ".conf") && g_utf8_validate(name, -1, NULL))
            g_ptr_array_add(names, g_strndup(name, strlen(name) - strlen(".conf")));
    }
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

/* The text with another value for [station] product; all else, comments too, stays as it is. */
static char *
replace_product(const char *text, const char *product)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gboolean in_station = FALSE;
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *line = g_strstrip(g_strdup(lines[i]));
        char *equals = strchr(line, '=');
        if (line[0] == '[')
            in_station = strcmp(line, "[station]") == 0;
        if (!in_station || line[0] == '#' || equals == NULL)
            continue;
        *equals = '\0';
        if (strcmp(g_strchomp(line), "product") != 0)
            continue;
        g_free(lines[i]);
        lines[i] = g_strconcat("product=", product, NULL);
    }
    return g_strjoinv("\n", lines);
}

/* Another text for a file that is there. Its mode stays: at no time may more read it than before. */
static gboolean
write_again(const char *file, const char *text, GError **error)
{
    const GFileSetContentsFlags flags = G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE;
    struct stat before;
    if (stat(file, &before) != 0)
        return kl_station_fail_errno(error, errno, file);
    int mode = (int)(before.st_mode & 07777);
    errno = 0;
    if (!g_file_set_contents_full(file, text, -1, flags, mode, NULL) || g_chmod(file, mode) != 0)
        return kl_station_fail_errno(error, errno, file);
    return TRUE;
}

gboolean
kl_station_set_product(const char *dir, const char *product, GError **error)
{
    g_autoptr(KlProfile) profile = kl_station_load_profile(dir, product, error);
    /* A configuration that can't be read must not be written either. */
    g_autoptr(KlConfig) config = profile != NULL ? kl_station_load_config(dir, error) : NULL;
    if (config == NULL)
        return FALSE;
    g_autofree char *path = g_build_filename(config->dir, "station.conf", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure))
        return kl_fail(error, KL_ERROR_CONFIG_INVALID, "%s", failure->message);
    g_autofree char *changed = replace_product(text, product);
    g_autofree char *file = kl_station_follow(path, error);
    if (file == NULL)
        return FALSE;
    return write_again(file, changed, error);
}
