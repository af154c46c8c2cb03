"""PlanModule against the C core: every slot after every loop, every gradient, the answers, and the way back.

What differs in a slot is at most 1e-5 of what is in it or in the slots it is made of, 1e-12 in double; of a
gradient 2e-5 (in double 1e-11) of the model's largest.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import innerloop  # noqa: E402
from innerloop.torch import PlanModule, from_torch  # noqa: E402
from plans import BUILT, RECIPES, expected, far_off, made, prompts  # noqa: E402

TYPES = {"float": torch.float32, "double": torch.float64}
# Heads whose output is near 0 for some token and is brought to length 1, or softmax with a sharpness of 20:
# there float itself leaves no more, as the same models in double show.
LEFT_BY_FLOAT = {"recall_linear": 1e-3, "lm_delta": 1e-4, "neighbours": 1e-4}


def compare(kind, name, dtype, folder):
    path, found = made(kind, name, dtype, folder)
    module = PlanModule(path, dtype=TYPES[dtype])
    part = module.plan.parts
    rows = len(found["slot." + part["tokens"]]) // 2
    given = {name: torch.tensor(found["slot." + slot].copy()).view(2, rows, -1)
             for name, slot in part.items() if "slot." + slot in found}  # fmt: skip
    loops = min(module.plan.loops, 5)
    window = min(loops, 3)
    seen = {}
    for op in module.plan.ops:
        keep = lambda m, i, o, name=op.name: seen.setdefault(name, []).append(o.detach())
        module.get_submodule(op.name).register_forward_hook(keep)
    loss = module.training_loss(given["tokens"], given["target"], given["weight"], given.get("mask"), loops, window)
    loss.backward()
    slots, gradients = {}, {}
    for op in module.plan.ops:
        inputs = [found["op." + name] for name in op.inputs if "op." + name in found]
        slots[op.name] = far_off(torch.stack(seen[op.name]), found["op." + op.name], inputs)
    largest = [array for name, array in found.items() if name.startswith("grad.")]
    for name, weight in module.named_parameters():
        got = torch.zeros_like(weight) if weight.grad is None else weight.grad
        gradients[name] = far_off(got, found["grad." + name], largest)
    return slots, gradients


@pytest.mark.parametrize("dtype", ["float", "double"])
@pytest.mark.parametrize("kind,name", RECIPES + BUILT)
def test_every_slot_and_gradient_is_that_of_the_core(kind, name, dtype, tmp_path):
    slots, gradients = compare(kind, name, dtype, tmp_path)
    left = LEFT_BY_FLOAT.get(name, 0) if dtype == "float" else 0
    for slot, error in slots.items():
        assert error < max(left, {"float": 1e-5, "double": 1e-12}[dtype]), slot
    for weight, error in gradients.items():
        assert error < max(left, {"float": 2e-5, "double": 1e-11}[dtype]), weight


@pytest.mark.parametrize("kind,name", [("recipe", n) for n in (
    "quick", "small_tied", "linear_columns", "small_dictionary", "small_table", "mesa1", "tf7", "lm_mesa", "small_mesanet",
    "partial_tf7", "full_mesa",
)] + [("build", n) for n in ("newton", "gd", "rank_one", "rescaling", "mesa_gd", "chebyshev")])  # fmt: skip
def test_the_answers_are_the_models(kind, name, tmp_path, rng):
    path, _ = made(kind, name, "double", tmp_path)
    model, module = innerloop.load(path, dtype="float64"), PlanModule(path, dtype=torch.float64)
    x, y, xq = prompts(model, module.layout, rng)
    given = [None if a is None else torch.tensor(a) for a in (x, y, xq)]
    assert far_off(module(*given).detach(), expected(model, module.layout, x, y, xq)) < 1e-12
    if xq is not None:
        assert far_off(module(*given[:2]).detach(), model(x, y)) < 1e-12
        if kind == "recipe" and module.plan.carry:
            assert far_off(module(*given, loops=2).detach(), model(x, y, xq, loops=2)) < 1e-12


def test_a_hook_sees_the_loop_and_takes_a_slots_place(tmp_path):
    path, _ = made("recipe", "quick", "double", tmp_path)
    module = PlanModule(path)
    x, y = torch.randn(2, 4, module.dims), torch.randn(2, 4)
    name, before = "h.0.attn", module(x, y)
    traced = module.trace(x, y, slots=[name, name + ".pattern"])
    assert traced[name].shape[0] == module.plan.loops
    assert torch.allclose(traced[name + ".pattern"].sum(-1), torch.ones(()))
    loops = []

    def put_back(submodule, inputs, output):
        loops.append(module.loop)
        return traced[name][module.loop - 1]

    hook = module.get_submodule(name).register_forward_hook(put_back)
    assert torch.equal(module(x, y), before)  # what was traced changes no bit
    assert loops == list(range(1, module.plan.loops + 1))
    hook.remove()
    module.get_submodule(name).register_forward_hook(lambda m, i, o: 0 * o)
    assert not torch.allclose(module(x, y), before)


def test_the_cores_trace_is_what_hooks_see(tmp_path, rng):
    path, _ = made("recipe", "quick", "double", tmp_path)
    model, module = innerloop.load(path, dtype="float64"), PlanModule(path, dtype=torch.float64)
    x, y = rng.normal(size=(2, 5, model.n_dims)), rng.normal(size=(2, 5))
    names = ["ln_f", "h.0.attn", "h.0.attn.pattern", "h.0.mlp.c_proj"]
    core, hooks = model.trace(x, y, slots=names), module.trace(torch.tensor(x), torch.tensor(y), slots=names)
    for name in names:
        assert far_off(hooks[name].detach(), core[name]) < 1e-12, name


def test_a_saved_module_is_the_model_and_what_was_learnt_is_in_it(tmp_path):
    path, _ = made("recipe", "quick", "float", tmp_path)
    module = PlanModule(path)
    module.save(tmp_path / "same.safetensors")
    assert innerloop.load(tmp_path / "same.safetensors").hash == innerloop.load(path).hash
    assert set(module.state_dict()) == set(innerloop.load(path).weights)
    x, y = torch.randn(8, 5, module.dims), torch.randn(8, 5)
    ((module(x, y) - y) ** 2).mean().backward()
    torch.optim.SGD(module.parameters(), 0.01).step()
    module.save(tmp_path / "learnt.safetensors")
    got = innerloop.load(tmp_path / "learnt.safetensors")(x.numpy(), y.numpy())
    assert far_off(got, module(x, y).detach()) < 1e-5


def dressed(weights, style):
    """Weights as a public repository names and turns them."""
    state = {}
    for name, w in weights.items():
        w = torch.tensor(np.array(w))
        if name.startswith("read_"):
            state["_" + name] = w
        elif style == "garg":
            turned = name.startswith("h.") and name.endswith("weight") and ".ln_" not in name
            state["_backbone." + name] = w.T.contiguous() if turned else w[:-1] if name == "wpe.weight" else w
        else:
            state["_backbone.transformer." + name] = w
    return state


@pytest.mark.parametrize("style,family,recipe", [("garg", "gpt2", "small_standard"), ("yang", "gpt2_loop", "quick")])
def test_state_dicts_of_the_public_repositories_are_models(style, family, recipe, tmp_path, rng):
    path, _ = made("recipe", recipe, "float", tmp_path)
    model = innerloop.load(path)
    assert model.config["model.family"] == family
    state = {"model_state_dict": dressed(model.weights, style), "train_step": 7}
    heads = model.config["model.n_head"]
    found = from_torch(state, tmp_path / "new.safetensors", family=family, heads=heads, loops=model.loops)
    x, y = rng.normal(size=(2, 6, model.n_dims)), rng.normal(size=(2, 6))
    assert np.array_equal(found(x, y), model(x, y)) and found.step == 7
    with pytest.raises(innerloop.ConfigError, match="read_in.weight"):
        from_torch({"w": torch.zeros(2)}, tmp_path / "no.safetensors", heads=1)
