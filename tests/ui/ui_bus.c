#include "tests/ui/ui_bus.h"

#define ANSWER_MS 5000

static char *
find_address(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusConnection) session = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_sync(session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", NULL,
                                    G_VARIANT_TYPE("(s)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    g_assert_no_error(error);
    char *address = NULL;
    g_variant_get(reply, "(s)", &address);
    return address;
}

/* One connection for the whole program. */
static GDBusConnection *
connection(void)
{
    static GDBusConnection *bus;
    if (bus == NULL) {
        g_autofree char *address = find_address();
        g_autoptr(GError) error = NULL;
        bus = g_dbus_connection_new_for_address_sync(
            address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, &error);
        g_assert_no_error(error);
    }
    return bus;
}

static GVariant *
call(const char *bus, const char *path, const char *interface, const char *method, GVariant *arguments,
     const char *reply)
{
    return g_dbus_connection_call_sync(connection(), bus, path, interface, method, arguments, G_VARIANT_TYPE(reply),
                                       G_DBUS_CALL_FLAGS_NONE, ANSWER_MS, NULL, NULL);
}

GVariant *
ui_bus_call(const char *bus, const char *path, const char *interface, const char *method, GVariant *arguments,
            const char *reply)
{
    g_autofree char *full = g_strconcat("org.a11y.atspi.", interface, NULL);
    return call(bus, path, full, method, arguments, reply);
}

char *
ui_bus_property(const char *bus, const char *path, const char *name)
{
    g_autoptr(GVariant) reply = call(bus, path, "org.freedesktop.DBus.Properties", "Get",
                                     g_variant_new("(ss)", "org.a11y.atspi.Accessible", name), "(v)");
    g_autoptr(GVariant) value = NULL;
    if (reply != NULL)
        g_variant_get(reply, "(v)", &value);
    gboolean text = value != NULL && g_variant_is_of_type(value, G_VARIANT_TYPE_STRING);
    return g_strdup(text ? g_variant_get_string(value, NULL) : "");
}

guint
ui_bus_pid(const char *bus)
{
    guint32 pid = 0;
    g_autoptr(GVariant) reply = call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixProcessID", g_variant_new("(s)", bus), "(u)");
    if (reply != NULL)
        g_variant_get(reply, "(u)", &pid);
    return pid;
}
