# shellcheck shell=bash
# procs.bash - processes by id: sourced by the lab scripts. A pid file holds "PID STARTTIME"; the process is the leader
# of its own session and process group, so that the group takes every child.
starttime() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
members() { # PGID -> living members of the process group
  sed -n 's/^\([0-9]*\) (.*) \([A-Z]\) [0-9]* \([0-9]*\) .*/\1 \2 \3/p' /proc/[0-9]*/stat 2>/dev/null |
    awk -v g="$1" '$3 == g && $2 != "Z" { print $1 }' || true
}
group_of() { # PIDFILE PROGRAM -> process group id while any of it lives, else nothing. Checks that the number still means our process.
  local pid start p
  [ -s "$1" ] || return 0
  read -r pid start < "$1" || return 0
  [[ $pid =~ ^[0-9]+$ ]] || return 0
  if [ -e "/proc/$pid" ]; then
    if [ "$(starttime "$pid")" = "$start" ] && [ -n "$(members "$pid")" ]; then echo "$pid"; fi
    return 0
  fi
  for p in $(members "$pid"); do      # the leader is gone, its children are not: the number cannot have been reused
    case $(readlink "/proc/$p/exe") in */"$2") echo "$pid"; return 0 ;; esac
  done
}
wait_gone() { # PGID SECONDS
  local end=$((${EPOCHREALTIME/./} + $2 * 1000000))
  while [ -n "$(members "$1")" ]; do
    [ ${EPOCHREALTIME/./} -lt $end ] || return 1
    sleep 0.02
  done
}
