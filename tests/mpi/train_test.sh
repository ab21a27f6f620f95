#!/usr/bin/env bash
# Ranks that train a model together under mpirun: stopped by SIGTERM, gone on with by another number of ranks, and the result codes text.
. "$(dirname "$0")/../support/script.sh"
need_mpirun
[ -e "$(dirname "$program")/libfz_train.so" ] || { echo "SKIPPED: libfz_train.so is not beside the program: this build has no LibTorch"; exit 77; }
mkdir texts
for i in $(seq 100); do cat "$docs"/*.md | tail -c +$((i * 1000)) | head -c 1000 > texts/$i.txt; done
"$program" model tokenizer texts -o t.json --vocabulary 400 -q || die "tokenizer"
options="texts --tokenizer t.json --width 32 --layers 1 --heads 2 --kv-heads 1 --head-width 16 --feed-forward-width 64 --context 64
  --batch 2 --threads 1 --seed 1"

launch 3 "$program" model train $options -o three --budget 12ktok --progress json > log 2>&1 || die "3 ranks: $(cat log)"
[ ! -e three.training ] || die "checkpoints are left"
bits=$(sed -n 's/.*"event":"end".*"held_out_bits":\([0-9]*\).*/\1/p' log)
[ "${bits:-9}" -lt 8 ] || die "3 ranks have learnt nothing: $(tail -n 1 log)"

# Stopped in the middle: a checkpoint is written, and the same command goes on.
launch 2 "$program" model train $options -o two --budget 1Mtok --checkpoint-every 0.01 > log 2>&1 &
pid=$!
has_checkpoint() { [ -e two.training/checkpoint ] || ! kill -0 $pid 2> /dev/null; }
wait_until has_checkpoint
for rank in $(pgrep -x "$(basename "$program")"); do
  [ "$(readlink /proc/$rank/cwd)" = "$work" ] && kill -TERM $rank
done
wait $pid
status=$?
[ $status -eq 75 ] || die "stopped: exit code $status: $(cat log)"
[ -e two.training/checkpoint ] && [ ! -e two ] || die "the training ended before it was stopped, or left no checkpoint: $(cat log)"
launch 3 "$program" model train $options -o two --budget 1Mtok > log 2>&1 || die "going on: $(cat log)"
grep -q 'resuming at' log || die "it began afresh: $(cat log)"

# What one rank alone cannot do is said by it and ends all; what none can do is said once.
started=$SECONDS
"${mpirun[@]}" -n 1 "$program" model train $options -o failed --budget 1Mtok : -n 1 "$program" model train absent ${options#texts} \
  -o failed --budget 1Mtok > log 2>&1
status=$?
[ $status -eq 3 ] && [ $((SECONDS - started)) -lt 60 ] || die "a rank fails: exit code $status: $(cat log)"
grep -q '^fz-dist: rank 1: absent: cannot open' log || die "a rank fails: it does not say why: $(cat log)"
touch empty
launch 3 "$program" model train empty ${options#texts} -o failed --budget 1Mtok > log 2>&1
[ $? -eq 3 ] && [ "$(grep -c '^fz-dist: ' log)" -eq 1 ] || die "all ranks fail: $(cat log)"

# More threads than OpenMP may have: they would leave products half done.
for threads in 1 2; do
  OMP_THREAD_LIMIT=1 "$program" model train ${options/--threads 1/--threads $threads} -o limit-$threads --budget 12ktok -q \
    || die "a limit of threads"
done
cmp limit-1/model.safetensors limit-2/model.safetensors || die "OMP_THREAD_LIMIT changes the result"

head -c 20000 "$docs/format.md" > text
"$program" compress text -o x.fz --model two/model.fzm -q --threads 1 || die "compress"
"$program" decompress x.fz -o out --model two/model.fzm -q --threads 1 || die "decompress"
cmp text out/text || die "the text differs"
