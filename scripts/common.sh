# Shared by the scripts beside it: `source "$(dirname "$0")/common.sh"`. Changes to the top of the repository.
# shellcheck shell=bash
set -euo pipefail
SCRIPT=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

say() { printf '%s\n' "$*" >&2; }

# The comment block at the top of the script that is running, without its "# ".
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$SCRIPT"; }

now_ms() { date +%s%3N; }

seconds_since() {
  local ms=$(($(now_ms) - $1))
  printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# step "what" command...: runs it, then says what was done and how long it took. Its output goes to standard error.
step() {
  local what=$1 start
  shift
  start=$(now_ms)
  "$@" >&2 || return $?
  say "$what: $(seconds_since "$start")"
}

# build PRESET [TARGET...]: configures when that was not done yet, then builds. One at a time in one tree.
build() {
  local preset=$1 start
  start=$(now_ms)
  mkdir -p build
  (flock 9 && build_locked "$@") 9>"build/$preset.lock" || exit 1
  say "built build/$preset: $(seconds_since "$start")"
}

build_locked() {
  local preset=$1 dir=build/$1 log=build/$1.log
  shift
  if [ ! -f "$dir/build.ninja" ]; then
    rm -f "$dir/CMakeCache.txt"
    cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; die "configuring preset '$preset' failed, see above"; }
  fi
  if [ -t 2 ]; then
    NINJA_STATUS='[%f/%t, %es] ' ninja -C "$dir" "$@" >&2 || die "building preset '$preset' failed, see above"
  else
    ninja -C "$dir" "$@" >"$log" 2>&1 || { tail -n 60 "$log" >&2; die "building preset '$preset' failed, see above"; }
  fi
}

# free_port: a TCP port that nobody listens on now.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  die "found no free TCP port between 20000 and 32000"
}

# await SECONDS PID WHAT command...: until the command succeeds; fails when the time is over or the process is gone.
await() {
  local deadline=$(($(now_ms) + $1 * 1000)) pid=$2 what=$3
  shift 3
  until "$@" 2>/dev/null; do
    [ "$pid" = - ] || kill -0 "$pid" 2>/dev/null || { say "$what ended before it was ready"; return 1; }
    [ "$(now_ms)" -lt "$deadline" ] || { say "$what was not ready in time"; return 1; }
    sleep 0.05
  done
}
