#include "db/audit_tar.h"

#include <stdio.h>
#include <string.h>

/* Where the fields lie. */
#define NAME 0
#define NAME_SIZE 100
#define MODE 100
#define OWNER 108
#define GROUP 116
#define SIZE 124
#define TIME 136
#define CHECKSUM 148
#define CHECKSUM_SIZE 8
#define TYPE 156
#define MAGIC 257

#define OCTAL_MAX (G_GUINT64_CONSTANT(1) << 33)

static void
put_octal(guint8 *field, gsize digits, guint64 number)
{
    field[digits] = '\0';
    while (digits-- > 0) {
        field[digits] = (guint8)('0' + (number & 7));
        number >>= 3;
    }
}

static void
put_number(guint8 *field, guint64 number)
{
    if (number < OCTAL_MAX) {
        put_octal(field, 11, number);
        return;
    }
    memset(field, 0, 12);
    field[0] = 0x80;
    for (guint i = 0; i < 8; i++)
        field[11 - i] = (guint8)(number >> (8 * i));
}

void
kl_tar_head(const char *folder, const char *name, guint64 size, gint64 time_s, guint8 head[KL_TAR_BLOCK])
{
    memset(head, 0, KL_TAR_BLOCK);
    snprintf((char *)head + NAME, NAME_SIZE, "%s/%s", folder, name);
    put_octal(head + MODE, 7, 0644);
    put_octal(head + OWNER, 7, 0);
    put_octal(head + GROUP, 7, 0);
    put_number(head + SIZE, size);
    put_number(head + TIME, (guint64)MAX(time_s, 0));
    head[TYPE] = '0';
    memcpy(head + MAGIC, "ustar\00000", 8);

    memset(head + CHECKSUM, ' ', CHECKSUM_SIZE);
    guint sum = 0;
    for (guint i = 0; i < KL_TAR_BLOCK; i++)
        sum += head[i];
    put_octal(head + CHECKSUM, 6, sum);
}
