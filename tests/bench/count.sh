# `scripts/bench --count`, which sources this: counts instructions where the machine has no counters, or lets nobody at
# them. It runs the benchmark in a machine of software (qemu, -icount shift=0) in which one instruction takes one
# nanosecond, so that a process's CPU time is its instructions, user and kernel. The machine has one core: with two, the
# time of one would pass while the other works.
# shellcheck shell=bash

guest_kernel=build/count/vmlinuz # scripts/setup count
guest_memory_mb=2048

# pack FOLDER IMAGE: the benchmark and all that it needs, each under the path that it has here. Fails when a step does.
pack() {
  local root=$1 image=$2 built programs libraries name path
  built=("$PWD"/build/release/{bin/cellmesh,tests/bench_run,tests/bench_client,tests/bench_echo,plugins/*.so})
  programs=("${built[@]}")
  mkdir -p "$root"/{bin,dev,proc,sys,tmp} || return
  for name in haproxy consul; do
    path=$(realpath "$(command -v $name)") || return
    programs+=("$path")
    ln -s "$path" "$root/bin/$name" || return
  done
  # ldd complains of those that need no library.
  mapfile -t libraries < <(ldd "${programs[@]}" 2>/dev/null | grep -oE '/[^ ]+ \(0x' | cut -d' ' -f1 | sort -u)
  cp -L --parents "${programs[@]}" "${libraries[@]}" "$root" &&
    strip --strip-debug "${built[@]/#/$root}" &&
    install -m 755 "$(command -v busybox)" "$root/bin/busybox" &&
    install -m 755 tests/bench/guest_init.sh "$root/init" &&
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$image"
}

# count FOLDER SECONDS WORD...: runs `bench_run WORD...` in the machine, whose files are made in the folder. Its exit
# code, or the end of this script when it could not run in that time. While it runs, its process is $guest.
count() {
  local folder=$1 bound=$2 log=$1/log words=$1/words code=0 ended tool follower
  shift 2
  for tool in qemu-system-x86_64 busybox cpio strip haproxy consul; do
    command -v $tool >/dev/null || die "there is no $tool: install it (on Debian, scripts/setup consul bench count does)"
  done
  [ -s $guest_kernel ] || die "there is no $guest_kernel: put a Linux kernel for x86-64 there that needs no modules for a
serial console (on Debian, scripts/setup count does)"
  step "packed the machine" pack "$folder/root" "$folder/image" || die "cannot pack the machine, see above"
  say "counting, in a machine of software: a minute or two, more when this one is busy"
  touch "$words"
  # -erms: a `rep movsb` would count each of its bytes.
  timeout --foreground --kill-after=10 "$bound" qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off -smp 1 \
    -cpu max,-erms -m $guest_memory_mb -nodefaults -no-user-config -display none -no-reboot -serial "file:$log" \
    -serial stdio -serial "file:$words" -kernel $guest_kernel -initrd "$folder/image" \
    -append "console=ttyS0 quiet panic=-1 tsc=reliable -- $PWD/build/release/tests/bench_run $*" </dev/null &
  guest=$!
  tail -q -n +1 -f --pid=$guest "$words" >&2 &
  follower=$!
  wait $guest || code=$?
  guest=
  wait $follower || true
  ended=$(sed -n 's/^ended with \([0-9]*\).*/\1/p' "$log" 2>/dev/null | tail -n 1)
  if [ -z "$ended" ]; then
    [ ! -f "$log" ] || tail -n 20 "$log" >&2
    # 137: it had to be killed.
    case $code in 124 | 137)
      die "the counting machine was not done after $bound s, its last words are above: try when this one is less busy" ;;
    esac
    die "the counting machine stopped (qemu ended with $code), its last words are above"
  fi
  return "$ended"
}
