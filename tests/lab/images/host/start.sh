#!/bin/sh
# start.sh PORT KEY: serve SSH on the loopback address, for the user `deploy` with this public key.
set -eu
printf '%s\n' "$2" > /etc/ssh/deploy_keys
chmod 0644 /etc/ssh/deploy_keys
exec /usr/sbin/sshd -D -e -p "$1" -o ListenAddress=127.0.0.1 -o AuthorizedKeysFile=/etc/ssh/deploy_keys \
    -o PasswordAuthentication=no -o PermitRootLogin=no
