"""Small mistakes, put into a module one at a time: a comparison off by its edge, a sign, a missing line."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_NEGATIONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
}  # fmt: skip
_FUNCTIONS = {"min": "max", "max": "min", "all": "any", "any": "all"}


@dataclass(frozen=True)
class Mutant:
    """place: the function it is in. change: what was there, and what is there now. source: the whole module."""

    place: str
    change: str
    source: str

    @property
    def key(self) -> str:
        """The same from run to run, also when lines move."""
        return f"{self.place}: {self.change}"


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines. Two with the same key are told apart by a number."""
    tree = ast.parse(source)
    seen: dict[str, int] = {}
    number = 0
    while True:
        mutator = _Mutator(number)
        mutated = mutator.visit(copy.deepcopy(tree))
        if mutator.made is None:
            return
        place, change = mutator.made
        seen[f"{place}: {change}"] = count = seen.get(f"{place}: {change}", 0) + 1
        suffix = f" (number {count})" if count > 1 else ""
        yield Mutant(place, change + suffix, ast.unparse(ast.fix_missing_locations(mutated)))
        number += 1


class _Mutator(ast.NodeTransformer):
    """Makes the change of one number and leaves everything else."""

    def __init__(self, wanted: int) -> None:
        self.made: tuple[str, str] | None = None
        self._left = wanted
        self._places: list[str] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._inside(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node  # annotations mean nothing at run time

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        for index, operator in enumerate(node.ops):
            for table in (_EDGES, _NEGATIONS):
                other = table.get(type(operator))
                if other is not None:
                    changed = copy.deepcopy(node)
                    changed.ops[index] = other()
                    if self._choose(node, changed):
                        return changed
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        other = _OPERATORS.get(type(node.op))
        if other is not None:
            changed = ast.BinOp(node.left, other(), node.right)
            if self._choose(node, changed):
                return changed
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        changed = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        return changed if self._choose(node, changed) else self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        return node.operand if self._choose(node, node.operand) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _FUNCTIONS:
            changed = ast.Call(ast.Name(_FUNCTIONS[name], ast.Load()), node.args, node.keywords)
            if self._choose(node, changed):
                return changed
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, bool):
            changed = ast.Constant(not value)
        elif isinstance(value, int):
            changed = ast.Constant(value + 1)
        elif isinstance(value, float):
            changed = ast.Constant(value * 1.25 if value else 1.0)
        else:
            return node
        return changed if self._choose(node, changed) else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Leaving out what is kept; a local name that is not set would only be a crash."""
        if self._places and all(isinstance(target, ast.Attribute) for target in node.targets):
            return self._left_out(node)
        return self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return self._left_out(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return self._left_out(node) if isinstance(node.value, ast.Call) else node  # else it is a docstring

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # what a sentence says is tested elsewhere

    def _inside(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        self._places.append(node.name)
        if isinstance(node, ast.FunctionDef):
            node.args = self.visit(node.args)
        node.body = [self.visit(statement) for statement in node.body]
        self._places.pop()
        return node

    def _left_out(self, node: ast.Assign | ast.AugAssign | ast.Expr) -> ast.AST:
        return ast.Pass() if self._choose(node, None) else self.generic_visit(node)

    def _choose(self, before: ast.AST, after: ast.AST | None) -> bool:
        if self.made is not None:
            return False
        self._left -= 1
        if self._left >= 0:
            return False
        change = f"{ast.unparse(before)} -> {'(nothing)' if after is None else ast.unparse(after)}"
        self.made = ".".join(self._places) or "module", " ".join(change.split())
        return True
