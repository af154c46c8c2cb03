#!/usr/bin/python3
"""import_checkpoint.py - checkpoints of the public in-context-learning repositories, as ours

    tools/import_checkpoint.py state.pt -o model.safetensors [--config config.yaml]
        [--family gpt2|gpt2_loop|gpt2_tying] [--heads H] [--loops R] [--points N]

Reads the state dict of dtsip/in-context-learning (Garg et al. 2022: a Hugging Face GPT-2, whose linear
weights are stored [in, out]) or of Leiay/looped_transformer (Yang et al. 2023: nanoGPT, [out, in]),
alone or under `model_state_dict`, and writes a safetensors file that every command of innerloop loads.
What the weights do not say (heads, loops) comes from the run's config.yaml beside the state, or from
the options. Needs PyTorch to read a .pt file, nothing else.
"""

import argparse
import json
import re
import struct
import sys
from pathlib import Path

IGNORED = re.compile(r"(\.wte\.weight|\.attn\.(bias|masked_bias)|lm_head\.weight)$")
VECTORS = re.compile(r"(ln_[12f]\.(weight|bias)|\.bias)$")


class Refused(Exception):
    pass


def plain_name(name):
    """_backbone.transformer.h.0.ln_1.weight -> h.0.ln_1.weight"""
    name = re.sub(r"^(module\.|_orig_mod\.)+", "", name)
    name = re.sub(r"^_backbone\.(transformer\.)?", "", name)
    return re.sub(r"^_read_(in|out)\.", r"read_\1.", name)


def flat(tensor):
    """Shape and float values of a tensor of PyTorch, or of nested lists."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu().float()
        return tuple(tensor.shape), tensor.reshape(-1).tolist()
    shape = []
    while isinstance(tensor, list) and tensor and isinstance(tensor[0], list):
        shape.append(len(tensor))
        tensor = [x for row in tensor for x in row]
    return tuple(shape) + (len(tensor) // max(1, _product(shape)),), tensor


def _product(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def transposed(shape, values):
    rows, cols = shape
    return (cols, rows), [values[r * cols + c] for c in range(cols) for r in range(rows)]


def convert(state):
    """State dict -> ({name: (shape, values)} with our names and [out, in], sizes)."""
    out = {}
    for name, tensor in state.items():
        if IGNORED.search(name):
            continue
        out[plain_name(name)] = flat(tensor)
    for need in ("read_in.weight", "wpe.weight", "h.0.attn.c_attn.weight", "ln_f.weight",
                 "read_out.weight"):
        if need not in out:
            raise Refused(f"the state dict has no {need}: it is of neither repository "
                          f"(it has {', '.join(list(state)[:3])}, ...)")
    width, dims = out["read_in.weight"][0]
    packed = out["h.0.attn.c_attn.weight"][0]
    if packed not in ((width, 3 * width), (3 * width, width)):
        raise Refused(f"h.0.attn.c_attn.weight has shape {packed}, n_embd is {width}")
    if packed == (width, 3 * width):  # Hugging Face's Conv1D
        for name, (shape, values) in out.items():
            if name.startswith("h.") and not VECTORS.search(name):
                out[name] = transposed(shape, values)
    blocks = 1 + max(int(n.split(".")[1]) for n in out if n.startswith("h."))
    rows = out["wpe.weight"][0][0]
    points = rows // 2
    if rows == 2 * points:  # Garg et al. have no row for a token that is never read
        out["wpe.weight"] = ((rows + 1, width), out["wpe.weight"][1] + [0.0] * width)
    return out, dict(n_dims=dims, n_embd=width, n_layer=blocks, n_positions=points)


def known_settings(path):
    """The few scalars we need of a run's config.yaml, which is plain nested `key: value`."""
    found = {}
    if not path.is_file():
        return found
    stack = []

    def add(path, value):
        if not value.startswith("{"):
            found[".".join(path)] = value.strip("'\"")
            return
        for item in value.strip("{} ").split(","):
            key, _, inner = item.partition(":")
            add(path + [key.strip()], inner.strip())

    for line in path.read_text().splitlines():
        m = re.match(r"^( *)([A-Za-z_]+):\s*(.*?)\s*(#.*)?$", line)
        if not m:
            continue
        while stack and stack[-1][0] >= len(m[1]):
            stack.pop()
        stack.append((len(m[1]), m[2]))
        if m[3]:
            add([key for _, key in stack], m[3])
    return found


def recipe(sizes, args, settings):
    family = args.family or settings.get("model.family", "gpt2")
    heads = args.heads or int(settings.get("model.n_head", 0))
    end = lambda what, other: int(settings.get(f"training.curriculum.{what}.end", other))
    loops = args.loops or end("loops", 1)
    points = args.points or end("points", min(41, sizes["n_positions"]))
    task = settings.get("training.task_name", "linear_regression")
    if not heads or sizes["n_embd"] % heads:
        raise Refused("the number of heads is unknown: give --heads, or --config with the run's "
                      "config.yaml" if not heads else
                      f"{heads} heads do not divide n_embd = {sizes['n_embd']}")
    if family not in ("gpt2", "gpt2_loop", "gpt2_tying"):
        raise Refused(f"model.family '{family}' is none of gpt2, gpt2_loop, gpt2_tying")
    if family == "gpt2_tying":
        sizes = dict(sizes, n_layer=int(settings.get("model.n_layer", sizes["n_layer"])))
    window = min(int(settings.get("training.n_loop_window", 1)), loops)
    dims = min(end("dims", sizes["n_dims"]), sizes["n_dims"])
    lines = ["model:", f"    family: {family}", f"    n_head: {heads}"]
    lines += [f"    {key}: {value}" for key, value in sizes.items()]
    lines += ["training:", f"    task_name: {task}", f"    n_loop_window: {max(window, 1)}",
              "    curriculum:"]
    lines += [f"        {what}: {{start: {n}, end: {n}}}"
              for what, n in (("dims", dims), ("points", points), ("loops", loops))]
    return "\n".join(lines) + "\n"


def write(path, tensors, meta):
    head, at, blobs = {"__metadata__": meta}, 0, []
    for name, (shape, values) in tensors.items():
        blob = struct.pack(f"<{len(values)}f", *values)
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = Path(f"{path}.part")
    temporary.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    temporary.replace(path)


def load(path):
    try:
        import torch
    except ImportError as e:
        raise Refused(f"{path}: reading it needs PyTorch (apt-get install python3-torch)") from e
    try:
        state = torch.load(path, map_location="cpu")
    except Exception as e:
        raise Refused(f"{path}: PyTorch cannot read it: {e}") from e
    step = 0
    if isinstance(state, dict) and "model_state_dict" in state:
        step, state = state.get("train_step", 0), state["model_state_dict"]
    elif isinstance(state, dict) and "model" in state:
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise Refused(f"{path}: holds no state dict")
    return state, int(step)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("state")
    parser.add_argument("-o", dest="out", required=True)
    parser.add_argument("--config")
    parser.add_argument("--family")
    for name in ("heads", "loops", "points"):
        parser.add_argument(f"--{name}", type=int)
    args = parser.parse_args()
    try:
        state, step = load(args.state)
        tensors, sizes = convert(state)
        config = Path(args.config) if args.config else Path(args.state).with_name("config.yaml")
        if args.config and not config.is_file():
            raise Refused(f"{config}: there is no such file")
        text = recipe(sizes, args, known_settings(config))
        write(args.out, tensors, {"config": text, "step": str(step)})
    except (Refused, OSError) as e:
        print(f"import_checkpoint: {e}", file=sys.stderr)
        return 1
    print(f"{args.out}: {sizes['n_layer']} blocks of width {sizes['n_embd']}, step {step}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
