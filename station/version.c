#include "station/version.h"

#include <stdio.h>

#include "station/build_id.h"

void
kl_version_print(const char *program)
{
    g_autofree char *build_id = kl_build_id();
    printf("%s %s%s%s\n", program, KL_VERSION, KL_BUILD_ID[0] != '\0' ? " build " : "", KL_BUILD_ID);
    if (build_id != NULL)
        printf("build id %s\n", build_id);
}
