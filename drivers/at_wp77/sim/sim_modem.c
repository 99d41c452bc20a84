#include "drivers/at_wp77/sim/sim_modem.h"

#include <string.h>

#include "drivers/at_wp77/sim/sim_random.h"

/* Where response lines go. */
typedef struct {
    KlAgentOut out;
    void *data;
} Lines;

typedef struct {
    const char *command; /* without "AT", upper-case */
    void (*run)(KlSimModem *modem, const Lines *lines);
} Command;

static void say(const Lines *lines, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(const Lines *lines, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    lines->out(lines->data, KL_AGENT_INTERMEDIATE, text);
}

static void
identify(KlSimModem *modem, const Lines *lines)
{
    say(lines, "Manufacturer: Sierra Wireless, Incorporated");
    say(lines, "Model: %s", modem->model);
    say(lines, "Revision: %s c2e98c jenkins 2019/08/30 07:28:21", modem->firmware);
    say(lines, "IMEI: %s", modem->identity.imei);
    say(lines, "IMEI SV:  4");
    say(lines, "FSN: %s", modem->identity.fsn);
    say(lines, "+GCAP: +CGSM,+DS");
}

static void
tell_manufacturer(KlSimModem *modem, const Lines *lines)
{
    say(lines, "Sierra Wireless, Incorporated");
}

static void
tell_model(KlSimModem *modem, const Lines *lines)
{
    say(lines, "%s", modem->model);
}

static void
tell_revision(KlSimModem *modem, const Lines *lines)
{
    say(lines, "%s c2e98c jenkins 2019/08/30 07:28:21", modem->firmware);
}

static void
tell_imei(KlSimModem *modem, const Lines *lines)
{
    say(lines, "%s", modem->identity.imei);
}

static void
tell_sim(KlSimModem *modem, const Lines *lines)
{
    say(lines, "+CCID: %s,%s", modem->identity.iccid, modem->identity.eid);
}

static void
tell_pin(KlSimModem *modem, const Lines *lines)
{
    say(lines, "+CPIN: READY");
}

static void
tell_registration(KlSimModem *modem, const Lines *lines)
{
    say(lines, "+CREG: 0,%d", modem->cfun == 1 ? 1 : 0);
}

static void
tell_radio(KlSimModem *modem, const Lines *lines)
{
    say(lines, "+CFUN: %u", modem->cfun);
}

static void
radio_off(KlSimModem *modem, const Lines *lines)
{
    modem->cfun = 0;
}

static void
radio_on(KlSimModem *modem, const Lines *lines)
{
    modem->cfun = 1;
}

static void
radio_flight_mode(KlSimModem *modem, const Lines *lines)
{
    modem->cfun = 4;
}

static void
tell_device_type(KlSimModem *modem, const Lines *lines)
{
    say(lines, "FX30(%s)", modem->model);
}

static const Command commands[] = {
    {"I", identify},
    {"I0", identify},
    {"+CGMI", tell_manufacturer},
    {"+GMI", tell_manufacturer},
    {"+CGMM", tell_model},
    {"+GMM", tell_model},
    {"+CGMR", tell_revision},
    {"+GMR", tell_revision},
    {"+CGSN", tell_imei},
    {"+GSN", tell_imei},
    {"+CCID", tell_sim},
    {"+CPIN?", tell_pin},
    {"+CREG?", tell_registration},
    {"+CFUN?", tell_radio},
    {"+CFUN=0", radio_off},
    {"+CFUN=1", radio_on},
    {"+CFUN=4", radio_flight_mode},
    {"!FWD?DEVTYPE", tell_device_type},
};

void
kl_sim_modem_command(KlSimModem *modem, const char *line, gsize len, KlAgentOut out, void *out_data)
{
    const Lines lines = {out, out_data};
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        const char *command = commands[i].command;
        if (strlen(command) + 2 == len && g_ascii_strncasecmp(line, "AT", 2) == 0 &&
            g_ascii_strncasecmp(line + 2, command, len - 2) == 0) {
            commands[i].run(modem, &lines);
            out(out_data, KL_AGENT_FINAL, "OK");
            return;
        }
    }
    out(out_data, KL_AGENT_FINAL, "ERROR");
}

const char *
kl_sim_modem_unsolicited(guint64 *random)
{
    static const char *const lines[] = {"+WDSI: 4", "+WDSI: 23,1", "+CREG: 1", "+CREG: 2", "+CEREG: 1"};
    return lines[kl_sim_random_below(random, G_N_ELEMENTS(lines))];
}
