/* A CA as openssl makes one, in station folder "$S" of a shell. Its key's passphrase costs nothing to try: what
 * `keyline ca init` takes, a quarter of a second of computing for each time that a station is opened, would be most of
 * what the tests of whole stations do. */
#pragma once

#define KL_OPENSSL_CA(name, passphrase)                                                                                \
    "umask 077 && "                                                                                                    \
    "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -scrypt -scrypt_N 16 -scrypt_r 8 "         \
    "-scrypt_p 1 -passout pass:'" passphrase "' -out \"$S/ca/ca.key\" && "                                             \
    "openssl req -x509 -new -key \"$S/ca/ca.key\" -passin pass:'" passphrase "' -subj '/CN=" name "' "                 \
    "-days 3650 -config /dev/null -addext subjectKeyIdentifier=hash "                                                  \
    "-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign "               \
    "-out \"$S/ca/ca.pem\" && chmod 644 \"$S/ca/ca.pem\""
