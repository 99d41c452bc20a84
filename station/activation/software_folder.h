/* Software in a local folder:
 *   FOLDER/Devicemanager_update   the table, as a key file: a [NAME] for each software, with bucket=, file=, version=
 *                                 and signature=
 *   FOLDER/BUCKET/FILE            the software
 * Symbolic links below FOLDER are not followed. FOLDER itself may be one: pointing it elsewhere changes all at once. */
#pragma once

#include "station/activation/software.h"

G_BEGIN_DECLS

#define KL_SOFTWARE_INDEX "Devicemanager_update"

/* The folder is looked at when software is asked for, not before. */
KlSoftwareShelf *kl_software_folder_new(const char *folder);

G_END_DECLS
