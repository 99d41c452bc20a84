/* Translations: _() for what is shown, N_() for what is translated when it is shown. */
#pragma once

#include <glib/gi18n.h>
