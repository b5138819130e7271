#!/bin/sh
# Installs or removes Lineside on a machine with systemd. Running it again upgrades; it never touches a
# configuration file, a secret or data that is there.
set -eu

usage() {
  cat <<'TEXT'
Usage: install.sh --gateway|--hub [--prefix DIR] [--root DIR] [--skip-npm] [--dry-run]
       install.sh --gateway|--hub --uninstall [--prefix DIR] [--root DIR] [--dry-run]

  --gateway, --hub  which program; once for each when both live on this machine
  --prefix DIR      where the programs go (default /usr/lib/lineside)
  --root DIR        write into a file system image: no users are made and no service is started
  --skip-npm        take node_modules from the source tree instead of the registry (a machine without network)
  --uninstall       remove the program and its unit; configuration, secrets and data stay
  --dry-run         say what would be done, and do nothing
TEXT
}

fail() {
  printf 'install.sh: %s\n' "$1" >&2
  exit 1
}

say() {
  printf '%s\n' "$1"
}

# Every change goes through here, so that a dry run shows exactly what a run does.
run() {
  if [ "$dry_run" = yes ]; then
    printf 'would run:'
    printf ' %s' "$@"
    printf '\n'
  else
    "$@"
  fi
}

parse_arguments() {
  part=
  prefix=/usr/lib/lineside
  root=
  dry_run=no
  skip_npm=no
  uninstall=no
  while [ $# -gt 0 ]; do
    case $1 in
      --gateway | --hub)
        [ -z "$part" ] || fail "give --gateway or --hub, one at a time"
        part=${1#--}
        ;;
      --prefix | --root)
        [ $# -ge 2 ] || fail "$1 needs a folder"
        case $2 in
          /*) ;;
          *) fail "$1 needs an absolute path, not '$2'" ;;
        esac
        if [ "$1" = --prefix ]; then prefix=${2%/}; else root=${2%/}; fi
        shift
        ;;
      --skip-npm) skip_npm=yes ;;
      --uninstall) uninstall=yes ;;
      --dry-run) dry_run=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      *)
        usage >&2
        fail "unknown argument '$1'"
        ;;
    esac
    shift
  done
  if [ -z "$part" ]; then
    usage >&2
    fail "say which program: --gateway or --hub"
  fi
  case $prefix in
    '' | /usr | /usr/lib | /usr/local | /opt | /etc | /var | /home) fail "--prefix '$prefix' is not a folder of Lineside's own" ;;
    *[!A-Za-z0-9/._-]*) fail "--prefix '$prefix' has characters that a unit file cannot hold" ;;
  esac
  if [ "$part" = gateway ]; then other=hub; else other=gateway; fi
  unit=lineside-$part.service
  target=$root$prefix
}

# Root is needed to write to the system; an image or a dry run can be anyone's.
check_root() {
  if [ "$dry_run" = yes ] || [ -n "$root" ]; then return 0; fi
  [ "$(id -u)" -eq 0 ] || fail "must run as root: sudo $0 --$part"
}

check_tools() {
  command -v node >/dev/null 2>&1 || fail "node is not installed: install Node 20 or newer (it fetches the pinned Node 24)"
  command -v npm >/dev/null 2>&1 || fail "npm is not installed: it comes with Node, on Debian in the package npm"
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "node is $(node --version): install Node 20 or newer"
  if [ -z "$root" ] && [ "$dry_run" = no ]; then
    command -v systemctl >/dev/null 2>&1 || fail "systemctl is not here: this machine does not run systemd"
  fi
}

check_source() {
  for needed in package.json package-lock.json shared/package.json "$part/package.json" "$part/main.ts"; do
    [ -f "$source/$needed" ] || fail "$source/$needed is missing: run this from a complete copy of Lineside"
  done
  if [ "$part" = hub ] && [ ! -f "$source/hub/web/dist/index.html" ]; then
    fail "the web app is not built: run 'npm ci && npm run build -w hub/web' in $source first"
  fi
  if [ "$skip_npm" = yes ] && [ ! -d "$source/node_modules" ]; then
    fail "--skip-npm needs $source/node_modules: run 'npm ci' there first"
  fi
}

# Without tests, caches and the development parts of node_modules of a workspace.
copy_folder() {
  run mkdir -p "$2"
  if [ "$dry_run" = yes ]; then
    say "would copy: $1 -> $2"
  else
    (cd "$1" && tar -cf - --exclude=node_modules .) | (cd "$2" && tar -xf - --no-same-owner)
  fi
}

copy_program() {
  copy_folder "$source/$1" "$staging/$1"
}

copy_tree() {
  run rm -rf "$staging"
  run mkdir -p "$staging"
  for file in package.json package-lock.json LICENSE; do
    run cp "$source/$file" "$staging/$file"
  done
  # npm wants every workspace that the lock file names to be there, if only its package.json.
  for workspace in shared gateway hub hub/web demo; do
    [ -f "$source/$workspace/package.json" ] || continue
    run mkdir -p "$staging/$workspace"
    run cp "$source/$workspace/package.json" "$staging/$workspace/package.json"
  done
  copy_program shared
  copy_program "$part"
  copy_folder "$source/systemd" "$staging/systemd"
  if [ -d "$source/config" ]; then copy_folder "$source/config" "$staging/config"; fi
  # The other program on the same machine moves along to the new version.
  if [ -f "$target/$other/main.ts" ]; then
    [ -f "$source/$other/main.ts" ] || fail "$other is installed in $target, but $source has none to upgrade it with"
    copy_program "$other"
  fi
}

# Only what the installed programs need, and the pinned Node, which the root package declares.
install_packages() {
  if [ "$skip_npm" = yes ]; then
    run cp -a "$source/node_modules" "$staging/node_modules"
    return
  fi
  set -- ci --omit=dev --no-audit --no-fund --include-workspace-root --workspace "$part"
  if [ -f "$target/$other/main.ts" ]; then set -- "$@" --workspace "$other"; fi
  run npm --prefix "$staging" "$@"
  # One package brings its libraries for every system: 240 MB that a small flash disk does not have to hold.
  for system in darwin win32; do
    for folder in "$staging"/node_modules/onnxruntime-node/bin/*/"$system"; do
      if [ -d "$folder" ]; then run rm -rf "$folder"; fi
    done
  done
}

# The old version serves until the new one is complete; a failed download leaves it alone.
swap_in() {
  run rm -rf "$target.old"
  if [ -d "$target" ]; then run mv "$target" "$target.old"; fi
  run mv "$staging" "$target"
  run rm -rf "$target.old"
}

# The unit with the prefix that was asked for.
install_unit() {
  run mkdir -p "$root/etc/systemd/system" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d"
  if [ "$dry_run" = yes ]; then
    say "would write: $root/etc/systemd/system/$unit"
  else
    sed "s#/usr/lib/lineside/#$prefix/#g" "$source/systemd/$unit" >"$root/etc/systemd/system/$unit.new"
    chmod 0644 "$root/etc/systemd/system/$unit.new"
    mv "$root/etc/systemd/system/$unit.new" "$root/etc/systemd/system/$unit"
  fi
  run install -m 0644 "$source/systemd/lineside.sysusers" "$root/usr/lib/sysusers.d/lineside.conf"
  run install -m 0644 "$source/systemd/lineside.tmpfiles" "$root/usr/lib/tmpfiles.d/lineside.conf"
  if [ -z "$root" ]; then
    run systemd-sysusers lineside.conf
    run systemd-tmpfiles --create lineside.conf
    run systemctl daemon-reload
  fi
}

install_examples() {
  run mkdir -p "$root/etc/lineside"
  install_example "$part"
  if [ "$part" = hub ]; then install_example plant; fi
}

install_example() {
  config=$root/etc/lineside/$1.yaml
  if [ -e "$config" ]; then
    say "kept: $config"
  else
    run install -m 0644 "$source/systemd/$1.example.yaml" "$config"
  fi
}

# An upgrade starts the new version; a first installation waits for its configuration.
restart_if_running() {
  if [ -n "$root" ] || [ "$dry_run" = yes ]; then return 0; fi
  for name in "$part" "$other"; do
    if systemctl --quiet is-active "lineside-$name.service"; then
      systemctl restart "lineside-$name.service"
      say "restarted: lineside-$name.service"
    fi
  done
}

next_steps() {
  edit=/etc/lineside/$part.yaml
  if [ "$part" = gateway ]; then
    secret=/etc/lineside/secrets/gateway/hub-password
    origin="the hub's file /etc/lineside/secrets/hub/<gateway id>-password; or enrol: docs/operations/enrolment.md"
  else
    edit="$edit and /etc/lineside/plant.yaml"
    secret='/etc/lineside/secrets/hub/<gateway id>-password'
    origin="32 random characters, such as from: openssl rand -hex 16"
  fi
  cat <<TEXT

Next:
  1. Edit  $edit
  2. Write $secret  (mode 0600; $origin)
  3. Check $prefix/node_modules/.bin/node $prefix/$part/main.ts check --config /etc/lineside/$part.yaml
  4. Start systemctl enable --now $unit
  5. Look  systemctl status $unit; journalctl -u $unit
TEXT
}

install_part() {
  check_tools
  check_source
  staging=$target.new
  copy_tree
  install_packages
  swap_in
  install_unit
  install_examples
  restart_if_running
  next_steps
}

uninstall_part() {
  if [ -z "$root" ]; then
    if [ -e "/etc/systemd/system/$unit" ]; then run systemctl disable --now "$unit"; fi
  fi
  run rm -f "$root/etc/systemd/system/$unit"
  if [ -f "$target/$other/main.ts" ]; then
    run rm -rf "${target:?}/$part"
    say "kept: $target, which lineside-$other.service needs"
  else
    run rm -rf "$target"
    run rm -f "$root/usr/lib/sysusers.d/lineside.conf" "$root/usr/lib/tmpfiles.d/lineside.conf"
  fi
  if [ -z "$root" ]; then run systemctl daemon-reload; fi
  say "kept: $root/etc/lineside and $root/var/lib/lineside; remove them by hand when their data is not wanted"
}

umask 022
parse_arguments "$@"
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
check_root
if [ "$uninstall" = yes ]; then uninstall_part; else install_part; fi
