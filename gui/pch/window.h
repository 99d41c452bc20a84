/* As station/pch/common.h, for the window. */
#include <errno.h>
#include <string.h>

#include <gtk/gtk.h>
#include <json-glib/json-glib.h>
