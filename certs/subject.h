/* A product's subject template ("CN={device_id},O=Example") as an X.509 name. */
#pragma once

#include "certs/openssl_auto.h"
#include "station/unit.h"

G_BEGIN_DECLS

/* The name for a unit. Template: "TYPE=VALUE" joined by commas, in RFC 2253's order (most specific first), types CN, O,
 * OU, C, L, ST, serialNumber; in a value \ makes the next character literal, {device_id}, {imei} and {fsn} stand for
 * the unit's. The template is taken apart before anything is put in, so no unit can add or end a part of the name.
 * CONFIG_INVALID for a bad template or a value that X.509 does not allow (length, character set). */
X509_NAME *kl_subject_new(const char *template, const KlUnit *unit, GError **error);

/* The same as RFC 2253 text, as kl_name_text() gives it. */
char *kl_subject_text(const char *template, const KlUnit *unit, GError **error);

/* Checks a template by itself, for configuration checks. CONFIG_INVALID. */
gboolean kl_subject_check(const char *template, GError **error);

G_END_DECLS
