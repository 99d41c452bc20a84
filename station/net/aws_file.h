/* ~/.aws/config and ~/.aws/credentials, as the AWS tools read them: INI with '#' and ';' comments, settings nested one
 * level by indentation, and whatever else people keep there. It is not ours, so what is not understood is passed over.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct KlAwsFile KlAwsFile;

/* Reads a file; one that does not exist is empty. CONFIG_INVALID: can't be read, over 1 MiB, holds NUL bytes. */
KlAwsFile *kl_aws_file_load(const char *path, GError **error);

/* The same from text, which is not changed. */
KlAwsFile *kl_aws_file_parse(const char *text);

/* Wipes all values: some are secret. */
void kl_aws_file_free(KlAwsFile *file);

/* TRUE when there is a [section]; blanks inside its name count as one. */
gboolean kl_aws_file_has(const KlAwsFile *file, const char *section);

/* The last value of a key ("region"; "iot.endpoint_url" for what is nested below "iot ="), or NULL. Without the blanks
 * around it. Valid while the file lives. */
const char *kl_aws_file_get(const KlAwsFile *file, const char *section, const char *key);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlAwsFile, kl_aws_file_free)

G_END_DECLS
