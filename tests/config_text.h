/* A configuration out of the text of its station.conf. */
#pragma once

#include <glib/gstdio.h>

#include "station/config.h"

static inline KlConfig *
config_of(const char *text)
{
    g_autofree char *dir = g_dir_make_tmp("keyline-config-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "station.conf", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(GError) error = NULL;
    KlConfig *config = kl_config_load(dir, &error);
    g_assert_no_error(error);
    g_remove(path);
    g_rmdir(dir);
    return config;
}
