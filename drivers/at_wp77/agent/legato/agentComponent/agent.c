/* The agent on the module: Legato's AT server in front of it, secure storage and the keystore behind it. */
#include "interfaces.h"
#include "legato.h"

#include "boot.h"
#include "keys.h"
#include "sealed.h"

#include "drivers/at_wp77/agent/codec.h"
#include "drivers/at_wp77/agent/commands.h"
#include "drivers/at_wp77/agent/softkey.h"

#include <errno.h>
#include <termios.h>

#define TTY_VARIABLE "KEYLINE_AGENT_TTY"
#define TTY_DEFAULT "/dev/ttyHSL1"
#define CME_PATTERN "+CME ERROR: "

typedef struct {
    KlAgent *agent;
    const char *name; /* the command's, without "AT+" */
} CommandContext;

static char boot_text[KL_AGENT_BOOT_CHARS + 1];

static void
item_record(const char *name, char out[32])
{
    snprintf(out, 32, "item/%s", name);
}

static int
item_write(void *data, const char *name, const uint8_t *bytes, size_t len)
{
    char record[32];
    item_record(name, record);
    return kl_sealed_write(record, bytes, len);
}

static int
item_read(void *data, const char *name, uint8_t *bytes, size_t cap, size_t *len)
{
    char record[32];
    item_record(name, record);
    return kl_sealed_read(record, bytes, cap, len);
}

static int
item_delete(void *data, const char *name)
{
    char record[32];
    item_record(name, record);
    return kl_sealed_delete(record);
}

static int
identity(void *data, KlAgentIdentity *out)
{
    char model[LE_INFO_MAX_MODEL_BYTES] = "";
    char firmware[LE_INFO_MAX_VERS_BYTES] = "";
    if (le_info_GetImei(out->imei, sizeof out->imei) != LE_OK ||
        le_info_GetPlatformSerialNumber(out->fsn, sizeof out->fsn) != LE_OK ||
        le_info_GetDeviceModel(model, sizeof model) != LE_OK ||
        le_info_GetFirmwareVersion(firmware, sizeof firmware) != LE_OK)
        return KL_AGENT_E_IDENTITY;
    snprintf(out->model, sizeof out->model, "%.*s", (int)sizeof out->model - 1, model);
    snprintf(out->firmware, sizeof out->firmware, "%.*s", (int)sizeof out->firmware - 1, firmware);
    return 0;
}

static int
boot_id(void *data, char id[KL_AGENT_BOOT_CHARS + 1])
{
    memcpy(id, boot_text, sizeof boot_text);
    return 0;
}

static int
sha256(void *data, const uint8_t *bytes, size_t len, uint8_t digest[KL_AGENT_HASH_SIZE])
{
    return kl_softkey_sha256(bytes, len, digest) ? 0 : KL_AGENT_E_CRYPTO;
}

static const KlAgentOps module_ops = {
    .key_create = kl_keys_create,
    .key_public = kl_keys_public,
    .key_sign = kl_keys_sign,
    .key_delete = kl_keys_delete,
    .key_list = kl_keys_list,
    .key_lock = kl_keys_lock,
    .key_locked = kl_keys_locked,
    .backend = kl_keys_backend,
    .item_write = item_write,
    .item_read = item_read,
    .item_delete = item_delete,
    .identity = identity,
    .boot_id = boot_id,
    .sha256 = sha256,
};

static void
send_line(void *out_data, KlAgentRsp kind, const char *text)
{
    le_atServer_SendIntermediateResponse(out_data, text);
}

/* Whatever happens, a command gets its final result: one that never does would lock the port. */
static void
send_final(le_atServer_CmdRef_t command, int error)
{
    if (error == 0)
        le_atServer_SendFinalResultCode(command, LE_ATSERVER_OK, "", 0);
    else
        le_atServer_SendFinalResultCode(command, LE_ATSERVER_ERROR, CME_PATTERN, (uint32_t)error);
}

static KlAgentType
agent_type(le_atServer_Type_t type)
{
    switch (type) {
    case LE_ATSERVER_TYPE_PARA:
        return KL_AGENT_PARAMETERS;
    case LE_ATSERVER_TYPE_TEST:
        return KL_AGENT_TEST;
    case LE_ATSERVER_TYPE_READ:
        return KL_AGENT_READ;
    default:
        return KL_AGENT_ACT;
    }
}

/* The type and the parameters come taken apart; all of them are checked again in kl_agent_execute. */
static void
on_agent_command(le_atServer_CmdRef_t command, le_atServer_Type_t type, uint32_t n, void *context)
{
    const CommandContext *ours = context;
    char values[KL_AGENT_PARAMETERS_MAX][LE_ATDEFS_PARAMETER_MAX_BYTES];
    const char *parameters[KL_AGENT_PARAMETERS_MAX];
    size_t count = type == LE_ATSERVER_TYPE_PARA ? n : 0;
    int error = count > KL_AGENT_PARAMETERS_MAX ? KL_AGENT_E_SYNTAX : 0;
    kl_boot_hold();
    for (uint32_t i = 0; error == 0 && i < count; i++) {
        parameters[i] = values[i];
        if (le_atServer_GetParameter(command, i, values[i], sizeof values[i]) != LE_OK)
            error = KL_AGENT_E_TOO_LONG;
    }
    if (error == 0)
        error = kl_agent_execute(ours->agent, ours->name, agent_type(type), parameters, count, send_line, command);
    send_final(command, error);
}

/* The number after a basic command or an equals sign; 0 when there is none, as V.250 says; -1 when it is none we know.
 */
static int
setting(le_atServer_CmdRef_t command, uint32_t n)
{
    char value[LE_ATDEFS_PARAMETER_MAX_BYTES] = "0";
    if (n > 1 || (n == 1 && le_atServer_GetParameter(command, 0, value, sizeof value) != LE_OK))
        return -1;
    return strcmp(value, "0") == 0 ? 0 : strcmp(value, "1") == 0 ? 1 : -1;
}

static void
on_attention(le_atServer_CmdRef_t command, le_atServer_Type_t type, uint32_t n, void *context)
{
    send_final(command, 0);
}

static void
on_echo(le_atServer_CmdRef_t command, le_atServer_Type_t type, uint32_t n, void *context)
{
    le_atServer_DeviceRef_t device = NULL;
    int value = setting(command, n);
    if (value < 0 || le_atServer_GetDevice(command, &device) != LE_OK) {
        send_final(command, KL_AGENT_E_SYNTAX);
        return;
    }
    if (value == 1)
        le_atServer_EnableEcho(device);
    else
        le_atServer_DisableEcho(device);
    send_final(command, 0);
}

/* Only answers in words exist: ATV1 asks for what is so already. */
static void
on_verbose(le_atServer_CmdRef_t command, le_atServer_Type_t type, uint32_t n, void *context)
{
    send_final(command, setting(command, n) == 1 ? 0 : KL_AGENT_E_SYNTAX);
}

static void
on_error_codes(le_atServer_CmdRef_t command, le_atServer_Type_t type, uint32_t n, void *context)
{
    static int numbers = 0;
    int value = type == LE_ATSERVER_TYPE_PARA ? setting(command, n) : numbers;
    if (value < 0 || type == LE_ATSERVER_TYPE_ACT) {
        send_final(command, KL_AGENT_E_SYNTAX);
        return;
    }
    if (type == LE_ATSERVER_TYPE_TEST)
        le_atServer_SendIntermediateResponse(command, "+CMEE: (0,1)");
    if (type == LE_ATSERVER_TYPE_READ)
        le_atServer_SendIntermediateResponse(command, numbers == 1 ? "+CMEE: 1" : "+CMEE: 0");
    numbers = value;
    if (numbers == 1)
        le_atServer_EnableExtendedErrorCodes();
    else
        le_atServer_DisableExtendedErrorCodes();
    send_final(command, 0);
}

static void
add_command(const char *name, le_atServer_CommandHandlerFunc_t handler, void *context)
{
    le_atServer_CmdRef_t command = le_atServer_Create(name);
    if (command == NULL || le_atServer_AddCommandHandler(command, handler, context) == NULL)
        LE_FATAL("can't register %s", name);
}

static void
add_agent_commands(KlAgent *agent)
{
    size_t n = 0;
    const char *const *names = kl_agent_command_names(&n);
    CommandContext *contexts = calloc(n, sizeof *contexts);
    if (contexts == NULL)
        LE_FATAL("no memory");
    for (size_t i = 0; i < n; i++) {
        char full_name[3 + KL_AGENT_NAME_MAX + 1];
        snprintf(full_name, sizeof full_name, "AT+%s", names[i]);
        contexts[i] = (CommandContext){agent, names[i]};
        add_command(full_name, on_agent_command, &contexts[i]);
    }
}

/* 115200 8N1, raw. Without AT!MAPUART the UART is not Linux's, and opening it fails: the log then says so. */
static int
open_tty(void)
{
    const char *given = getenv(TTY_VARIABLE);
    const char *path = given != NULL ? given : TTY_DEFAULT;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios settings;
    if (fd < 0 || tcgetattr(fd, &settings) != 0)
        LE_FATAL("can't open %s: %s (is the UART mapped to Linux? see AT!MAPUART)", path, strerror(errno));
    cfmakeraw(&settings);
    cfsetispeed(&settings, B115200);
    cfsetospeed(&settings, B115200);
    settings.c_cflag |= CLOCAL | CREAD;
    if (tcsetattr(fd, TCSANOW, &settings) != 0)
        LE_FATAL("can't set up %s: %s", path, strerror(errno));
    LE_INFO("the agent listens on %s", path);
    return fd;
}

COMPONENT_INIT
{
    uint8_t boot[KL_AGENT_BOOT_CHARS / 2];
    le_rand_GetBuffer(boot, sizeof boot);
    kl_hex_encode(boot, sizeof boot, boot_text);
    KlAgent *agent = kl_agent_new(&module_ops, NULL);
    if (agent == NULL)
        LE_FATAL("no memory");
    kl_boot_start(&module_ops);
    kl_agent_set_boot(agent, &kl_boot_control, NULL);
    add_command("AT", on_attention, NULL);
    add_command("ATE", on_echo, NULL);
    add_command("ATV", on_verbose, NULL);
    add_command("AT+CMEE", on_error_codes, NULL);
    add_agent_commands(agent);
    if (le_atServer_Open(open_tty()) == NULL)
        LE_FATAL("the AT server does not take the port");
}
