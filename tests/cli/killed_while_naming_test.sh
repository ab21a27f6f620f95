#!/usr/bin/env bash
# Ends a restore at each step of giving files their names, modes and times, and of clearing up; --continue does the rest.
. "$(dirname "$0")/../support/script.sh"
library=$(dirname "$program")/tests/libdie_at_call.so
[ -e "$library" ] || { echo "SKIPPED: $library is not built (it does not go with sanitizers)"; exit 77; }
for i in 1 2 3 4 5; do
  mkdir -p c/d$i/sub
  echo "$i" > c/d$i/a
  printf '\0%d' $i > c/d$i/sub/b
  ln -s a c/d$i/link
  chmod 0555 c/d$i/sub
  touch -d '2001-02-03 04:05:06.123456789 UTC' c/d$i/sub c/d$i/a
done
"$program" compress c/* -o c.fz -q --model none || die "compress"

deaths=0
names=0
for at in $(seq 0 60); do
  DIE_AT=$at LD_PRELOAD=$library "$program" decompress c.fz -o out --continue > /dev/null 2> err
  status=$?
  [ $status -eq 0 ] && break
  [ $status -eq 137 ] || die "call $at: exit code $status: $(cat err)"
  deaths=$((deaths + 1))
  "$program" decompress c.fz -o out --continue > /dev/null 2> err
  status=$?
  # 4: the staging directory was gone, all was done.
  [ $status -eq 0 ] || { [ $status -eq 4 ] && [ "$(ls -A out | wc -l)" -eq 5 ]; } || die "call $at, continued: exit code $status: $(cat err)"
  grep -q 'going on with names' err && names=$((names + 1))
  [ "$(ls -A out | tr '\n' ' ')" = 'd1 d2 d3 d4 d5 ' ] || die "call $at: $(ls -A out)"
  for i in 1 2 3 4 5; do same_tree c/d$i out/d$i || die "call $at: differs"; done
  chmod -R u+w out
  rm -rf out
done
echo "$deaths deaths, $names of them after the first name"
[ $deaths -ge 15 ] && [ $names -ge 10 ] || die "hardly ever died"

# A compress, ended at each step of naming its archive and clearing up: one of something else that follows under the same name must not
# take that archive for its own.
deaths=0
for at in $(seq 0 20); do
  rm -rf x.fz x.fz.job
  DIE_AT=$at LD_PRELOAD=$library "$program" compress c/d1 -o x.fz -q --model none > /dev/null 2> err
  status=$?
  [ $status -eq 0 ] && break
  [ $status -eq 137 ] || die "compress, call $at: exit code $status: $(cat err)"
  deaths=$((deaths + 1))
  "$program" compress c/d2 -o x.fz -q --model none 2> err
  status=$?
  if [ $status -eq 0 ]; then
    "$program" list x.fz | grep -q '^d2' || die "compress, call $at: success, but the archive is of something else"
  else
    [ $status -eq 3 ] || [ $status -eq 4 ] || die "compress, call $at, another: exit code $status: $(cat err)"
    "$program" compress c/d1 -o x.fz -q --model none 2> err
    status=$?
    [ $status -eq 0 ] || { [ $status -eq 4 ] && [ ! -e x.fz.job ]; } || die "compress, call $at, again: exit code $status: $(cat err)"
    "$program" list x.fz | grep -q '^d1' || die "compress, call $at: another archive"
  fi
done
[ $deaths -ge 4 ] || die "hardly ever died in compress"
echo "$deaths deaths of compress"
