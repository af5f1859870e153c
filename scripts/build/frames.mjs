/**
 * The argument frames of the kernels, for the side that fills them: reads the @unmanaged classes of assembly/ and writes
 * src/nn/kernels/wasm/frames/, a file for each folder of assembly/ and kernels.ts, which has them by the names of the kernels.
 *
 *   node scripts/build/frames.mjs
 *
 * A class becomes an interface with the same fields and a function that writes one to memory, each field at its place. Which
 * class an exported kernel takes follows from its source: the one that it, or a function that it hands its arguments to,
 * reads them as. Constants whose comment has the tag @host are copied, so that planners and kernels agree on them.
 *
 * What is written is kept in the repository; tests/kernels/frames.test.ts demands that it is current.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const framesFolder = "src/nn/kernels/wasm/frames";

/** The views that a field of each type is written through. Fields take a word of four bytes, those of a `doubles` two. */
const VIEWS = { i32: "words", u32: "words", usize: "words", f32: "reals", f64: "doubles" };
const wordsOf = (view) => (view === "doubles" ? 2 : 1);
const ENDING = /Arguments$/;
/** Of comments and constants. What is written is for compilers: the fields of a frame are one line, read in assembly/. */
const LINE = 120;

/** The generated files by their names, and their contents; `read` gives the sources by path. */
export function generateFrames(sources) {
  const files = new Map([...sources].map(([path, text]) => [path, parse(path, text)]));
  const classes = new Map();
  for (const { unmanaged } of files.values()) {
    for (const found of unmanaged) {
      if (classes.has(found.name)) throw new Error(`assembly/: two classes are called ${found.name}; rename one`);
      classes.set(found.name, found);
    }
  }
  const kernels = [...exportsOf(files, "index.ts")]
    .map(([name, path]) => ({ name, frame: frameOf(files, classes, path, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

  const written = new Map([
    ["views.ts", VIEWS_TEXT],
    ["kernels.ts", kernelsText(kernels)],
  ]);
  for (const family of new Set([...files.keys()].map((path) => dirname(path)))) {
    const members = [...files.values()].filter(({ path }) => dirname(path) === family);
    const constants = constantLines(members.flatMap((member) => member.constants));
    const frames = members.flatMap(({ unmanaged }) =>
      unmanaged.flatMap((found) =>
        classLines(
          found,
          kernels.filter(({ frame }) => frame === found).map(({ name }) => name),
        ),
      ),
    );
    if (constants.length + frames.length === 0) continue;
    const header = [`/** Written by scripts/build/frames.mjs from assembly/${family}/: change it there. */`];
    if (frames.length > 0) header.push('import type { FrameViews } from "./views.js";');
    written.set(`${family}.ts`, `${[...header, ...constants, ...frames].join("\n")}\n`);
  }
  return written;
}

/** All sources of assembly/ by their paths from there. */
export function readSources() {
  const folder = join(root, "assembly");
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(folder, path), readFileSync(path, "utf8")]),
  );
}

/** What the generator needs of one file: its classes, functions, imports, exports and shared constants. */
function parse(path, text) {
  const file = {
    path,
    unmanaged: [],
    functions: new Map(),
    imports: new Map(),
    reexports: [],
    stars: [],
    constants: [],
  };
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const place = (specifier) => `${join(dirname(path), specifier.text)}.ts`;
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      for (const { name, propertyName } of statement.importClause?.namedBindings?.elements ?? []) {
        file.imports.set(name.text, { path: place(statement.moduleSpecifier), name: (propertyName ?? name).text });
      }
    } else if (ts.isExportDeclaration(statement)) {
      if (statement.exportClause === undefined) file.stars.push(place(statement.moduleSpecifier));
      for (const { name, propertyName } of statement.exportClause?.elements ?? []) {
        file.reexports.push({
          name: name.text,
          from: (propertyName ?? name).text,
          path: place(statement.moduleSpecifier),
        });
      }
    } else if (ts.isFunctionDeclaration(statement)) {
      file.functions.set(statement.name.text, statement);
    } else if (ts.isClassDeclaration(statement) && isUnmanaged(statement)) {
      file.unmanaged.push(classOf(path, statement));
    } else if (ts.isVariableStatement(statement)) {
      const comment = commentOf(statement);
      if (!comment.includes("@host")) continue;
      for (const { name, initializer } of statement.declarationList.declarations) {
        const value = evaluate(`${path}: ${name.text}`, initializer);
        file.constants.push({ name: name.text, value, comment: comment.replace(/\s*@host/, "") });
      }
    }
  }
  return file;
}

const isUnmanaged = (node) => ts.getDecorators(node)?.some(({ expression }) => expression.getText() === "unmanaged");

/** The text of the JSDoc comment of a node, or "". */
function commentOf(node) {
  return (node.jsDoc?.at(-1)?.getText() ?? "").replace(/\n\s+\*/g, "\n *");
}

function classOf(path, { name, members }) {
  let end = 0;
  const fields = members.map((member) => {
    const type = member.type?.getText();
    if (!ts.isPropertyDeclaration(member) || !(type in VIEWS)) {
      const types = Object.keys(VIEWS).join(", ");
      throw new Error(`${path}: ${name.text}: expected fields of type ${types}, got "${member.getText()}"`);
    }
    const view = VIEWS[type];
    const word = Math.ceil(end / wordsOf(view)) * wordsOf(view);
    end = word + wordsOf(view);
    return { name: member.name.getText(), view, word, comment: commentOf(member) };
  });
  return { name: name.text, family: dirname(path), fields, words: end };
}

/** The number that an expression of literals stands for. */
function evaluate(what, node) {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (ts.isParenthesizedExpression(node)) return evaluate(what, node.expression);
  if (ts.isBinaryExpression(node)) {
    const [a, b] = [evaluate(what, node.left), evaluate(what, node.right)];
    if (node.operatorToken.kind === ts.SyntaxKind.AsteriskToken) return a * b;
    if (node.operatorToken.kind === ts.SyntaxKind.PlusToken) return a + b;
  }
  throw new Error(
    `${what}: a constant with @host must be a number, or a sum or product of numbers; got "${node.getText()}"`,
  );
}

/** The functions that a file exports by way of others: name -> path of the file that declares it. */
function exportsOf(files, path) {
  const found = new Map();
  for (const next of fileAt(files, path).stars) {
    for (const [name, declared] of fileAt(files, next).functions) if (isExported(declared)) found.set(name, next);
  }
  for (const { name, from, path: next } of fileAt(files, path).reexports) {
    const inner = fileAt(files, next).functions.has(from) ? next : exportsOf(files, next).get(from);
    if (inner === undefined || name !== from) throw new Error(`${path}: cannot follow the export of ${name}`);
    found.set(name, inner);
  }
  return found;
}

const isExported = ({ modifiers }) => modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

function fileAt(files, path) {
  const file = files.get(path);
  if (file === undefined) throw new Error(`assembly/: something imports ${path}, which is not there`);
  return file;
}

/** The one class that a kernel reads its arguments as. */
function frameOf(files, classes, path, kernel) {
  const found = new Set();
  const seen = new Set();
  const follow = (at, name, position) => {
    const file = fileAt(files, at);
    const declared = file.functions.get(name);
    if (declared === undefined) {
      const imported = file.imports.get(name);
      if (imported !== undefined) follow(imported.path, imported.name, position);
      return;
    }
    const key = `${at} ${name} ${position}`;
    if (seen.has(key) || declared.body === undefined) return;
    seen.add(key);
    const parameter = declared.parameters[position];
    const type = parameter.type.getText();
    if (classes.has(type)) found.add(type);
    if (type !== "usize") return;
    const visit = (node) => {
      if (ts.isCallExpression(node)) {
        const index = node.arguments.findIndex((argument) => argument.getText() === parameter.name.getText());
        const callee = node.expression.getText();
        if (index >= 0 && callee === "changetype") found.add(node.typeArguments[0].getText());
        else if (index >= 0) follow(at, callee, index);
      }
      ts.forEachChild(node, visit);
    };
    visit(declared.body);
  };
  follow(path, kernel, 0);
  const frame = classes.get([...found][0]);
  if (found.size !== 1 || frame === undefined) {
    const got = [...found].join(", ") || "none";
    throw new Error(`assembly/${path}: ${kernel} must read its arguments as one @unmanaged class, got ${got}`);
  }
  return frame;
}

const interfaceName = ({ name }) => `${name.replace(ENDING, "")}Frame`;
const writerName = ({ name }) => `write${name.replace(ENDING, "")}`;

/** Constants; those without a comment of their own stand beside the one before. */
function constantLines(constants) {
  const groups = [];
  for (const { name, value, comment: purpose } of constants) {
    if (/[a-z]/.test(purpose) || groups.length === 0) groups.push({ purpose, texts: [] });
    groups.at(-1).texts.push(`export const ${name} = ${value};`);
  }
  return groups.flatMap(({ purpose, texts }) => ["", ...(purpose === "" ? [] : [purpose]), ...filled(texts)]);
}

function classLines(found, users) {
  const views = [...new Set(found.fields.map(({ view }) => view))].sort().reverse();
  const place = ({ view, word }) => {
    const at = word === 0 ? "at" : `at + ${word}`;
    return view === "doubles" ? `(${at}) / 2` : at;
  };
  const type = `Pick<FrameViews, ${views.map((view) => `"${view}"`).join(" | ")}>`;
  const parameters = [`{ ${views.join(", ")} }: ${type}`, "at: number", `f: ${interfaceName(found)}`];
  const title = users.length === 0 ? "A row of a table." : `Arguments of ${users.join(", ")}.`;
  return [
    "",
    ...comment(
      title,
      found.fields.filter(({ comment: text }) => text !== ""),
    ),
    `export interface ${interfaceName(found)} { ${found.fields.map(({ name }) => `readonly ${name}: number;`).join(" ")} }`,
    "",
    "/** Writes it from word `at` on; returns the word behind. */",
    `export function ${writerName(found)}(${parameters.join(", ")}): number {`,
    `  ${found.fields.map((field) => `${field.view}[${place(field)}] = f.${field.name};`).join(" ")}`,
    `  return at + ${found.words};`,
    "}",
  ];
}

/** Statements one after the other, in lines that are not too long. */
function filled(texts) {
  const lines = [];
  for (const text of texts) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + text.length <= LINE) lines[last] += ` ${text}`;
    else lines.push(text);
  }
  return lines;
}

/** A comment, in lines that are not too long, with what the fields say from which it begins. */
function comment(title, fields) {
  const paragraphs = fields.map(({ name, comment: text }) => `- ${name}: ${bare(text)}`);
  if (paragraphs.length === 0 && title.length + 7 <= LINE) return [`/** ${title} */`];
  return ["/**", ...[title, ...paragraphs].flatMap((paragraph) => folded(paragraph)), " */"];
}

/** The text in a JSDoc comment. */
const bare = (text) =>
  text
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/\n\s*\*/g, " ")
    .replace(/\s+/g, " ")
    .trim();

function folded(text) {
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + word.length <= LINE) lines[last] += ` ${word}`;
    else lines.push(last < 0 ? ` * ${word}` : ` *   ${word}`);
  }
  return lines;
}

const VIEWS_TEXT = `/** Written by scripts/build/frames.mjs. */

/** The words of a memory that frames are written to, as integers (pointers, too), as float32 numbers, and two by two as float64. */
export interface FrameViews {
  readonly words: Uint32Array;
  readonly reals: Float32Array;
  readonly doubles: Float64Array;
}
`;

function kernelsText(kernels) {
  const families = [...new Set(kernels.map(({ frame }) => frame.family))].sort();
  return `/** Written by scripts/build/frames.mjs from assembly/: change it there. */
${families.map((family) => `import * as ${family} from "./${family}.js";`).join("\n")}
import type { FrameViews } from "./views.js";

/** What each kernel is told, by its name. */
export interface Frames {
${kernels.map(({ name, frame }) => `  readonly ${name}: ${frame.family}.${interfaceName(frame)};`).join("\n")}
}

/** How it is written to memory: from word \`at\` on; returns the word behind. */
export const frameWriters: {
  readonly [K in keyof Frames]: (views: FrameViews, at: number, frame: Frames[K]) => number;
} = {
${kernels.map(({ name, frame }) => `  ${name}: ${frame.family}.${writerName(frame)},`).join("\n")}
};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(root, framesFolder);
  mkdirSync(folder, { recursive: true });
  const written = generateFrames(readSources());
  for (const [name, text] of written) {
    const path = join(folder, name);
    if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  }
  for (const name of readdirSync(folder)) if (!written.has(name)) rmSync(join(folder, name));
}
