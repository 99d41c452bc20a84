/* Which folder is meant where nobody names one, and files as links lead to them. */
#include <errno.h>

#include "station/station.h"
#include "station/station_private.h"

/* A folder with nothing but the configuration is where an installed station's lies to be edited. */
static gboolean
is_station(void)
{
    return g_file_test("station.conf", G_FILE_TEST_EXISTS) &&
           (g_file_test("keyline.db", G_FILE_TEST_EXISTS) || g_file_test("ca", G_FILE_TEST_IS_DIR));
}

char *
kl_station_usual_dir(void)
{
    const char *asked = g_getenv("KEYLINE_STATION");
    if (asked != NULL && asked[0] != '\0')
        return g_canonicalize_filename(asked, NULL);
    return g_canonicalize_filename(KL_STATION_DIR[0] == '\0' || is_station() ? "." : KL_STATION_DIR, NULL);
}

char *
kl_station_follow(const char *path, GError **error)
{
    g_autofree char *at = g_strdup(path);
    for (guint links = 0; links < 16; links++) {
        g_autofree char *target = g_file_read_link(at, NULL);
        if (target == NULL)
            return g_steal_pointer(&at);
        g_autofree char *folder = g_path_get_dirname(at);
        g_free(at);
        /* Not made shorter: what ".." leads to is the kernel's to say, with links among the folders. */
        at = g_path_is_absolute(target) ? g_steal_pointer(&target) : g_build_filename(folder, target, NULL);
    }
    kl_station_fail_errno(error, ELOOP, path);
    return NULL;
}
