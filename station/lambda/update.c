/* devicemanager-lambda-update: the seed's Devicemanager_lambda_update. */
#include "station/lambda/function.h"
#include "station/secret.h"

int
main(void)
{
    static const KlLambdaFunction function = {.root = "dm/", .software = TRUE};
    kl_secret_init();
    return kl_lambda_function_main(&function);
}
