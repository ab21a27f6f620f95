# Several hosts on one machine, for scripts that are called with a program, as by script.sh, which is sourced after this: each
# host has a name, an address, a network and a /dev/shm of its own; the files and the cores they share. Here the script is started
# again in namespaces that have no names: runs at the same time cannot meet, nothing reaches the machine's own network, and
# the kernel removes all of it with the script, however that ends.
if [ -z "${FZ_TEST_HAS_NAMESPACES:-}" ]; then
  skip() { echo "SKIPPED: $*"; exit 77; }
  command -v mpirun > /dev/null || skip "mpirun is not installed"
  command -v ip > /dev/null || skip "ip is not installed (Debian: iproute2)"
  [ "$(id -u)" = 0 ] || skip "hosts out of namespaces need root"
  namespaces=(unshare --net --uts --ipc --mount --pid --fork --mount-proc --kill-child)
  "${namespaces[@]}" ip link add bridge type bridge 2> /dev/null || skip "namespaces or bridges are not permitted here"
  "${namespaces[@]}" ip link add port type veth peer name eth0 2> /dev/null || skip "veth pairs are not permitted here"
  # Who ends this shell, in whatever way, ends them all; their files are in one directory, sessions of Open MPI among them.
  files=$(mktemp -d)
  trap 'rm -rf "$files"' EXIT
  FZ_TEST_HAS_NAMESPACES=1 TMPDIR=$files setpriv --pdeathsig KILL "${namespaces[@]}" bash "$0" "$@" &
  # unshare ignores these signals; when its child has ended, so has everything in there.
  trap 'pkill -KILL -P $!; wait $!; exit 143' INT TERM
  wait $!
  exit $?
fi

# start_hosts COUNT: node1, node2, … with the addresses 10.77.0.1, … on one bridge; what belongs to them is in the work directory.
start_hosts() {
  local host
  mkdir hosts
  { echo "127.0.0.1 localhost"; for host in $(seq $1); do echo "10.77.0.$host node$host"; done; } > hosts/addresses
  mount --bind hosts/addresses /etc/hosts && ip link add bridge type bridge && ip link set bridge up || die "no network"
  for host in $(seq $1); do start_host $host; done
  # For mpirun, in place of ssh, and like it a process on the first host that ends with 255 when the other one is gone.
  cat > hosts/agent << AGENT
#!/usr/bin/env bash
host=\$1
shift
nsenter --target \$(cat "$PWD/hosts/\$host") --net --uts --ipc --mount --wd=/ bash -c "\$*"
status=\$?
[ \$status -lt 128 ] || exit 255
exit \$status
AGENT
  chmod +x hosts/agent
  export OMPI_MCA_plm_rsh_agent=$PWD/hosts/agent
}
# A process that does nothing keeps the host's namespaces; hosts/NAME has its number.
start_host() {
  unshare --net --uts --ipc --mount bash -c 'hostname "$1" && mount -t tmpfs tmpfs /dev/shm && ip link set lo up &&
    echo $$ > "hosts/$1.new" && mv "hosts/$1.new" "hosts/$1" && exec sleep infinity' - node$1 &
  wait_until [ -e hosts/node$1 ]
  ip link add port$1 type veth peer name eth0 netns "$(cat hosts/node$1)" && ip link set port$1 master bridge up &&
    on_host $1 ip address add 10.77.0.$1/24 dev eth0 && on_host $1 ip link set eth0 up || die "no network for node$1"
}
# on_host HOST COMMAND…
on_host() {
  local keeper
  keeper=$(cat hosts/node$1)
  shift
  nsenter --target "$keeper" --net --uts --ipc --mount --wd="$PWD" "$@"
}

# Its cable is pulled out, and put in again: nobody is told, and what runs on it goes on.
cut_link() { ip link set port$1 down; }
mend_link() { ip link set port$1 up; }
# processes_on HOST: all that runs there.
processes_on() {
  local keeper network process
  keeper=$(cat hosts/node$1)
  network=$(readlink /proc/$keeper/ns/net)
  for process in /proc/[0-9]*; do
    [ "$(readlink $process/ns/net)" != "$network" ] || [ ${process#/proc/} = $keeper ] || echo ${process#/proc/}
  done
}
# All that runs there ends at once; its kernel lives and says so to the others. The host can be used again.
kill_host() { kill -9 $(processes_on $1) 2> /dev/null || true; }
# ranks_on HOST: how many processes of the program.
ranks_on() { processes_on $1 | while read -r process; do cat /proc/$process/comm; done 2> /dev/null | grep -cx "$(basename "$program")"; }
