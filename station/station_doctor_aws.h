/* What the doctor's files about AWS share. */
#pragma once

#include "station/net/aws.h"
#include "station/station_doctor.h"

G_BEGIN_DECLS

/* A look at the account. */
typedef struct {
    KlDoctor *doctor;
    KlAws *aws;
    char *account;      /* the beginning of its ARNs for AWS IoT Core: "arn:aws:iot:REGION:ACCOUNT:"; NULL: unknown */
    gboolean hopeless;  /* nothing more is to be had: no keys, or no connection, twice in a row */
    guint unreached;    /* calls in a row without a connection */
    guint allowed;      /* permissions that were tried */
    GString *denied;    /* names of those that are missing, with commas */
    GString *left_over; /* the same, of those that only clean-up needs */
    GString *untried;   /* names of those that can't be tried without effect */
    GError *failure;    /* why some could not be tried, or NULL */
} KlAwsLook;

/* Makes a call for the doctor: soon or never. */
gboolean kl_aws_look_call(KlAwsLook *look, const KlAwsCall *call, KlAwsAnswer *answer, GError **error);

/* How long one look may take. */
KlOp kl_aws_look_op(void);

/* Keeps in mind what a failure says about those to come, and gives it back. */
GError *kl_aws_look_note(KlAwsLook *look, GError *error);

/* What a call that has no effect says about the permission to make it. Takes error over; NULL: it was done. */
void kl_aws_look_permission(KlAwsLook *look, const char *name, gboolean clean_up, GError *error);

/* Notes a permission that can't be tried. */
void kl_aws_look_untried(KlAwsLook *look, const char *name);

/* Tries what the station does with its certificates and things there; looks at policy, CA and endpoint. */
void kl_aws_look_at_signing(KlAwsLook *look);

/* The IoT policy that units get. Borrowed, or NULL. */
const char *kl_aws_look_policy(const KlAwsLook *look);

G_END_DECLS
