#include "station/driver.h"

void
kl_key_info_clear(KlKeyInfo *info)
{
    g_free(info->spki_sha256);
    g_free(info->backend);
    *info = (KlKeyInfo){0};
}

void
kl_item_info_free(KlItemInfo *info)
{
    if (info == NULL)
        return;
    g_free(info->name);
    g_free(info->sha256);
    g_free(info);
}

void
kl_boot_info_clear(KlBootInfo *info)
{
    g_clear_pointer(&info->detail, g_free);
    g_clear_pointer(&info->endpoint, g_free);
    g_clear_pointer(&info->trust_sha256, g_free);
}
