"""Trains a transformer in PyTorch, by a loop of its own, and asks innerloop which learning algorithm it runs.

    pip install . torch
    python examples/explain_torch.py            # three layers, some minutes on two cores

The model is PyTorch's own encoder layer with softmax attention and an MLP. A prompt is twelve examples (x, y) in three
dimensions and some queries, which see the examples and themselves; after every layer the same read-out answers, and
all of these answers are trained.
"""

import sys

import numpy as np
import torch
from torch import nn

import innerloop

DIMS, EXAMPLES, QUERIES, WIDTH, LAYERS = 3, 12, 8, 32, 3


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.read_in = nn.Linear(DIMS + 2, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0, batch_first=True, norm_first=True)
            for _ in range(LAYERS))
        self.read_out = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1))

    def forward(self, x, y, query):
        """x (B, n, D), y (B, n), query (B, Q, D) -> answers (layers, B, Q)"""
        n, tokens = x.shape[1], x.shape[1] + query.shape[1]
        examples = torch.cat([x, y[..., None], torch.ones_like(y)[..., None]], -1)
        stream = self.read_in(torch.cat([examples, nn.functional.pad(query, (0, 2))], 1))
        hidden = torch.ones(tokens, tokens, dtype=torch.bool).fill_diagonal_(False)
        hidden[:, :n] = False
        answers = []
        for layer in self.layers:
            stream = layer(stream, src_mask=hidden)
            answers.append(self.read_out(stream[:, n:])[..., 0])
        return torch.stack(answers)


def train(model, steps, batch=64):
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for step in range(steps):
        w = torch.randn(batch, DIMS, 1)
        x, query = torch.randn(batch, EXAMPLES, DIMS), torch.randn(batch, QUERIES, DIMS)
        losses = (model(x, (x @ w)[..., 0], query) - (query @ w)[..., 0]).square().mean((1, 2))
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 499:
            print(f"step {step + 1}: mean squared error after each layer",
                  *(f"{loss:.4f}" for loss in losses.tolist()), flush=True)


def main():
    torch.manual_seed(1)
    model = Transformer()
    train(model, int(sys.argv[1]) if len(sys.argv) > 1 else 4000)

    def answers(x, y, query):
        """One prompt, x (n, D), y (n), query (Q, D) -> (layers, Q)"""
        with torch.no_grad():
            return model.eval()(*(torch.from_numpy(a)[None] for a in (x, y, query)))[:, 0].numpy()

    print(innerloop.explain(answers, dims=DIMS, examples=EXAMPLES).verdict)


if __name__ == "__main__":
    main()
