/* keyline audit: the journal of what happened at the station, and what leaves it for others to check. One file a
 * command. */
#include "station/cli/commands.h"

static const KlCommand commands[] = {
    {"export", "write the journal, or a part of it, for others to check", kl_cmd_audit_export},
    {"prove", "write a proof of one unit's events, which tells of no other", kl_cmd_audit_prove},
    {"checkpoint", "sign the journal as it stands, to be kept elsewhere", kl_cmd_audit_checkpoint},
    {"show", "show its events, the newest first", kl_cmd_audit_show},
    {"verify", "check a journal, an export or a proof", kl_cmd_audit_verify},
    {"close", "put a period into an archive, and out of the database", kl_cmd_audit_close},
    {"new-seal", "give the station another seal, for one that is lost or known to others", kl_cmd_audit_new_seal},
    {NULL, NULL, NULL},
};

int
kl_cmd_audit(KlCli *cli, char **words, GError **error)
{
    return kl_cli_run_group(cli, "keyline audit", "The journal of what happened at this station, for others to check.",
                            commands, words, error);
}
