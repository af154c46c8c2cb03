"""Reads the C headers and writes what they declare as a Python module, so that nothing is declared twice.

A type becomes a word: "i32", "u64", "real" (the library's own), "text" (const char *), "pointer", "text:128" (an
array of characters), "real:3" (any other array), or the name of a struct. `innerloop/_library.py` makes ctypes of
them, once for the library in float and once for that in double.
"""

import subprocess
import tempfile
from pathlib import Path

from pycparser import c_ast, c_parser

SYSTEM = {
    "stddef.h": "typedef unsigned long size_t; typedef long ptrdiff_t;",
    "stdint.h": "typedef long long int64_t; typedef unsigned long long uint64_t; typedef unsigned uint32_t;",
    "signal.h": "typedef int sig_atomic_t;",
}
WORDS = {
    "int": "i32", "unsigned": "u32", "unsigned int": "u32", "uint32_t": "u32", "int64_t": "i64", "uint64_t": "u64",
    "size_t": "u64", "ptrdiff_t": "i64", "double": "f64", "float": "f32", "il_real": "real", "sig_atomic_t": "i32",
    "void": "",
}


def preprocessed(include, compiler):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SYSTEM.items():
            Path(folder, name).write_text(text)
        return subprocess.run(
            [*compiler, "-E", "-P", "-nostdinc", f"-I{folder}", f"-I{include}", "-D__attribute__(x)=", "-DIL_API=",
             "-x", "c", str(Path(include, "innerloop_lab.h"))],
            check=True, capture_output=True, text=True).stdout


class Reader(c_ast.NodeVisitor):
    def __init__(self):
        self.constants = {}
        self.structs = {}
        self.functions = {}
        self.enums = set()
        self.opaque = set()
        self.callbacks = {}

    def number(self, node):
        if isinstance(node, c_ast.Constant):
            return int(node.value.rstrip("uUlL"), 0)
        if isinstance(node, c_ast.ID):
            return self.constants[node.name]
        if isinstance(node, c_ast.UnaryOp):
            return {"-": -1, "+": 1}[node.op] * self.number(node.expr)
        raise ValueError(f"a constant that is no number: {node}")

    def visit_Enum(self, node):
        next_value = 0
        for one in node.values.enumerators if node.values else []:
            next_value = self.number(one.value) if one.value else next_value
            self.constants[one.name] = next_value
            next_value += 1

    def word(self, node, owner):
        """The word of a type; `owner` names a struct that has no name of its own."""
        if isinstance(node, (c_ast.TypeDecl, c_ast.Typename)):
            return self.word(node.type, owner)
        if isinstance(node, c_ast.IdentifierType):
            name = " ".join(node.names)
            if name in WORDS:
                return WORDS[name]
            if name in self.enums:
                return "i32"
            if name in self.structs:
                return name
            raise ValueError(f"{owner}: the type '{name}' cannot be passed by value")
        if isinstance(node, c_ast.Enum):
            return "i32"
        if isinstance(node, c_ast.Struct):
            self.structs[owner] = [
                (field.name, self.word(field.type, f"{owner}.{field.name}")) for field in node.decls]
            return owner
        if isinstance(node, c_ast.ArrayDecl):
            of = node.type
            if isinstance(of, c_ast.TypeDecl) and getattr(of.type, "names", None) == ["char"]:
                return f"text:{self.number(node.dim)}"
            return f"{self.word(of, owner)}:{self.number(node.dim)}"
        if isinstance(node, c_ast.PtrDecl):
            to = node.type
            if isinstance(to, c_ast.TypeDecl) and getattr(to.type, "names", None) == ["char"] and "const" in to.quals:
                return "text"
            if isinstance(to, c_ast.FuncDecl) and "." in owner:
                self.callbacks[owner] = self.signature(to, owner)
            return "pointer"
        raise ValueError(f"{owner}: a type that is not understood: {node}")

    def visit_Typedef(self, node):
        self.generic_visit(node)
        declared = node.type
        if isinstance(declared, c_ast.FuncDecl):
            self.callbacks[node.name] = self.signature(declared, node.name)
            return
        of = declared.type
        if isinstance(of, c_ast.Enum):
            self.enums.add(node.name)
        elif isinstance(of, c_ast.Struct) and of.decls:
            self.word(of, node.name)

    def signature(self, function, name):
        words = []
        for p in function.args.params if function.args else []:
            # an array that is a parameter is a pointer; bytes of which the number follows are no text
            word = "pointer" if isinstance(p.type, c_ast.ArrayDecl) else self.word(p.type, name)
            if word == "u64" and words and words[-1] == "text":
                words[-1] = "pointer"
            if word:
                words.append(word)
        return self.word(function.type, name), words

    def visit_Decl(self, node):
        self.generic_visit(node)
        function = node.type
        if not isinstance(function, c_ast.FuncDecl):
            return
        if not any(isinstance(p, c_ast.EllipsisParam) for p in (function.args.params if function.args else [])):
            self.functions[node.name] = self.signature(function, node.name)


def python_of(include, compiler):
    """The module's text."""
    reader = Reader()
    reader.visit(c_parser.CParser().parse(preprocessed(include, compiler)))
    lines = ['"""What the C headers declare. Written by declarations.py when the package is built."""', "",
             "from typing import Dict, List, Tuple", "", "CONSTANTS: Dict[str, int] = {"]
    lines += [f'    "{name}": {value},' for name, value in reader.constants.items()]
    lines += ["}", "STRUCTS: Dict[str, List[Tuple[str, str]]] = {"]
    for name, fields in reader.structs.items():
        lines.append(f'    "{name}": {fields!r},')
    for what, rows in (("CALLBACKS", reader.callbacks), ("FUNCTIONS", reader.functions)):
        lines += ["}", f"{what}: Dict[str, Tuple[str, List[str]]] = {{"]
        lines += [f'    "{name}": {declared!r},' for name, declared in rows.items()]
    return "\n".join(lines + ["}", ""])
