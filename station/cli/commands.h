/* The commands: one file each. All are KlCommandRun. */
#pragma once

#include "station/cli/cli.h"

G_BEGIN_DECLS

int kl_cmd_setup(KlCli *cli, char **words, GError **error);
int kl_cmd_slots(KlCli *cli, char **words, GError **error);
int kl_cmd_slots_teach(KlCli *cli, char **words, GError **error);
int kl_cmd_provision(KlCli *cli, char **words, GError **error);
int kl_cmd_batch(KlCli *cli, char **words, GError **error);
int kl_cmd_records(KlCli *cli, char **words, GError **error);
int kl_cmd_registry(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_list(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_show(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_refresh(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_pending(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_retry(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_park(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_push(KlCli *cli, char **words, GError **error);
int kl_cmd_registry_serve(KlCli *cli, char **words, GError **error);
int kl_cmd_ca(KlCli *cli, char **words, GError **error);
int kl_cmd_audit(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_export(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_prove(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_new_seal(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_checkpoint(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_show(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_close(KlCli *cli, char **words, GError **error);
int kl_cmd_trace(KlCli *cli, char **words, GError **error);
int kl_cmd_recall(KlCli *cli, char **words, GError **error);
int kl_cmd_quota(KlCli *cli, char **words, GError **error);
int kl_cmd_backup(KlCli *cli, char **words, GError **error);
int kl_cmd_restore(KlCli *cli, char **words, GError **error);
int kl_cmd_audit_verify(KlCli *cli, char **words, GError **error);
int kl_cmd_doctor(KlCli *cli, char **words, GError **error);

G_END_DECLS
