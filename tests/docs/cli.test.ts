/** docs/cli.md has a section for each command, and the pages together every option. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runCommand } from "../support/commandLine.js";

const docs = new URL("../../docs/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, docs), "utf8");
const pages = readdirSync(docs).filter((name) => name.endsWith(".md"));

/** The commands that a help text lists; `help` is commander's own. */
function commandsIn(help: string): string[] {
  const [, list = ""] = help.split(/^Commands:$/m);
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name).filter((name) => name !== "help");
}

const { out } = await runCommand("--help");
const commands = commandsIn(out);

test("the help text lists commands", () => expect(commands).toEqual(expect.arrayContaining(["generate", "explore"])));

test.each(commands)("%s has a section in docs/cli.md, and each of its options is told of", async (command) => {
  const titles = [...read("cli.md").matchAll(/^## (.*?)(:|$)/gm)].flatMap(([, title]) => title.split(", "));
  if (command === "completion") expect(read("cli.md")).toContain("`stylegan completion bash|zsh|fish`");
  else expect(titles).toContain(command);

  const help = await runCommand(command, "--help");
  const below = commandsIn(help.out).map(async (name) => (await runCommand(command, name, "--help")).out);
  const texts = [help.out, ...(await Promise.all(below))];
  // "-n, --samples" is told of where either is.
  const options = texts.flatMap((text) =>
    [...text.matchAll(/^ {2}(?:-\w, )?--[\w-]+/gm)].map(([flags]) => flags.trim()),
  );
  expect(options).toContain("-h, --help");
  const told = pages.map(read).join("\n");
  const isTold = (flags: string): boolean => new RegExp(`(?:${flags.replace(", ", "|")})(?![\\w-])`).test(told);
  expect(options.filter((flags) => flags !== "-h, --help" && !isTold(flags))).toEqual([]);
});
