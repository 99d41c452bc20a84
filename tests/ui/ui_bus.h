/* Calls on the accessibility bus. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define UI_REGISTRY "org.a11y.atspi.Registry"
#define UI_ROOT "/org/a11y/atspi/accessible/root"

/* Calls a method (interface without "org.a11y.atspi."); arguments may be NULL. The reply as a tuple of type `reply`;
 * NULL when nobody answers as asked. */
GVariant *ui_bus_call(const char *bus, const char *path, const char *interface, const char *method, GVariant *arguments,
                      const char *reply);

/* A string property of org.a11y.atspi.Accessible; "" when there is none. */
char *ui_bus_property(const char *bus, const char *path, const char *name);

/* The process behind a bus name, or 0. */
guint ui_bus_pid(const char *bus);

G_END_DECLS
