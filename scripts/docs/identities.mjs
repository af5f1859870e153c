/**
 * The page of laws, docs/identities.md, from the tests themselves: every law and every test of tests/identities, its number,
 * its sentence (the title), its kind, its source, and a link to its lines.
 *
 *   node scripts/docs/identities.mjs      tests/docs/identities.test.ts fails while the page says something else
 *
 * The kind is how a law is asserted: *statistical* where it is held to a standard error; *conditional* where the sides must be
 * apart (`apart`) once a condition falls; *exact* else: bit for bit (`identical`), or to the rounding of float64 (`equal`). The
 * source is what the comments of the test, of its group or of its file cite: a paper's section, equation or figure.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

const root = resolve(import.meta.dirname, "../..");
const FOLDER = "tests/identities";
export const page = join(root, "docs/identities.md");

/** `StyleGAN2, section 2 and figure 2`, `arXiv 1710.10196`, `Lavin and Gray 2015, equation 12` */
const CITATION =
  /\b(?:(?:StyleGAN2?|ADA|Progressive GAN|ProGAN|WGAN-GP|Adam|Lavin and Gray 2015|Mescheder et al\. 2018|Kingma and Ba 2015|He et al\. 2015|Salmon et al\. 2011)(?:,| \d{4},)? (?:section|sections|appendix|equation|equations|figure|table)s? ?[\w.]+(?:(?:,| and) (?:section|appendix|equation|figure|table) [\w.]+)*|Lavin and Gray 2015|Mescheder et al\. 2018|Kingma and Ba 2015|He et al\. 2015|arXiv \d{4}\.\d{5})/;

const cited = (text) => CITATION.exec(text.replace(/\n\s*(?:\*|\/\/)?\s*/g, " "))?.[0].replace(/[.,]$/, "") ?? null;

/** All laws of a file, in order. */
function lawsOf(name) {
  const text = readFileSync(join(root, FOLDER, name), "utf8");
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const laws = [];
  const header = cited(text.slice(0, text.indexOf("\nimport ")));
  const lineOf = (at) => source.getLineAndCharacterOfPosition(at).line + 1;
  const visit = (node, group) => {
    if (ts.isCallExpression(node)) {
      const called = node.expression.getText(source);
      const [title] = node.arguments;
      const isText = title !== undefined && ts.isStringLiteralLike(title);
      if (/^describe\b/.test(called) && isText) {
        const comment = text.slice(node.getFullStart(), node.getStart(source));
        const inner = { title: title.text, source: cited(comment) ?? group?.source ?? null };
        for (const argument of node.arguments.slice(1)) visit(argument, inner);
        return;
      }
      if (/^(law|test)\b/.test(called) && isText) {
        const body = node.getText(source);
        const comment = text.slice(node.getFullStart(), node.getStart(source));
        laws.push({
          ...numbered(title.text, group?.title ?? ""),
          group: group?.title.replace(/^[\d, ]+: /, "") ?? "",
          kind: kindOf(called, body),
          source: cited(comment) ?? cited(body) ?? group?.source ?? header,
          link: `../${FOLDER}/${name}#L${lineOf(node.getStart(source))}-L${lineOf(node.getEnd())}`,
        });
        return;
      }
    }
    ts.forEachChild(node, (child) => visit(child, group));
  };
  visit(source, null);
  return laws;
}

/** The number before the sentence: of the law, or of its group. */
function numbered(title, group) {
  const own = /^([\d, ]+): /.exec(title);
  const number = (own ?? /^([\d, ]+)[:,] /.exec(group))?.[1] ?? "";
  return { number, sentence: own === null ? title : title.slice(own[0].length) };
}

function kindOf(called, body) {
  if (/standardError|standard error/.test(body)) return "statistical";
  if (/\bapart\(/.test(body)) return "conditional";
  if (/^law\b/.test(called)) return "exact";
  return /\b(identical|equal)\(|toBe\(|toEqual\(/.test(body) ? "exact" : "inequality or refusal";
}

const cell = (text) =>
  text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("_", "\\_").replaceAll("<", "&lt;");

/** The page as it should be. */
export function identitiesPage() {
  const files = readdirSync(join(root, FOLDER))
    .filter((name) => name.endsWith(".test.ts"))
    .sort();
  const all = files.map((name) => [name, lawsOf(name)]);
  const count = all.reduce((sum, [, laws]) => sum + laws.length, 0);
  const of = (kind) => all.reduce((sum, [, laws]) => sum + laws.filter((law) => law.kind === kind).length, 0);
  const lines = [
    "# The laws",
    "",
    "<!-- Written by scripts/docs/identities.mjs from tests/identities. -->",
    "",
    "Every mathematical statement that the tests hold the code to, by its title. *Exact* is bit for bit, or to the rounding of",
    "float64 (1e-12 of the largest element); *conditional* holds under a condition, and the test also shows that it fails without;",
    "*statistical* is held to five standard errors. Operations are held to their gradients by [tests/nn/autograd.test.ts](../tests/nn/autograd.test.ts) (15, 16), kernels to their",
    "definitions by [tests/kernels](../tests/kernels) (1 to 5), networks to the official implementations by [tests/goldens](../tests/goldens).",
    "",
    `${count} laws: ${of("exact")} exact, ${of("conditional")} conditional, ${of("statistical")} statistical, ${of("inequality or refusal")} inequalities and refusals.`,
  ];
  for (const [name, laws] of all) {
    lines.push("", `## ${name.replace(".test.ts", "")}`, "", "| no. | law | kind | source |", "|---|---|---|---|");
    for (const { number, group, sentence, kind, source, link } of laws) {
      const where = group === "" || group.includes("%") ? "" : `${cell(group)}: `;
      lines.push(`| ${number} | ${where}[${cell(sentence)}](${link}) | ${kind} | ${source ?? "derived here"} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(page, identitiesPage());
  console.log(page);
}
