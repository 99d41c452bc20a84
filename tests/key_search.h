/* Looks for a private key where it must not be: whole files and texts, for its parts in any form. */
#pragma once

#include "tests/certs_oracle.h"

#define KEY_NUMBER_AT 36 /* in the DER of a P-256 key (PKCS#8) */
#define KEY_NUMBER_SIZE 32

/* What would be found of it: each half of its number in binary and in hex, the number in Base64, and the second line of
 * its PEM, which begins with bytes of the number. */
static inline GPtrArray *
key_marks(const char *pem)
{
    GPtrArray *marks = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    g_autofree char *base64 = g_strconcat(lines[1], lines[2], NULL);
    gsize length = 0;
    g_autofree guchar *der = g_base64_decode(base64, &length);
    g_assert_cmpuint(length, ==, 96);
    for (guint half = 0; half < 2; half++) {
        const guchar *part = der + KEY_NUMBER_AT + half * KEY_NUMBER_SIZE / 2;
        g_autoptr(GString) hex = g_string_new(NULL), capitals = g_string_new(NULL);
        for (guint i = 0; i < KEY_NUMBER_SIZE / 2; i++) {
            g_string_append_printf(hex, "%02x", part[i]);
            g_string_append_printf(capitals, "%02X", part[i]);
        }
        g_ptr_array_add(marks, g_bytes_new(part, KEY_NUMBER_SIZE / 2));
        g_ptr_array_add(marks, g_bytes_new(hex->str, hex->len));
        g_ptr_array_add(marks, g_bytes_new(capitals->str, capitals->len));
    }
    g_autofree char *number = g_base64_encode(der + KEY_NUMBER_AT, KEY_NUMBER_SIZE);
    g_ptr_array_add(marks, g_bytes_new(number, 40));
    g_ptr_array_add(marks, g_bytes_new(lines[2], 24));
    return marks;
}

static inline gboolean
key_is_in(const void *bytes, gsize size, const GPtrArray *marks)
{
    for (guint i = 0; i < marks->len; i++) {
        gsize length = 0;
        const void *mark = g_bytes_get_data(marks->pdata[i], &length);
        if (memmem(bytes, size, mark, length) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* In no file of the folder, nor below it. How many were looked into. */
static inline guint
search_folder(const char *folder, const GPtrArray *marks)
{
    g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
    guint searched = 0;
    g_assert_nonnull(files);
    for (const char *name; (name = g_dir_read_name(files)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        gboolean is_folder = g_file_test(path, G_FILE_TEST_IS_DIR);
        if (is_folder)
            searched += search_folder(path, marks);
        if (is_folder || !g_file_test(path, G_FILE_TEST_IS_REGULAR))
            continue;
        g_autoptr(GBytes) content = oracle_read(folder, name);
        gsize size = 0;
        const void *bytes = g_bytes_get_data(content, &size);
        if (key_is_in(bytes, size, marks))
            g_error("the private key is in %s", path);
        searched++;
    }
    return searched;
}

/* A copy is looked into: whoever opens and closes a database's file takes the locks from his own process, which may
 * have that database open. */
#define assert_key_nowhere(folder, pem)                                                                                \
    do {                                                                                                               \
        g_autoptr(GPtrArray) key_marks_of = key_marks(pem);                                                            \
        g_autoptr(OracleFolder) key_copy = oracle_folder();                                                            \
        ORACLE(key_copy, "cp -r '%s' copy", folder);                                                                   \
        g_assert_true(key_is_in(pem, strlen(pem), key_marks_of));                                                      \
        g_assert_cmpuint(search_folder(key_copy, key_marks_of), >, 0);                                                 \
    } while (0)
