/* The access rules that packaging/mosquitto ships, for our own broker. Made by acl.awk. */
#pragma once

extern const char kl_acl_devices[];
extern const char kl_acl_service[];
