#include "gui/secret_entry.h"

#include <openssl/crypto.h>
#include <string.h>

struct _KlSecretBuffer {
    GtkEntryBuffer parent_instance;

    char *text; /* KL_SECRET_ENTRY_MAX + 1 bytes in the secure heap, NUL-terminated UTF-8; all zero behind its end */
    gsize bytes;
    guint characters;
};

G_DEFINE_FINAL_TYPE(KlSecretBuffer, kl_secret_buffer, GTK_TYPE_ENTRY_BUFFER)

static const gchar *
secret_buffer_get_text(GtkEntryBuffer *buffer, gsize *n_bytes)
{
    KlSecretBuffer *self = KL_SECRET_BUFFER(buffer);
    if (n_bytes != NULL)
        *n_bytes = self->bytes;
    return self->text;
}

static guint
secret_buffer_get_length(GtkEntryBuffer *buffer)
{
    return KL_SECRET_BUFFER(buffer)->characters;
}

/* Takes all of the characters or none: half a paste would be a secret that nobody knows. */
static guint
secret_buffer_insert(GtkEntryBuffer *buffer, guint position, const gchar *chars, guint n_chars)
{
    KlSecretBuffer *self = KL_SECRET_BUFFER(buffer);
    gsize length = (gsize)(g_utf8_offset_to_pointer(chars, n_chars) - chars);
    if (length > KL_SECRET_ENTRY_MAX - self->bytes)
        return 0;
    char *at = g_utf8_offset_to_pointer(self->text, position);
    memmove(at + length, at, self->bytes - (gsize)(at - self->text));
    memcpy(at, chars, length);
    self->bytes += length;
    self->characters += n_chars;
    gtk_entry_buffer_emit_inserted_text(buffer, position, chars, n_chars);
    return n_chars;
}

static guint
secret_buffer_delete(GtkEntryBuffer *buffer, guint position, guint n_chars)
{
    KlSecretBuffer *self = KL_SECRET_BUFFER(buffer);
    position = MIN(position, self->characters);
    n_chars = MIN(n_chars, self->characters - position);
    if (n_chars == 0)
        return 0;
    char *from = g_utf8_offset_to_pointer(self->text, position);
    char *to = g_utf8_offset_to_pointer(from, n_chars);
    gsize length = (gsize)(to - from);
    memmove(from, to, self->bytes - (gsize)(to - self->text));
    self->bytes -= length;
    OPENSSL_cleanse(self->text + self->bytes, length);
    self->characters -= n_chars;
    gtk_entry_buffer_emit_deleted_text(buffer, position, n_chars);
    return n_chars;
}

static void
secret_buffer_finalize(GObject *object)
{
    OPENSSL_secure_clear_free(KL_SECRET_BUFFER(object)->text, KL_SECRET_ENTRY_MAX + 1);
    G_OBJECT_CLASS(kl_secret_buffer_parent_class)->finalize(object);
}

static void
kl_secret_buffer_class_init(KlSecretBufferClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = secret_buffer_finalize;
    GtkEntryBufferClass *buffer = GTK_ENTRY_BUFFER_CLASS(klass);
    buffer->get_text = secret_buffer_get_text;
    buffer->get_length = secret_buffer_get_length;
    buffer->insert_text = secret_buffer_insert;
    buffer->delete_text = secret_buffer_delete;
}

static void
kl_secret_buffer_init(KlSecretBuffer *self)
{
    self->text = OPENSSL_secure_zalloc(KL_SECRET_ENTRY_MAX + 1);
    if (self->text == NULL) /* the secure heap is full */
        self->text = OPENSSL_zalloc(KL_SECRET_ENTRY_MAX + 1);
    if (self->text == NULL)
        g_error("out of memory");
}

GtkWidget *
kl_secret_entry_new(const char *name, GtkInputPurpose purpose)
{
    g_autoptr(GtkEntryBuffer) buffer = g_object_new(KL_TYPE_SECRET_BUFFER, NULL);
    GtkWidget *entry = gtk_entry_new_with_buffer(buffer);
    gtk_entry_set_visibility(GTK_ENTRY(entry), FALSE);
    gtk_entry_set_input_purpose(GTK_ENTRY(entry), purpose);
    gtk_entry_set_input_hints(GTK_ENTRY(entry), GTK_INPUT_HINT_NO_SPELLCHECK);
    gtk_entry_set_activates_default(GTK_ENTRY(entry), TRUE);
    gtk_widget_set_hexpand(entry, TRUE);
    atk_object_set_name(gtk_widget_get_accessible(entry), name);
    return entry;
}

KlSecret *
kl_secret_entry_take(GtkEntry *entry)
{
    GtkEntryBuffer *buffer = gtk_entry_get_buffer(entry);
    gsize bytes = gtk_entry_buffer_get_bytes(buffer);
    KlSecret *secret = bytes > 0 ? kl_secret_new(gtk_entry_buffer_get_text(buffer), bytes) : NULL;
    gtk_entry_set_text(entry, "");
    return secret;
}
