/* What the tests of brokers share. */
#pragma once

#include "tests/mqtt_rig.h"

#define UNIT "FX30-000001"
#define OTHER "FX30-000002"

/* What all tests with a real broker share: it is started once. */
typedef struct {
    char *dir;
    KlPrivateBroker *broker;
} Place;

static Place place;

static inline void
place_set_up(void)
{
    if (place.dir != NULL)
        return;
    place.dir = oracle_folder();
    rig_ca(place.dir, "ca");
    rig_ca(place.dir, "strangers");
    rig_unit(place.dir, "ca", UNIT, UNIT);
    rig_unit(place.dir, "ca", OTHER, OTHER);
    rig_unit(place.dir, "ca", "revoked", "FX30-000003");
    rig_unit(place.dir, "ca", "impostor", "keyline-activation");
    rig_unit(place.dir, "strangers", "stranger", UNIT);
    ORACLE(place.dir,
           "touch index && echo 01 >number && printf '[ca]\\ndatabase=index\\ncrlnumber=number\\n' >ca.conf &&"
           "openssl ca -config ca.conf -name ca -md sha256 -keyfile ca.key -cert ca.pem -revoke revoked.pem &&"
           "openssl ca -config ca.conf -name ca -md sha256 -keyfile ca.key -cert ca.pem -gencrl -crldays 2 "
           "-out crl.pem");
    place.broker = rig_broker(place.dir, "ca", "crl.pem");
}

static inline RigUnit *
client(const char *name, gboolean service_port)
{
    RigUnit *unit = rig_unit_new(place.dir, name, kl_private_broker_ca_file(place.broker), FALSE, MQTT_PROTOCOL_V5);
    g_assert_true(rig_unit_connect(unit, service_port ? kl_private_broker_service_port(place.broker)
                                                      : kl_private_broker_port(place.broker)));
    return unit;
}

static inline void
place_tear_down(void)
{
    kl_private_broker_free(place.broker);
    if (place.dir != NULL)
        oracle_folder_remove(place.dir);
    mosquitto_lib_cleanup();
}
