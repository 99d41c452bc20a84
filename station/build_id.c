#include "station/build_id.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#define NOTE_ALIGN(size) (((size) + 3U) & ~3U)

static char *
to_hex(const guint8 *bytes, gsize length)
{
    GString *hex = g_string_sized_new(2 * length);
    for (gsize i = 0; i < length; i++)
        g_string_append_printf(hex, "%02x", bytes[i]);
    return g_string_free(hex, FALSE);
}

/* Looks through one segment of notes. */
static char *
find_note(const guint8 *notes, gsize size)
{
    for (gsize at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        ElfW(Nhdr) header;
        memcpy(&header, notes + at, sizeof header);
        gsize name = at + sizeof header;
        gsize value = name + NOTE_ALIGN(header.n_namesz);
        gsize end = value + NOTE_ALIGN(header.n_descsz);
        if (value < name || end < value || end > size)
            return NULL;
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0)
            return to_hex(notes + value, header.n_descsz);
        at = end;
    }
    return NULL;
}

/* The first object that is told is the program itself: no other is looked at. */
static int
look_at(struct dl_phdr_info *info, size_t size, void *data)
{
    char **id = data;
    for (guint i = 0; i < info->dlpi_phnum && *id == NULL; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_NOTE)
            *id = find_note((const guint8 *)(info->dlpi_addr + segment->p_vaddr), segment->p_memsz);
    }
    return 1;
}

char *
kl_build_id(void)
{
    char *id = NULL;
    dl_iterate_phdr(look_at, &id);
    return id;
}
