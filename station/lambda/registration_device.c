/* bootstrapping-lambda-registration-device: the seed's Bootstrapping_lambda_registration_device. */
#include "station/lambda/function.h"
#include "station/secret.h"

int
main(void)
{
    static const KlLambdaFunction function = {.root = "bs/"};
    kl_secret_init();
    return kl_lambda_function_main(&function);
}
