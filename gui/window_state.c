#include "gui/window_state.h"

#define GROUP "window"
#define FIRST_WIDTH 1280
#define FIRST_HEIGHT 800

static char *
state_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "keyline", "window.conf", NULL);
}

void
kl_window_state_restore(GtkWindow *window)
{
    g_autofree char *path = state_path();
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL);
    int width = g_key_file_get_integer(file, GROUP, "width", NULL);
    int height = g_key_file_get_integer(file, GROUP, "height", NULL);
    gtk_window_set_default_size(window, width > 0 ? width : FIRST_WIDTH, height > 0 ? height : FIRST_HEIGHT);
    if (g_key_file_get_boolean(file, GROUP, "maximized", NULL))
        gtk_window_maximize(window);
}

void
kl_window_state_save(GtkWindow *window)
{
    g_autofree char *path = state_path();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    int width = 0, height = 0;
    g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL);
    g_key_file_set_boolean(file, GROUP, "maximized", gtk_window_is_maximized(window));
    if (!gtk_window_is_maximized(window)) {
        gtk_window_get_size(window, &width, &height);
        g_key_file_set_integer(file, GROUP, "width", width);
        g_key_file_set_integer(file, GROUP, "height", height);
    }
    g_mkdir_with_parents(folder, 0700);
    if (!g_key_file_save_to_file(file, path, &error))
        g_info("the window's size is not kept: %s", error->message);
}
