#!/usr/bin/python3
"""import_checkpoint.py - checkpoints of the public in-context-learning repositories, as ours

    tools/import_checkpoint.py state.pt -o model.safetensors [--config config.yaml]
        [--family gpt2|gpt2_loop|gpt2_tying] [--heads H] [--loops R] [--points N]

Reads the state dict of dtsip/in-context-learning (Garg et al. 2022: a Hugging Face GPT-2, whose linear
weights are stored [in, out]) or of Leiay/looped_transformer (Yang et al. 2023: nanoGPT, [out, in]),
alone or under `model_state_dict`, and writes a safetensors file that every command of innerloop loads.
What the weights do not say (heads, loops) comes from the run's config.yaml beside the state, or from
the options. Every key of that file that changes what the model computes is read, or refused by name.
Needs PyTorch to read a .pt file and PyYAML to read config.yaml.
"""

import argparse
import contextlib
import json
import math
import re
import struct
import sys
from pathlib import Path

IGNORED = re.compile(r"(\.wte\.weight|\.attn\.(bias|masked_bias)|lm_head\.weight)$")
VECTORS = re.compile(r"(ln_[12f]\.(weight|bias)|\.bias)$")


class Refused(Exception):
    pass


def one_line(error):
    """The first sentence of a library's message, which may be a page."""
    lines = str(error).split("\n")
    return re.split(r"(?<=[.!?])\s", lines[0].strip())[0][:200] or type(error).__name__


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
        if not (hasattr(tensor, "detach") or isinstance(tensor, list)):
            raise Refused(f"{name} is no tensor, but of type {type(tensor).__name__}")
        out[plain_name(name)] = flat(tensor)
    for need in ("read_in.weight", "wpe.weight", "h.0.attn.c_attn.weight", "ln_f.weight",
                 "read_out.weight"):
        if need not in out:
            raise Refused(f"the state dict has no {need}: it is of neither repository "
                          f"(it has {', '.join([*list(state)[:3], '...'])})")
    for name, (shape, _) in out.items():
        if len(shape) != (1 if VECTORS.search(name) or name.endswith("bias") else 2):
            raise Refused(f"{name} has shape {shape}")
        if not re.match(r"(read_in|read_out|ln_f|wpe|h\.\d+\.(ln_[12]|attn\.c_attn|attn\.c_proj"
                        r"|mlp\.c_fc|mlp\.c_proj))\.(weight|bias)$", name):
            raise Refused(f"{name} is no weight of these models, so they would run as others")
    width, dims = out["read_in.weight"][0]
    packed = out["h.0.attn.c_attn.weight"][0]
    if packed not in ((width, 3 * width), (3 * width, width)):
        raise Refused(f"h.0.attn.c_attn.weight has shape {packed}, n_embd is {width}")
    if packed == (width, 3 * width):  # Hugging Face's Conv1D
        for name, (shape, values) in out.items():
            if name.startswith("h.") and not VECTORS.search(name):
                out[name] = transposed(shape, values)
    blocks = 1 + max(int(n.split(".")[1]) for n in out if n.startswith("h."))
    check_whole(out, width, dims, blocks)
    rows = out["wpe.weight"][0][0]
    points = rows // 2
    if rows == 2 * points:  # Garg et al. have no row for a token that is never read
        out["wpe.weight"] = ((rows + 1, width), out["wpe.weight"][1] + [0.0] * width)
    return out, dict(n_dims=dims, n_embd=width, n_layer=blocks, n_positions=points)


def check_whole(out, width, dims, blocks):
    """Every weight of such a model is there, with its shape, and finite."""
    shapes = {"read_in": (width, dims), "ln_f": (width,)}
    for i in range(blocks):
        shapes |= {f"h.{i}.ln_1": (width,), f"h.{i}.ln_2": (width,),
                   f"h.{i}.attn.c_attn": (3 * width, width), f"h.{i}.attn.c_proj": (width, width),
                   f"h.{i}.mlp.c_fc": (4 * width, width), f"h.{i}.mlp.c_proj": (width, 4 * width)}
    shapes["read_out"] = (1, width)
    for part, shape in shapes.items():
        for name, want in ((f"{part}.weight", shape), (f"{part}.bias", shape[:1])):
            if name not in out:
                raise Refused(f"the state dict has no {name}: these models have biases, and every block")
            if out[name][0] != want:
                raise Refused(f"{name} has shape {out[name][0]}, and of n_embd = {width} it is {want}")
    if out["wpe.weight"][0][1:] != (width,):
        raise Refused(f"wpe.weight has shape {out['wpe.weight'][0]}, n_embd is {width}")
    for name, (_, values) in out.items():
        if not all(map(math.isfinite, values)):
            raise Refused(f"{name} has numbers that are not finite")


# Keys of the two repositories' configs. What changes the function is read, or has the one value given
# here, which is the function we run; what only trains it is passed over; any other key is refused.
READ = {"model.family", "model.n_dims", "model.n_positions", "model.n_embd", "model.n_layer",
        "model.n_head", "model.loop_func", "training.task_name", "training.task",
        "training.n_loop_window", "training.sparsity", "training.curriculum.dims.end",
        "training.curriculum.points.end", "training.curriculum.loops.end"}
ONLY = {"model.pred_type": "regression", "model.pretrained_path": None,
        "training.add_inputs_embeds": False, "training.use_ctx": False}
PASSED_OVER = re.compile(
    r"(wandb|gpu|out_dir|debug_mode|test_run)(\.|$)|training\.(seed|use_fixed_dataset|train_size"
    r"|test_size|test_idx|batch_size|learning_rate|weight_decay|train_steps|save_every_steps"
    r"|keep_every_steps|resume_id|task_kwargs|num_tasks|num_training_examples|data"
    r"|curriculum\.\w+\.(start|inc|interval))(\.|$)")


def leaves(tree, path=""):
    """{"model.n_head": 8, ...} of nested mappings."""
    if not isinstance(tree, dict):
        return {path: tree}
    found = {}
    for key, value in tree.items():
        found.update(leaves(value, f"{path}.{key}" if path else str(key)))
    return found


def read_settings(path):
    """The settings of a run's config.yaml; none where there is no such file."""
    if not path.is_file():
        return {}
    try:
        import yaml
    except ImportError as e:
        raise Refused(f"{path}: reading it needs PyYAML (apt-get install python3-yaml)") from e
    try:
        tree = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise Refused(f"{path}: is no YAML: {one_line(e)}") from e
    if tree is not None and not isinstance(tree, dict):
        raise Refused(f"{path}: holds no keys")
    return known_settings(leaves(tree or {}), path)


def known_settings(found, path):
    """Refuses by name what would run as another function than the one that was trained."""
    for key, value in found.items():
        if key.split(".")[0] == "inherit":
            raise Refused(f"{path}: `inherit` leaves keys to other files; give the config.yaml that "
                          "the run wrote beside its state")
        if key in ONLY and value not in (ONLY[key], None):
            raise Refused(f"{path}: {key} = {value} is not supported, only {ONLY[key]}")
        if key not in READ and key not in ONLY and not PASSED_OVER.match(key):
            raise Refused(f"{path}: {key} is not known here, and may change what the model computes; "
                          "take the line out if it does not")
    return {key: value for key, value in found.items() if value is not None}


def whole(settings, key, other):
    value = settings.get(key, other)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refused(f"{key} = {value!r} is no whole number")
    return value


def recipe(sizes, args, settings):
    """Our recipe of a model of these sizes, as text."""
    family = args.family or settings.get("model.family", "gpt2")
    if family not in ("gpt2", "gpt2_loop", "gpt2_tying"):
        raise Refused(f"model.family '{family}' is none of gpt2, gpt2_loop, gpt2_tying")
    inject = settings.get("model.loop_func", "z=f(x+z)")
    if inject not in ("z=f(x+z)", "z=f(x*z)"):
        raise Refused(f"model.loop_func '{inject}' is none of z=f(x+z), z=f(x*z)")
    heads = args.heads or whole(settings, "model.n_head", 0)
    if not heads:
        raise Refused("the number of heads is unknown: give --heads, or --config with the run's "
                      "config.yaml")
    if heads < 0 or sizes["n_embd"] % heads:
        raise Refused(f"{heads} heads do not divide n_embd = {sizes['n_embd']}")
    for key in ("n_dims", "n_embd", "n_layer", "n_positions"):
        stated = whole(settings, f"model.{key}", sizes[key])
        if family == "gpt2_tying" and key == "n_layer":
            sizes = dict(sizes, n_layer=stated)
        elif stated != sizes[key]:
            raise Refused(f"model.{key} = {stated} in the config, but the weights have {sizes[key]}: "
                          "they are of another run")
    end = lambda what, other: whole(settings, f"training.curriculum.{what}.end", other)
    loops = args.loops or end("loops", 1)
    points = args.points or end("points", min(41, sizes["n_positions"]))
    task = settings.get("training.task_name", settings.get("training.task", "linear_regression"))
    window = min(whole(settings, "training.n_loop_window", 1), loops)
    dims = min(end("dims", sizes["n_dims"]), sizes["n_dims"])
    lines = ["model:", f"    family: {family}", f"    n_head: {heads}", f"    loop_func: '{inject}'"]
    lines += [f"    {key}: {value}" for key, value in sizes.items()]
    lines += ["training:", f"    task_name: {task}", f"    n_loop_window: {max(window, 1)}"]
    if task == "sparse_linear_regression" and "training.sparsity" in settings:
        lines += [f"    sparsity: {whole(settings, 'training.sparsity', 0)}"]
    lines += ["    curriculum:"]
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
        with numbers_of_numpy(torch):
            state = torch.load(path, map_location="cpu")
    except Exception as e:
        raise Refused(f"{path}: {why_not(e)}") from e
    return unpack(state, path)


def numbers_of_numpy(torch):
    """Lets torch.load read NumPy's numbers, which many a loop saves as its step; it runs nothing else."""
    allow = getattr(torch.serialization, "safe_globals", None)
    try:
        import numpy
    except ImportError:
        allow = None
    if not allow:
        return contextlib.nullcontext()
    scalar = numpy.int64(0).__reduce__()[0]
    names = ["numpy._core.multiarray.scalar", "numpy.core.multiarray.scalar"]
    types = [type(numpy.dtype(t)) for t in "bhilqBHILQefd?"]
    return allow([(scalar, name) for name in names] + [numpy.dtype, *types])


def why_not(error):
    """What keeps torch.load from reading a file, in one sentence."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if not found:
        return f"PyTorch cannot read it: {one_line(error)}"
    return (f"it holds an object of {found[1]}, and what is read here are tensors, numbers and text: "
            "save the state dict by itself, torch.save(model.state_dict(), FILE)")


def unpack(state, path):
    """What was saved -> (state dict, step)."""
    step = 0
    if isinstance(state, dict) and "model_state_dict" in state:
        step, state = state.get("train_step", 0), state["model_state_dict"]
    elif isinstance(state, dict) and "model" in state:
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise Refused(f"{path}: holds no state dict")
    try:
        step = int(step)
    except (TypeError, ValueError, OverflowError, RuntimeError) as e:
        raise Refused(f"{path}: train_step is no number: {one_line(e)}") from e
    if step < 0:
        raise Refused(f"{path}: train_step = {step} is below 0")
    return state, step


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
        text = recipe(sizes, args, read_settings(config))
        write(args.out, tensors, {"config": text, "step": str(step)})
    except (Refused, OSError) as e:
        print(f"import_checkpoint: {e}", file=sys.stderr)
        return 1
    print(f"{args.out}: {sizes['n_layer']} blocks of width {sizes['n_embd']}, step {step}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
