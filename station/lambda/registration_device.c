/* bootstrapping-lambda-registration-device: the seed's Bootstrapping_lambda_registration_device. */
#include "station/lambda/credentials.h"
#include "station/lambda/function.h"
#include "station/secret.h"

int
main(void)
{
    static const KlLambdaFunction function = {.root = "bs/", .add_credentials = kl_lambda_credentials_add};
    kl_secret_init();
    return kl_lambda_function_main(&function);
}
