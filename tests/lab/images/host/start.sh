#!/bin/sh
# start.sh PORT KEY: serve SSH on the loopback address, for the user `operator` with this public key.
set -eu
printf '%s\n' "$2" > /etc/ssh/operator_keys
chmod 0644 /etc/ssh/operator_keys
exec /usr/sbin/sshd -D -e -p "$1" -o ListenAddress=127.0.0.1 -o AuthorizedKeysFile=/etc/ssh/operator_keys \
    -o PasswordAuthentication=no -o PermitRootLogin=no
