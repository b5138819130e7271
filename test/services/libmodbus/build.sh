#!/bin/sh
# Builds the test servers of libmodbus from Debian's source package into a folder, against the library that is
# installed (libmodbus-dev). Needs apt-get, dpkg-dev, gcc and Debian's archive. Nothing of it is kept here.
#
#   build.sh <folder>
#
# Then unit-test-server and bandwidth-server take their port from PORT, the first also its serial port from SERIAL.
set -eu
out=$1
mkdir -p "$out/lists/partial" "$out/cache/archives/partial"
cd "$out"
# shellcheck disable=SC1091
. /etc/os-release
echo "deb-src http://deb.debian.org/debian $VERSION_CODENAME main" >sources.list
apt="apt-get -qq -o Dir::State::lists=$out/lists -o Dir::Cache=$out/cache -o Dir::Etc::sourcelist=$out/sources.list
  -o Dir::Etc::sourceparts=- -o APT::Sandbox::User="
# shellcheck disable=SC2086
$apt update
# shellcheck disable=SC2086
$apt source libmodbus
cd libmodbus-*/tests
sed 's/@HAVE_[A-Z]*_H@/1/' unit-test.h.in >unit-test.h
for server in unit-test-server bandwidth-server-many-up; do
  # Its ports are constants; they come from outside here.
  sed -i -e 's/\b1502)/atoi(getenv("PORT")))/; s|"/dev/ttyUSB[01]"|getenv("SERIAL")|' "$server.c"
done
build() {
  # shellcheck disable=SC2046
  cc -O2 -I. $(pkg-config --cflags libmodbus) "$1.c" -o "$out/$2" $(pkg-config --libs libmodbus)
}
build unit-test-server unit-test-server
build bandwidth-server-many-up bandwidth-server
