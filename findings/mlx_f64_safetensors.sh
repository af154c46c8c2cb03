#!/bin/bash
# mlx_f64_safetensors.sh - one F64 tensor keeps MLX from loading any of a safetensors file
#
# Seen with mlx 0.32.4 (CPU, Linux x86-64), safetensors 0.8.0. F64 is a dtype of the format and float64 one of
# MLX's own, and yet mx.load raises RuntimeError for the whole file; tensors of other dtypes in it are not handed out,
# neither as arrays nor one by one. A file that MLX is to read holds F32 or less throughout. Output:
#
#   with F64: RuntimeError: [safetensor] unsupported dtype F64
#   without: ['a']
#   safetensors: ['a', 'b']
#   a dtype of mlx: mlx.core.float64
. "$(dirname "$0")/lib.sh"
packages 'mlx[cpu]==0.32.4' safetensors==0.8.0 numpy==2.4.6
seen "with F64: RuntimeError: [safetensor] unsupported dtype F64
without: ['a']
safetensors: ['a', 'b']
a dtype of mlx: mlx.core.float64" <<'END'
import mlx.core as mx
import numpy as np
from safetensors.numpy import load_file, save_file

a = np.ones(3, np.float32)
save_file({"a": a, "b": np.ones(3, np.float64)}, "with.safetensors")
save_file({"a": a}, "without.safetensors")
try:
    print("with F64:", sorted(mx.load("with.safetensors")))
except RuntimeError as e:
    print("with F64: RuntimeError:", e)
print("without:", sorted(mx.load("without.safetensors")))
print("safetensors:", sorted(load_file("with.safetensors")))
print("a dtype of mlx:", mx.float64)
END
