/**
 * Small faults in a source file: every place where an operator, a number, a condition, a call or a statement could be another
 * one. A fault is a text in place of another, by position; what does not compile afterwards is no fault, and is left out when it
 * is planted.
 */
import ts from "typescript";

const operators = new Map(
  Object.entries({
    "+": "-",
    "-": "+",
    "*": "+",
    "/": "*",
    "%": "*",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "===": "!==",
    "!==": "===",
    "&&": "||",
    "||": "&&",
    "??": "&&",
    "<<": ">>",
    ">>": "<<",
    "&": "|",
    "|": "&",
    "+=": "-=",
    "-=": "+=",
    "*=": "/=",
    "/=": "*=",
  }),
);

/** Functions that are easily taken for each other; the last part of a name counts. */
const calls = new Map(
  [
    ["add", "sub"],
    ["min", "max"],
    ["pmin", "pmax"],
    ["floor", "ceil"],
    ["gt", "ge"],
    ["lt", "le"],
    ["zeros", "ones"],
    ["every", "some"],
    ["sqrt", "abs"],
  ].flatMap(([a, b]) => [
    [a, b],
    [b, a],
  ]),
);

/**
 * @param {string} path  as it shall stand in the record
 * @param {string} text  the source
 * @returns {{ path: string, line: number, kind: string, start: number, end: number, from: string, to: string }[]}
 */
export function faultsOf(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const faults = [];
  const add = (kind, node, to, start = node.getStart(source)) => {
    const from = text.slice(start, node.end);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    if (from !== to) faults.push({ path, line, kind, start, end: node.end, from, to });
  };
  visit(source);
  return faults;

  function visit(node) {
    // Types, imports, decorators, tables of literals and texts of errors have no behaviour that a law could be about.
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isInterfaceDeclaration(node) || ts.isDecorator(node) || ts.isThrowStatement(node)) return;
    if (ts.isBinaryExpression(node)) {
      const token = node.operatorToken.getText(source);
      if (operators.has(token)) add("operator", node.operatorToken, operators.get(token));
    } else if (ts.isNumericLiteral(node)) {
      add("constant", node, otherNumber(node.text, text[node.getStart(source) - 1]));
    } else if (ts.isIfStatement(node)) {
      add("condition", node.expression, `!(${node.expression.getText(source)})`);
    } else if (ts.isConditionalExpression(node)) {
      add("condition", node.condition, `!(${node.condition.getText(source)})`);
    } else if (ts.isExpressionStatement(node)) {
      add("dropped", node, "");
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken) {
      add("operator", node, node.operand.getText(source));
    } else if (ts.isCallExpression(node)) {
      const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
      if (ts.isIdentifier(name) && calls.has(name.text)) add("call", name, calls.get(name.text));
    }
    ts.forEachChild(node, visit);
  }
}

function otherNumber(number) {
  if (/[.eE]/.test(number) && !number.startsWith("0x")) return `(-${number})`;
  return number === "1" ? "2" : String(Number(number) + 1);
}

/** The text with the fault in it. */
export function withFault(text, { start, end, from, to }) {
  if (text.slice(start, end) !== from) throw new Error(`not where it was: ${from}`);
  return text.slice(0, start) + to + text.slice(end);
}

/** A fault in one line: what stands in the record, and what an explanation is found by. */
export function nameOf({ path, kind, from, to }, text) {
  const short = (code) => code.replace(/\s+/g, " ").trim();
  return `${path}: ${kind}: ${short(from)} -> ${short(to) || "(nothing)"}${text === undefined ? "" : ` in ${short(text)}`}`;
}

/** The same faults in a random order that is always the same (Fisher and Yates, mulberry32). */
export function shuffled(faults, seed) {
  let state = seed >>> 0;
  const below = (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
  const order = [...faults];
  for (let k = order.length - 1; k > 0; k--) {
    const other = below(k + 1);
    [order[k], order[other]] = [order[other], order[k]];
  }
  return order;
}
