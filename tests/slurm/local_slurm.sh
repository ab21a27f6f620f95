# A real Slurm on this one machine, for tests: munged, slurmctld and several slurmd as virtual nodes, all on the loopback address
# and under one directory, without systemd and cgroups. To be sourced.
#   start_local_slurm DIR NODES   DIR must be short: Unix sockets lie below it; 1 when a daemon does not come up
#   stop_local_slurm              ends jobs and daemons; safe to call at any time
#   kill_node N                   a node fails: its slurmd and all that runs on it are gone at once
#   start_node N                  it comes back

PATH=$PATH:/usr/sbin:/sbin
slurm_dir=

# The first program that is missing; nothing when all are there.
missing_for_slurm() {
  local program
  for program in munged slurmctld slurmd srun sbatch scontrol scancel; do
    command -v $program > /dev/null || { echo $program; return; }
  done
}

# until SECONDS COMMAND…: whether the command succeeds within that time.
until_within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

is_free_port() { ! (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# So many ports in a row, below those that the system hands out.
free_ports() {
  local base i
  for _ in {1..50}; do
    base=$((11000 + RANDOM % 20000))
    for ((i = 0; i < $1; i++)); do is_free_port $((base + i)) || continue 2; done
    echo $base
    return
  done
  return 1
}

write_slurm_conf() {
  local nodes=$1 port=$2 user host
  user=$(id -un)
  host=$(hostname -s)
  cat << CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until the credentials of its earlier run have expired.
AuthInfo=socket=$slurm_dir/munge.sock,cred_expire=5
StateSaveLocation=$slurm_dir/state
SlurmdSpoolDir=$slurm_dir/spool/%n
# One for each node: PMIx makes a directory there whose name does not tell nodes apart.
TmpFS=$slurm_dir/tmp/%n
MailProg=/bin/true
SlurmctldPidFile=$slurm_dir/slurmctld.pid
SlurmdPidFile=$slurm_dir/slurmd-%n.pid
SlurmctldLogFile=$slurm_dir/slurmctld.log
SlurmdLogFile=$slurm_dir/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=100000,batch_sched_delay=0
ReturnToService=2
KillWait=3
JobRequeue=1
SlurmctldTimeout=30
SlurmdTimeout=10
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs=4 RealMemory=1000 State=UNKNOWN
CONF
  local i
  for ((i = 1; i <= nodes; i++)); do
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i))"
  done
  echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 State=UP OverSubscribe=NO"
}

# Its temporary folder is empty, as after a start of a machine: PMIx refuses a step whose directory of an earlier run is left there.
start_node() {
  rm -rf "$slurm_dir/tmp/n$1"
  mkdir -p "$slurm_dir/spool/n$1" "$slurm_dir/tmp/n$1"
  slurmd -N "n$1" -f "$SLURM_CONF" > "$slurm_dir/slurmd-n$1.out" 2>&1 < /dev/null
}

nodes_are_up() {
  [ "$(sinfo -h -N -o %T 2> /dev/null | grep -c -e '^idle$' -e '^mixed$' -e '^allocated$')" -eq "$slurm_nodes" ]
}

start_local_slurm() {
  slurm_dir=$1 slurm_nodes=$2
  local port i
  port=$(free_ports $((slurm_nodes + 1))) || return 1
  mkdir -p "$slurm_dir"/{state,munge}
  chmod 0755 "$slurm_dir"
  chmod 0700 "$slurm_dir"/{state,munge}
  export SLURM_CONF=$slurm_dir/slurm.conf
  write_slurm_conf "$slurm_nodes" "$port" > "$SLURM_CONF"
  (umask 077 && head -c 128 /dev/urandom > "$slurm_dir/munge/key")
  munged --key-file="$slurm_dir/munge/key" --socket="$slurm_dir/munge.sock" --pid-file="$slurm_dir/munge/munged.pid" \
    --log-file="$slurm_dir/munge/log" --seed-file="$slurm_dir/munge/seed" > "$slurm_dir/munged.out" 2>&1 < /dev/null || return 1
  slurmctld -f "$SLURM_CONF" > "$slurm_dir/slurmctld.out" 2>&1 < /dev/null || return 1
  for ((i = 1; i <= slurm_nodes; i++)); do
    start_node $i || return 1
  done
  until_within 60 nodes_are_up
}

# processes [ENTRY…]: what this Slurm has started whose environment has all these entries too.
processes() {
  local pid entry environment
  for pid in $(cd /proc && echo [0-9]*); do
    [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
    environment=$'\n'$(tr '\0' '\n' 2> /dev/null < "/proc/$pid/environ")$'\n'
    for entry in "SLURM_CONF=$SLURM_CONF" "$@"; do [[ $environment == *$'\n'$entry$'\n'* ]] || continue 2; done
    echo "$pid"
  done
}

# The daemons first, which would report the death of the others: slurmd, and the slurmstepd of each step, known by their children.
kill_node() {
  local tasks task parent
  tasks=$(processes "SLURMD_NODENAME=n$1")
  kill -KILL "$(cat "$slurm_dir/slurmd-n$1.pid")"
  for task in $tasks; do
    parent=$(sed -n 's/^PPid:\t//p' "/proc/$task/status" 2> /dev/null)
    [ "$(cat "/proc/$parent/comm" 2> /dev/null)" != slurmstepd ] || kill -KILL "$parent"
  done
  for task in $tasks; do kill -KILL "$task" 2> /dev/null; done
}

stop_local_slurm() {
  [ -n "$slurm_dir" ] && [ -e "$slurm_dir/slurm.conf" ] || return 0
  local pid_file pid
  if [ -s "$slurm_dir/slurmctld.pid" ]; then
    timeout 20 scancel --full --signal=KILL --user="$(id -un)" 2> /dev/null
    timeout 20 scancel --user="$(id -un)" 2> /dev/null
    until_within 20 no_jobs
  fi
  for pid_file in "$slurm_dir"/slurmd-*.pid "$slurm_dir"/slurmctld.pid "$slurm_dir"/munge/munged.pid; do
    [ -s "$pid_file" ] || continue
    pid=$(cat "$pid_file")
    tr '\0' '\n' 2> /dev/null < "/proc/$pid/cmdline" | grep -qF "$slurm_dir" || continue
    kill -TERM "$pid" 2> /dev/null
    until_within 10 is_gone "$pid" || kill -KILL "$pid" 2> /dev/null
  done
  for pid in $(processes); do kill -KILL "$pid" 2> /dev/null; done
}

no_jobs() { [ -z "$(timeout 5 squeue -h -o %i 2> /dev/null)" ]; }
is_gone() { [ ! -e "/proc/$1" ]; }
