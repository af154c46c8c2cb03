#!/bin/bash
# onnxruntime_loop_scalar.sh - a Loop whose body does not state that the iteration number is a scalar fails when it runs
#
# Seen with onnxruntime 1.32.0 and onnx 1.23.2 (CPU, Linux x86-64). The shape of a graph's input may be left open
# within a body, the specification says that this one is a scalar, onnx's checker and its shape inference pass the
# model, and a session is made of it. Then run() fails; with the shape () stated, it does what it should. The bodies
# that innerloop.onnx writes state the shapes of all their inputs. Output:
#
#   open: checked, loaded, Fail
#   stated: checked, loaded, [10.]
. "$(dirname "$0")/lib.sh"
packages onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6
seen "open: checked, loaded, Fail
stated: checked, loaded, [10.]" <<'END'
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

ort.set_default_logger_severity(4)
value = h.make_tensor_value_info


def model(shape):
    """x plus the iteration numbers 0 .. 4"""
    body = h.make_graph(
        [h.make_node("Cast", ["i"], ["f"], to=T.FLOAT), h.make_node("Add", ["x_in", "f"], ["x_out"]),
         h.make_node("Identity", ["go"], ["go_on"])],
        "body", [value("i", T.INT64, shape), value("go", T.BOOL, shape), value("x_in", T.FLOAT, [1])],
        [value("go_on", T.BOOL, shape), value("x_out", T.FLOAT, [1])])
    held = [numpy_helper.from_array(np.array(5), "n"), numpy_helper.from_array(np.array(True), "yes")]
    graph = h.make_graph([h.make_node("Loop", ["n", "yes", "x"], ["y"], body=body)], "g",
                         [value("x", T.FLOAT, [1])], [value("y", T.FLOAT, [1])], held)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9)


for name, shape in (("open", None), ("stated", [])):
    m = model(shape)
    onnx.checker.check_model(m, full_check=True)
    session = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
    try:
        got = session.run(None, {"x": np.zeros(1, np.float32)})[0]
    except Exception as e:
        got = type(e).__name__
    print(f"{name}: checked, loaded, {got}")
END
