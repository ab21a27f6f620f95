#!/usr/bin/env bash
# Kills a restore when a block is done, near the end and at any other moment; the same command with --continue, as often as it takes, restores everything, and decodes nothing twice.
# The same for orderly interruptions and for a full disk, and under mpirun with another number of ranks each time.
. "$(dirname "$0")/../support/script.sh"
make_corpus c "$program"
seed_random
"$program" compress c -o c.fz -q --block-size 64KiB || die "compress"

"$program" decompress c.fz -o reference -q || die "reference"
same_tree c reference/c || die "the reference differs"
blocks=$("$program" info c.fz --json | sed -n 's/^  "blocks": \([0-9]*\),$/\1/p')
all_done_bytes=$((8 + blocks * 28))  # of the journal of a restore of one run
restore=(decompress c.fz --threads 1)  # one block after the other, so that there is time between them

# finished OUT: one directory, nothing else.
finished() {
  same_tree c "$1/c" || die "$1: the restored tree differs"
  [ "$(ls -A "$1")" = c ] || die "$1: left over: $(ls -A "$1")"
}
# kill_once OUT MOMENT OPTIONS…: kills a restore at a moment; ends with its status. 0: soon after it has noted a block; 1: near the
# end, when files get their names; 2: at any moment.
kill_once() {
  local out=$1 moment=$2 pid status before
  shift 2
  before=$(restored_bytes $out)
  "$program" "${restore[@]}" -o $out "$@" > /dev/null 2> err &
  pid=$!
  case $moment in
    0) wait_until grown_or_gone $pid restored_bytes "$before" $out; sleep_ms $((RANDOM % 100)) ;;
    1) wait_until grown_or_gone $pid restored_bytes $((all_done_bytes - 29)) $out; sleep_ms $((RANDOM % 40)) ;;
    2) sleep_ms $((RANDOM % 2000)) ;;
  esac
  kill -9 $pid 2> /dev/null && kills=$((kills + 1))
  wait $pid 2> /dev/null
  status=$?
  # 4: the attempt before had finished but for its exit.
  [ $status -eq 0 ] || [ $status -eq 137 ] || { [ $status -eq 4 ] && [ "$(ls -A "$out")" = c ]; } || die "exit code $status: $(cat err)"
  return $status
}

kills=0
resumes=0
for round in $(seq 10); do
  [ $kills -lt 6 ] || [ $resumes -lt 2 ] || break
  out=out-$round
  # The first attempt need not know that there will be another.
  kill_once $out 0
  for attempt in $(seq 12); do
    kill_once $out $((RANDOM % 3)) --continue && break
    grep -q 'resuming: ' err && resumes=$((resumes + 1))
    [ "$(ls -A $out 2> /dev/null)" != c ] || break
  done
  if [ "$(ls -A $out)" != c ]; then "$program" decompress c.fz -o $out --continue -q || die "the last attempt"; fi
  finished $out
done
echo "$kills kills, $resumes resumes"
[ $kills -ge 3 ] && [ $resumes -ge 1 ] || die "hardly anything was killed"

# interrupt SIGNAL CODE OPTIONS…: what is restored stays with --continue only.
interrupt() {
  local signal=$1 expected=$2 pid status before
  shift 2
  before=$(restored_bytes signalled)
  env --default-signal=INT "$program" "${restore[@]}" -o signalled "$@" 2> err &
  pid=$!
  wait_until grown_or_gone $pid restored_bytes "$before" signalled
  kill -"$signal" $pid
  wait $pid
  status=$?
  [ $status -eq "$expected" ] || die "$signal: exit code $status, expected $expected: $(cat err)"
}
interrupt TERM 75 --continue
interrupt USR1 75 --continue
interrupt INT 130 --continue
grep -q 'the same command given again goes on' err || die "no word of going on: $(cat err)"
[ -n "$(ls -A signalled)" ] || die "nothing is kept"
"$program" extract c.fz c/sub -o signalled --continue 2> err && die "another restore took it over"
grep -q 'unfinished restore of another archive or of other files' err || die "another restore: $(cat err)"
interrupt TERM 143  # and without it, everything goes
[ ! -e signalled ] || [ -z "$(ls -A signalled)" ] || die "left over: $(ls -A signalled)"
rm -rf signalled
"$program" decompress c.fz -o signalled --continue -q || die "from the beginning"
finished signalled

# A block that takes long is gone on with: killed within its only block, again and again.
text=$(cat "$docs"/*.md)
head -c 200000 <<< "$text" > long
"$program" compress long -o long.fz -q || die "compress the long block"
# predicted_bytes OUT: of what the model has said.
predicted_bytes() { cat "$1"/.fz-partial-*/predictions-* 2> /dev/null | wc -c; }
for signal in KILL TERM KILL; do
  before=$(predicted_bytes long-out)
  "$program" decompress long.fz -o long-out --continue -q --threads 1 --checkpoint-after 0 --log-file log 2> err &
  pid=$!
  wait_until grown_or_gone $pid predicted_bytes "$before" long-out
  kill -$signal $pid 2> /dev/null
  wait $pid 2> /dev/null
done
"$program" decompress long.fz -o long-out --continue -q --checkpoint-after 0 --log-file log || die "the long block, gone on with"
cmp long long-out/long || die "what was gone on with differs"
[ "$(grep -c 'goes on with block 0: [1-9][0-9]* chunks are known' log)" -ge 3 ] || die "not gone on with: $(cat log)"
[ "$(ls -A long-out)" = long ] || die "left over: $(ls -A long-out)"

# Verifying, interrupted again and again: nothing is checked twice, damage is found whenever it is looked at, and when all is checked the
# file is gone.
verified_bytes() { stat -c %s state 2> /dev/null || echo 0; }
cp c.fz damaged.fz
printf '\377\377' | dd of=damaged.fz bs=1 seek=$(($(stat -c %s c.fz) / 2)) conv=notrunc 2> /dev/null
for signal in TERM KILL USR1; do
  before=$(verified_bytes)
  "$program" verify damaged.fz --continue state --threads 1 -v > out 2> err &
  pid=$!
  wait_until grown_or_gone $pid verified_bytes $((before < 40 ? 40 : before))  # it has checked a block
  kill -$signal $pid 2> /dev/null
  wait $pid 2> /dev/null
  status=$?
  case $signal-$status in TERM-75 | USR1-75 | KILL-137) ;; *) die "verify, $signal: exit code $status: $(cat err)" ;; esac
  grep -o '^block [0-9]* ' err >> verified
done
"$program" verify c.fz --continue state 2> err && die "another archive took over the file"
grep -q 'state: is of another archive' err || die "another archive: $(cat err)"
"$program" verify damaged.fz --continue state --threads 1 -v > out 2> err
[ $? -eq 5 ] || die "the damage was not found: $(cat err)"
grep -q "1 of $blocks blocks is damaged" err || die "the damage was not said: $(cat err)"
grep -q 'resuming: ' out err || die "verify began anew: $(cat out err)"
[ ! -e state ] || die "the file is left when all is checked"
grep -o '^block [0-9]* ' err >> verified
damaged_block=$(sed -n 's/^damaged.fz: block \([0-9]*\) .*/\1/p' out)
twice=$(sort verified | uniq -d | grep -v "^block $damaged_block ")
# One that was killed may have kept a block without having said so.
[ "$(sort -u verified | wc -l)" -ge $((blocks - 3)) ] && [ -z "$twice" ] || die "not each once: $(sort verified)"
"$program" verify c.fz --continue state -q || die "verify"
echo mine > state
"$program" verify c.fz --continue state 2> err && die "a file of the user was taken"
[ "$(cat state)" = mine ] || die "a file of the user is changed"

# A full disk, where one can be made.
mkdir disk
if mount -t tmpfs -o size=300k none disk 2> /dev/null; then
  mounted=$work/disk
  "$program" decompress c.fz -o disk/out --continue -q 2> err
  status=$?
  [ $status -eq 4 ] || die "full disk: exit code $status: $(cat err)"
  grep -q 'what is restored is kept' err || die "full disk: $(cat err)"
  mount -o remount,size=10m disk || die "remount"
  "$program" decompress c.fz -o disk/out --continue 2> err > /dev/null || die "after a full disk: $(cat err)"
  grep -q 'resuming: ' err || die "nothing was kept on the full disk: $(cat err)"
  finished disk/out
  umount disk && mounted=
else
  echo "not tested here: a full disk (no right to mount)"
fi

command -v mpirun > /dev/null || { echo "not tested here: several ranks (mpirun is not installed)"; exit 0; }
# kill_launch RANKS: a restore by so many ranks is killed when it has noted a block; the ranks follow their mpirun.
kill_launch() {
  local before pid
  before=$(restored_bytes ranks)
  "${mpirun[@]}" -n "$1" "$program" "${restore[@]}" -o ranks --continue -q > /dev/null 2>&1 &
  pid=$!
  wait_until grown_or_gone $pid restored_bytes "$before" ranks
  kill -9 $pid 2> /dev/null
  wait $pid 2> /dev/null
}
kill_launch 3
kill_launch 2
if [ "$(ls -A ranks)" != c ]; then
  # The restore may end by itself meanwhile: then there is nothing to go on with.
  patiently launch 2 "$program" "${restore[@]}" -o ranks --continue > /dev/null 2> err || [ "$(ls -A ranks)" = c ] || die "on two ranks: $(cat err)"
fi
finished ranks
# One rank of several dies.
"${mpirun[@]}" -n 2 "$program" "${restore[@]}" -o lost --continue -q > /dev/null 2>&1 &
pid=$!
wait_until grown_or_gone $pid restored_bytes 0 lost
rank=$(pgrep -P $pid | tail -1)  # the ranks are children of mpirun
[ -z "$rank" ] || kill -9 "$rank" 2> /dev/null
wait $pid 2> /dev/null
if [ "$(ls -A lost 2> /dev/null)" != c ]; then patiently "$program" "${restore[@]}" -o lost --continue > /dev/null 2> err || die "after the loss of a rank: $(cat err)"; fi
finished lost
