#!/bin/sh
# embed-library.sh LIBRARY OUTPUT.c: the library's bytes as an array.
set -eu
{
    echo '#include "drivers/at_wp77/sim/sim_bus_room.h"'
    echo 'const guint8 kl_sim_preload_library[] = {'
    od -An -v -tu1 "$1" | sed 's/[0-9][0-9]*/&,/g'
    echo '};'
    echo 'const gsize kl_sim_preload_library_size = sizeof kl_sim_preload_library;'
} >"$2"
