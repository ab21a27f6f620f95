#!/usr/bin/env python3
"""Tokens a second of `fz-dist model train` beside those of a plain PyTorch loop, for the default model's shape:
    python3 bench/train_speed.py PROGRAM TEXT [--seconds N] [--rounds N]
TEXT is one file, at least 20 MB, so that no document is held out and nothing is evaluated. The loop is what one would write in PyTorch: modules, autocast to
bf16, scaled_dot_product_attention, cross_entropy, fused AdamW; with the allocator's thresholds raised, without which it is
several times slower. It needs PyTorch in this Python. The runs take turns; medians are printed."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

BATCH, TOKENS, WIDTH, LAYERS, HEADS, FEED_FORWARD, VOCABULARY = 16, 512, 256, 6, 4, 704, 8192


def plain_loop(seconds):
    import time
    import torch
    from torch import nn
    from torch.nn import functional

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList(nn.RMSNorm(WIDTH) for _ in range(2))
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
            self.out = nn.Linear(WIDTH, WIDTH, bias=False)
            self.gate_up = nn.Linear(WIDTH, 2 * FEED_FORWARD, bias=False)
            self.down = nn.Linear(FEED_FORWARD, WIDTH, bias=False)

        def forward(self, x, cosine, sine):
            split = self.qkv(self.norms[0](x)).view(BATCH, TOKENS, 3 * HEADS, -1).transpose(1, 2)
            query, key, value = split.chunk(3, 1)
            query, key = (turn(part, cosine, sine) for part in (query, key))
            attended = functional.scaled_dot_product_attention(query.to(value.dtype), key.to(value.dtype), value, is_causal=True)
            x = x + self.out(attended.transpose(1, 2).reshape(BATCH, TOKENS, WIDTH))
            gate, up = self.gate_up(self.norms[1](x)).chunk(2, -1)
            return x + self.down(functional.silu(gate) * up)

    def turn(x, cosine, sine):
        left, right = x.chunk(2, -1)
        return torch.cat((left * cosine - right * sine, right * cosine + left * sine), -1)

    torch.manual_seed(1)
    embedding = nn.Embedding(VOCABULARY, WIDTH)
    layers = nn.ModuleList(Layer() for _ in range(LAYERS))
    norm = nn.RMSNorm(WIDTH)
    parameters = [*embedding.parameters(), *layers.parameters(), *norm.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    angles = torch.outer(torch.arange(TOKENS), 10000 ** (-torch.arange(0, WIDTH // HEADS, 2) / (WIDTH // HEADS)))
    ids = torch.randint(VOCABULARY, (64, BATCH, TOKENS + 1))

    def step(i):
        with torch.autocast("cpu", torch.bfloat16):
            x = embedding(ids[i % 64, :, :-1])
            for layer in layers:
                x = layer(x, angles.cos(), angles.sin())
            logits = functional.linear(norm(x), embedding.weight)
        functional.cross_entropy(logits.float().view(-1, VOCABULARY), ids[i % 64, :, 1:].reshape(-1)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    for i in range(2):
        step(i)
    begin, steps = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        step(steps)
        steps += 1
    return steps * BATCH * TOKENS / (time.monotonic() - begin)


def run_plain_loop(seconds):
    environment = dict(os.environ, MALLOC_MMAP_THRESHOLD_=str(1 << 30), MALLOC_TRIM_THRESHOLD_=str(1 << 30))
    command = [sys.executable, __file__, "--plain-loop", str(seconds)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def run_program(program, text, seconds, optimizer):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = os.path.join(folder, "tokenizer.json")
        subprocess.run([program, "model", "tokenizer", text, "-o", tokenizer, "-q", "--vocabulary", str(VOCABULARY)], check=True)
        command = [program, "model", "train", text, "-o", os.path.join(folder, "model"), "--tokenizer", tokenizer,
                   "--budget", f"{seconds}s", "--batch", str(BATCH), "--optimizer", optimizer, "--quantization-aware", "0",
                   "--progress", "json"]
        events = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    end = next(event for event in map(json.loads, events) if event.get("event") == "end")
    return end["tokens"] / end["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?")
    parser.add_argument("text", nargs="?")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain-loop", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_loop:
        print(plain_loop(options.plain_loop))
        return
    if not options.text:
        parser.error("PROGRAM and TEXT are needed")
    ways = {"plain PyTorch loop": lambda: run_plain_loop(options.seconds)}
    for optimizer in ("adamw", "muon"):
        ways[f"fz-dist model train, {optimizer}"] = lambda name=optimizer: run_program(
            options.program, options.text, options.seconds, name)
    speeds = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, run in ways.items():
            speeds[name].append(run())
    print("| | tokens/s | of the plain loop |\n| --- | ---: | ---: |")
    plain = speeds["plain PyTorch loop"]
    for name, values in speeds.items():
        ratios = [value / other for value, other in zip(values, plain)]
        print(f"| {name} | {statistics.median(values):.0f} | {statistics.median(ratios):.2f} |")


if __name__ == "__main__":
    main()
