#!/usr/bin/env bash
# Installs what a part of this project needs on Debian 12; says nothing when it is all there.
#
#   scripts/bootstrap.sh build        what the Rust build links with, and the Rust toolchain
#   scripts/bootstrap.sh kafka        Java, Maven and the broker's jars in .cache/kafka/jars
#   scripts/bootstrap.sh prometheus   Prometheus, promtool and amtool
#   scripts/bootstrap.sh compose      the compose specification's loader in .cache/bin
#   scripts/bootstrap.sh deny         cargo-deny in .cache/bin
#   scripts/bootstrap.sh provider     an OpenID Connect provider in .cache/provider, and Node to run it
#   scripts/bootstrap.sh schemathesis the tester of APIs by their description, in .cache/schemathesis
#   scripts/bootstrap.sh verifier     what the checker of evidence packs needs, in .cache/verifier
#   scripts/bootstrap.sh played       what the city of the played weeks computes with, in .cache/played
#   scripts/bootstrap.sh console      the console, built into crates/risk-api/console/dist, and Node for it
#   scripts/bootstrap.sh fonts        the Chinese fonts of printed pages, in crates/risk-api/fonts/dist
#   scripts/bootstrap.sh reader       what reads printed pages in the tests
#   scripts/bootstrap.sh browser      Chromium, its fonts and what drives it in .cache/browser
#   scripts/bootstrap.sh grafana      what the Grafana dashboards are written with, in .cache/grafana
#   scripts/bootstrap.sh test         everything that `make test` uses
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="$root/.cache"
bin="$cache/bin"

compose_go_version=v2.16.2
cargo_deny_version=0.20.2

say() { printf 'bootstrap: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# debian PACKAGE...: installs those that are missing; several callers take turns.
debian() {
  local package missing=()
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq </dev/null >/dev/null
  # Servers are installed for the tests to start; Debian must not start them by itself.
  local policy=/usr/sbin/policy-rc.d written=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    written=1
  fi
  local result=0
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
    result=$?
  [ -z "$written" ] || as_root rm -f "$policy"
  return "$result"
}

build() {
  debian build-essential pkg-config libssl-dev zlib1g-dev
  rust
}

# The pinned toolchain; a machine whose `stable` is that version lends it instead of a download.
rust() {
  (cd "$root" && cargo --version >/dev/null 2>&1) && return
  if ! command -v rustup >/dev/null; then
    say "no Rust found: install rustup, then run this again"
    return 1
  fi
  local pinned stable
  pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust-toolchain.toml")
  stable=$(cd / && rustc +stable --version 2>/dev/null | cut -d ' ' -f 2) || stable=
  if [ "$stable" = "$pinned" ]; then
    say "linking Rust $pinned to the installed stable toolchain"
    rustup toolchain link "$pinned" "$(cd / && rustc +stable --print sysroot)"
  else
    say "installing Rust $pinned"
    rustup toolchain install "$pinned" --profile minimal --component clippy,rustfmt </dev/null >&2
  fi
}

kafka() {
  command -v java >/dev/null || debian openjdk-17-jre-headless
  local stamp
  stamp=$(sha256sum <"$root/tests/kafka/pom.xml")
  [ "$(cat "$cache/kafka/stamp" 2>/dev/null)" = "$stamp" ] && return
  command -v mvn >/dev/null || debian maven
  say "fetching Apache Kafka's jars"
  rm -rf "$cache/kafka" && mkdir -p "$cache/kafka"
  mvn -q -B -Dstyle.color=never -f "$root/tests/kafka/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$cache/kafka/jars" </dev/null >&2
  printf '%s\n' "$stamp" >"$cache/kafka/stamp"
}

prometheus() {
  local tool missing=
  for tool in prometheus promtool amtool; do
    command -v "$tool" >/dev/null || missing=$tool
  done
  [ -z "$missing" ] && return
  debian prometheus prometheus-alertmanager
}

compose() {
  [ "$(cat "$bin/compose-check.version" 2>/dev/null)" = "$compose_go_version" ] && return
  command -v go >/dev/null || debian golang-go
  say "building the compose loader $compose_go_version"
  mkdir -p "$bin"
  GOBIN="$bin" go install "github.com/compose-spec/compose-go/v2/cmd@$compose_go_version" </dev/null >&2
  mv "$bin/cmd" "$bin/compose-check"
  printf '%s\n' "$compose_go_version" >"$bin/compose-check.version"
}

deny() {
  if [ -x "$bin/cargo-deny" ]; then
    case "$("$bin/cargo-deny" --version)" in *" $cargo_deny_version") return ;; esac
  fi
  say "building cargo-deny $cargo_deny_version, once"
  # Its release profile takes three times as long to build, to save a second of each run.
  CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$cache/cargo-deny-target" \
    cargo install cargo-deny --version "$cargo_deny_version" --locked --debug --quiet \
    --root "$cache" </dev/null >&2
  rm -rf "$cache/cargo-deny-target"
}

# Node 20 or newer: the machine's own, or one from the package registry where Debian's is older.
node_dir() {
  local found
  for found in "$(command -v node || true)" "$cache/node/node_modules/node/bin/node"; do
    if [ -x "$found" ] && [ "$("$found" -p 'process.versions.node.split(".")[0]')" -ge 20 ]; then
      dirname "$found"
      return
    fi
  done
  return 1
}

node_runtime() {
  command -v npm >/dev/null || debian nodejs npm
  node_dir >/dev/null && return
  say "installing Node 22 in .cache/node"
  npm install --silent --no-audit --no-fund --prefix "$cache/node" node@22 </dev/null >&2
}

# Built anew where anything that goes into it changed.
console() {
  node_runtime
  local from="$root/crates/risk-api/console" wanted built
  wanted=$(cd "$from" && sha256sum package-lock.json | sha256sum)
  built=$(cd "$root" && find crates/risk-api/console docs/openapi.json -type f \
    -not -path '*/node_modules/*' -not -path '*/dist/*' -not -name schema.d.ts -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
  [ -f "$from/dist/index.html" ] && [ "$(cat "$cache/console.stamp" 2>/dev/null)" = "$built" ] && return
  local path
  path="$(node_dir):$PATH"
  if [ "$(cat "$from/node_modules/.stamp" 2>/dev/null)" != "$wanted" ]; then
    say "fetching what the console is built from"
    (cd "$from" && PATH="$path" npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null >&2)
    printf '%s\n' "$wanted" >"$from/node_modules/.stamp"
  fi
  say "building the console"
  (cd "$from" && PATH="$path" npm run --silent build </dev/null >&2)
  printf '%s\n' "$built" >"$cache/console.stamp"
}

# The fonts of printed pages: two weights of nine, compressed, with their licence.
fonts() {
  node_runtime
  local from="$root/crates/risk-api/fonts" wanted weight into
  wanted=$(sha256sum <"$from/package-lock.json")
  [ "$(cat "$from/dist/.stamp" 2>/dev/null)" = "$wanted" ] && return
  say "fetching the fonts of printed pages"
  into="$cache/fonts"
  rm -rf "$into" "$from/dist" && mkdir -p "$into" "$from/dist"
  cp "$from/package.json" "$from/package-lock.json" "$into/"
  (cd "$into" && PATH="$(node_dir):$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null >&2)
  for weight in 400Regular 700Bold; do
    gzip -9nc "$into/node_modules/@expo-google-fonts/noto-sans-sc/$weight/NotoSansSC_$weight.ttf" \
      >"$from/dist/$weight.ttf.gz"
  done
  cp "$into/node_modules/@expo-google-fonts/noto-sans-sc/LICENSE_FONT" "$from/dist/"
  rm -rf "$into"
  printf '%s\n' "$wanted" >"$from/dist/.stamp"
}

reader() { debian poppler-utils; }

# npm_packages NAME FOLDER: what FOLDER's lock file names in .cache/NAME, with Node beside it; stays where it was made
npm_packages() {
  node_runtime
  local from="$root/$2" into="$cache/$1" stamp
  stamp=$({ cat "$from/package.json" "$from/package-lock.json" && printf '%s\n' "$cache"; } | sha256sum)
  [ "$(cat "$into/stamp" 2>/dev/null)" = "$stamp" ] && return
  say "fetching $1"
  rm -rf "${into:?}" && mkdir -p "$into"
  cp "$from/package.json" "$from/package-lock.json" "$into/"
  (cd "$into" && npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null >&2)
  ln -sfn "$(node_dir)/node" "$into/node"
  printf '%s\n' "$stamp" >"$into/stamp"
}

provider() { npm_packages provider tests/identity; }

grafana() { npm_packages grafana config/grafana/builder; }

# python NAME REQUIREMENTS: packages in .cache/NAME; their programs know where they lie, so not elsewhere
python() {
  local wanted="$root/$2" stamp
  stamp=$({ cat "$wanted" && printf '%s\n' "$cache"; } | sha256sum)
  [ "$(cat "$cache/$1/stamp" 2>/dev/null)" = "$stamp" ] && return
  python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
  say "fetching $1"
  rm -rf "${cache:?}/$1"
  python3 -m venv "$cache/$1"
  "$cache/$1/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" </dev/null >&2
  printf '%s\n' "$stamp" >"$cache/$1/stamp"
}

schemathesis() { python schemathesis tests/schemathesis/requirements.txt; }

verifier() { python verifier docs/verify/requirements.txt; }

played() { python played tests/played/requirements.txt; }

browser() {
  debian chromium fonts-noto-cjk
  npm_packages browser tests/console
}

[ $# -gt 0 ] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2; }
mkdir -p "$cache"
exec 9>"$cache/bootstrap.lock"
flock 9
for part in "$@"; do
  case "$part" in
    build | kafka | prometheus | compose | deny | provider | schemathesis | verifier | played | console | fonts | reader | browser | grafana)
      "$part"
      ;;
    test)
      # One by one, not joined by &&: within such a list a failed step would not end the script.
      for each in build console fonts reader kafka prometheus compose deny provider schemathesis verifier played browser grafana; do
        "$each"
      done
      ;;
    *) say "unknown part: $part"; exit 2 ;;
  esac
done
