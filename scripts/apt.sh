# What scripts do with apt: `source scripts/apt.sh`, after common.sh. Needs the folder $scratch.
# shellcheck shell=bash disable=SC2154

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

# Waits for other package managers and tries again when the network fails; shows the output only on failure.
apt() {
  local attempt
  for attempt in 1 2 3 4 5; do
    if as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
      -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >"$scratch/apt.log" 2>&1 </dev/null; then
      return
    fi
    grep -qE 'Could not get lock|Temporary failure|Could not connect|timed out|Hash Sum mismatch' "$scratch/apt.log" || break
    [ "$attempt" = 5 ] || { say "apt-get is held up ($(grep -m1 '^E:' "$scratch/apt.log")), trying again"; sleep 5; }
  done
  cat "$scratch/apt.log" >&2
  return 1
}

# apt_entry CODENAME: which of the machine's apt sources serves this Debian's `main`, as FILE:NUMBER|URI.
apt_entry() {
  # shellcheck disable=SC2016 # these are apt-get's variables
  apt-get indextargets --format '$(SOURCESENTRY)|$(REPO_URI)|$(CODENAME)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    awk -F '|' -v name="$1" '($3 == name || $4 == name) && $5 == "main" && !found {print $1 "|" $2; found = 1}'
}

# apt_source CODENAME SUITE NAME: writes to $scratch the apt source entry that serves this Debian's `main`, changed to
# another suite: with the machine's own mirror, options and key. Prints the path, $scratch/NAME.sources or .list.
apt_source() {
  local entry file number suite=$2
  entry=$(apt_entry "$1")
  [ -n "$entry" ] || return 1
  entry=${entry%%|*} file=${entry%:*} number=${entry##*:}
  case $file in
    *.sources)
      awk -v want="$number" -v suite="$suite" '
        /^#/ {next}
        /^[[:space:]]*$/ {if (fields) {stanza++; fields = 0}; next}
        {if (!fields) fields = 1}
        stanza + 1 == want {
          if (/^[^ \t]/) field = tolower($1)
          if (field == "types:") {if (/^[^ \t]/) print "Types: deb"; next}
          if (field == "suites:") {if (/^[^ \t]/) print "Suites: " suite; next}
          if (field == "components:") {if (/^[^ \t]/) print "Components: main"; next}
          if (field == "enabled:") next
          print
        }' "$file" >"$scratch/$3.sources"
      echo "$scratch/$3.sources"
      ;;
    *.list)
      sed -n "${number}p" "$file" | sed -E "s/^(deb +(\[[^]]*\] +)?[^ ]+) .*/\1 $suite main/" >"$scratch/$3.list"
      echo "$scratch/$3.list"
      ;;
    *) return 1 ;;
  esac
}
