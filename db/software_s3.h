/* Software in AWS: the table Devicemanager_update tells where it is, S3 has it.
 *
 * Devicemanager_update  key device: the software's name; bucket and file (strings) as in the seed, version (a number)
 * and signature (a string) of what is in the file S3                    object FILE of the bucket, in the client's own
 * region
 *
 * The bucket should keep its objects' versions: what is replaced while units ask for it is told apart by the signature.
 */
#pragma once

#include "station/activation/software.h"
#include "station/net/aws.h"

G_BEGIN_DECLS

/* aws is borrowed and has to live longer; the table's name is copied. Asks nobody anything yet. */
KlSoftwareShelf *kl_software_s3_new(KlAws *aws, const char *table);

G_END_DECLS
